//! Socket options that decide about packets before the listener's own code does.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;

use anyhow::{Context, Result};
use libc::c_int;

use crate::option;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// The key of signatures; what the kernel is given is longer, and says how much of it counts.
pub(crate) const KEY: &[u8] = &[b'k'; 8];

/// Gives the socket, and every connection that is made of it, a filter that keeps so many bytes of
/// each packet; with 0 none gets through.
pub(crate) fn filter(socket: BorrowedFd<'_>, bytes: u32) -> Result<()> {
    /// `BPF_RET | BPF_K` (include/uapi/linux/bpf_common.h)
    const RETURN: u16 = 0x06;
    let keep = libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: bytes };
    let program = libc::sock_fprog { len: 1, filter: (&raw const keep).cast_mut() };
    option::set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
        .context("failed to attach a socket filter")
}

/// Takes the filter away.
pub(crate) fn unfilter(socket: BorrowedFd<'_>) -> Result<()> {
    option::set(socket, libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0)
        .context("failed to detach a socket filter")
}

/// Lets only packets through that have this many hops left.
pub(crate) fn require_hops(socket: BorrowedFd<'_>, is_v6: bool, hops: u8) -> Result<()> {
    let (level, name) = if is_v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT)
    } else {
        (libc::IPPROTO_IP, libc::IP_MINTTL)
    };
    option::set(socket, level, name, &c_int::from(hops)).context("failed to require hops")
}

/// Lets only packets of this client through that are signed with a key; `is_v6` is the socket.
pub(crate) fn require_signature(socket: BorrowedFd<'_>, is_v6: bool, client: IpAddr) -> Result<()> {
    /// `struct tcp_md5sig`
    #[repr(C)]
    struct Signature {
        family: u16,
        port: u16,
        /// The rest of a `struct sockaddr_storage`.
        rest: [u8; 124],
        flags: u8,
        prefix: u8,
        key_length: u16,
        interface: u32,
        key: [u8; 80],
    }
    const _: () = assert!(size_of::<Signature>() == 216);
    let mut rest = [0; 124];
    let family = match (is_v6, client) {
        (false, IpAddr::V4(client)) => {
            rest[..4].copy_from_slice(&client.octets());
            AF_INET
        }
        // After the flow label.
        (true, IpAddr::V4(client)) => {
            rest[4..20].copy_from_slice(&client.to_ipv6_mapped().octets());
            AF_INET6
        }
        (_, IpAddr::V6(client)) => {
            rest[4..20].copy_from_slice(&client.octets());
            AF_INET6
        }
    };
    let mut key = [0; 80];
    key[..KEY.len()].copy_from_slice(KEY);
    let key_length = u16::try_from(KEY.len())?;
    let signature =
        Signature { family, port: 0, rest, flags: 0, prefix: 0, key_length, interface: 0, key };
    option::set(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG, &signature)
        .context("failed to set a TCP signature's key")
}

/// Has IPsec block whatever comes to the socket.
pub(crate) fn require_ipsec(socket: BorrowedFd<'_>, is_v6: bool) -> Result<()> {
    /// The action of a `struct xfrm_userpolicy_info`.
    const BLOCK: u8 = 1;
    /// `struct xfrm_userpolicy_info`
    #[repr(C)]
    struct Policy {
        /// The selector's addresses and ports: any.
        ends: [u8; 40],
        family: u16,
        /// The rest of the selector, lifetimes, priority and index.
        any: [u8; 118],
        direction: u8,
        action: u8,
        flags: u8,
        share: u8,
        padding: u32,
    }
    const _: () = assert!(size_of::<Policy>() == 168);
    let (level, name, family) = if is_v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_XFRM_POLICY, AF_INET6)
    } else {
        (libc::IPPROTO_IP, libc::IP_XFRM_POLICY, AF_INET)
    };
    let block = Policy {
        ends: [0; 40],
        family,
        any: [0; 118],
        direction: 0,
        action: BLOCK,
        flags: 0,
        share: 0,
        padding: 0,
    };
    option::set(socket, level, name, &block).context("failed to set an IPsec policy")
}
