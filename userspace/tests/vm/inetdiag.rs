//! The one thing that a guest without a recent `ss` needs from `NETLINK_SOCK_DIAG`: to destroy a
//! socket by its addresses, as `ss -K` does.

use std::io;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use procfs::net::{TcpNetEntries, TcpState};
use procfs::{FromReadSI, current_system_info};
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, bind, recv, send, socket};

use crate::flow::{Family, Flow};

const SOCK_DESTROY: u16 = 21;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const HEADER: usize = 16;
/// `struct inet_diag_req_v2`
const REQUEST: usize = 56;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const TCP: u8 = 6;
const SYN_RECV: u32 = 3;
const NO_COOKIE: [u8; 8] = [0xff; 8];

/// Destroys the server's half-open request of a flow.
pub(crate) fn destroy_request(family: Family, flow: &Flow) -> Result<()> {
    let family = if family == Family::V4 { AF_INET } else { AF_INET6 };
    let failed = || format!("failed to destroy the request of {flow:?}");
    destroy(family, flow.server, flow.client)?.with_context(failed)
}

/// Destroys all half-open requests of the calling thread's network namespace.
pub(crate) fn destroy_all_requests() -> Result<()> {
    for (family, table) in [(AF_INET, "tcp"), (AF_INET6, "tcp6")] {
        let path = format!("/proc/thread-self/net/{table}");
        let sockets =
            TcpNetEntries::from_file(&path, current_system_info()).with_context(|| path.clone())?.0;
        for request in sockets.iter().filter(|socket| socket.state == TcpState::SynRecv) {
            match destroy(family, request.local_address, request.remote_address)? {
                // It ended by itself meanwhile.
                Err(error) if error.raw_os_error() == Some(Errno::NOENT.raw_os_error()) => {}
                answer => answer.with_context(|| format!("failed to destroy {request:?}"))?,
            }
        }
    }
    Ok(())
}

/// Destroys a request; the inner result is the kernel's answer.
fn destroy(family: u8, server: SocketAddr, client: SocketAddr) -> Result<io::Result<()>> {
    let netlink = socket(AddressFamily::NETLINK, SocketType::RAW, Some(SOCK_DIAG))?;
    bind(&netlink, &SocketAddrNetlink::new(0, 0))?;
    let mut message = Vec::with_capacity(HEADER + REQUEST);
    message.extend(u32::try_from(HEADER + REQUEST)?.to_ne_bytes());
    message.extend(SOCK_DESTROY.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend([0; 8]);
    message.extend([family, TCP, 0, 0]);
    message.extend((1_u32 << SYN_RECV).to_ne_bytes());
    message.extend(server.port().to_be_bytes());
    message.extend(client.port().to_be_bytes());
    for address in [server.ip(), client.ip()] {
        message.extend(match address {
            IpAddr::V4(address) if family == AF_INET => [&address.octets()[..], &[0; 12]].concat(),
            IpAddr::V4(address) => address.to_ipv6_mapped().octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        });
    }
    message.extend(0_u32.to_ne_bytes());
    message.extend(NO_COOKIE);
    send(&netlink, &message, SendFlags::empty())?;

    let mut answer = [0; 512];
    let (length, _) = recv(&netlink, &mut answer[..], RecvFlags::empty())?;
    let answer = &answer[..length];
    let number = |at: usize| <[u8; 4]>::try_from(answer.get(at..at + 4)?).ok();
    match (answer.get(4..6), number(HEADER)) {
        (Some(kind), Some(code)) if kind == NLMSG_ERROR.to_ne_bytes() => {
            Ok(match i32::from_ne_bytes(code) {
                0 => Ok(()),
                code => Err(io::Error::from_raw_os_error(-code)),
            })
        }
        _ => bail!("failed to read the kernel's answer of {length} bytes"),
    }
}
