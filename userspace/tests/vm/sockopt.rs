//! Socket options that decide about packets before the listener's own code does, and that no
//! crate here knows.

use std::ffi::{c_int, c_void};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use anyhow::{Context, Result};

const SOL_SOCKET: c_int = 1;
const SO_ATTACH_FILTER: c_int = 26;
const IPPROTO_IP: c_int = 0;
const IP_MINTTL: c_int = 21;
const IPPROTO_TCP: c_int = 6;
const TCP_MD5SIG: c_int = 14;
const IPPROTO_IPV6: c_int = 41;
const IPV6_MINHOPCOUNT: c_int = 73;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

unsafe extern "C" {
    /// Of the C library, which `std` links.
    fn setsockopt(
        socket: c_int,
        level: c_int,
        name: c_int,
        value: *const c_void,
        length: u32,
    ) -> c_int;
}

fn set<T>(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: &T) -> Result<()> {
    let length = u32::try_from(size_of::<T>())?;
    // SAFETY: the kernel reads `length` bytes from `value`, which has as many, and what those
    // point at below lives as long; it keeps no pointer.
    let answer =
        unsafe { setsockopt(socket.as_raw_fd(), level, name, (&raw const *value).cast(), length) };
    if answer == 0 {
        return Ok(());
    }
    Err(io::Error::last_os_error()).with_context(|| format!("failed to set option {level}/{name}"))
}

/// Lets no packet through to the socket any more.
pub(crate) fn refuse_everything(socket: BorrowedFd<'_>) -> Result<()> {
    /// `struct sock_filter`
    #[repr(C)]
    struct Instruction {
        code: u16,
        if_true: u8,
        if_false: u8,
        operand: u32,
    }
    /// `struct sock_fprog`
    #[repr(C)]
    struct Program {
        length: u16,
        instructions: *const Instruction,
    }
    /// `BPF_RET | BPF_K`: so many bytes of the packet are kept.
    const RETURN: u16 = 0x06;
    let nothing = Instruction { code: RETURN, if_true: 0, if_false: 0, operand: 0 };
    set(
        socket,
        SOL_SOCKET,
        SO_ATTACH_FILTER,
        &Program { length: 1, instructions: &raw const nothing },
    )
}

/// Lets only packets through that have this many hops left.
pub(crate) fn require_hops(socket: BorrowedFd<'_>, is_v6: bool, hops: u8) -> Result<()> {
    let (level, name) =
        if is_v6 { (IPPROTO_IPV6, IPV6_MINHOPCOUNT) } else { (IPPROTO_IP, IP_MINTTL) };
    set(socket, level, name, &c_int::from(hops))
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
    let key = [b'k'; 80];
    let signature =
        Signature { family, port: 0, rest, flags: 0, prefix: 0, key_length: 8, interface: 0, key };
    set(socket, IPPROTO_TCP, TCP_MD5SIG, &signature)
}
