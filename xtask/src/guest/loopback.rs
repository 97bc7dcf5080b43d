//! Brings `lo` up over netlink, so that a guest has a loopback without any program packed.

use anyhow::{Result, bail};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, bind, recv, send, socket};

const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const IFF_UP: u32 = 1;
/// The kernel gives every network namespace its loopback first.
pub(crate) const LO_INDEX: i32 = 1;
/// A netlink header and an `ifinfomsg`, 16 bytes each.
const LENGTH: u32 = 32;

/// Sets IFF_UP on interface 1 and waits for the kernel's answer.
pub(crate) fn up() -> Result<()> {
    ask(&request())
}

/// Sends a request about interfaces or routes and waits for the kernel's answer.
pub(crate) fn ask(request: &[u8]) -> Result<()> {
    // No protocol is protocol 0, NETLINK_ROUTE.
    let socket = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, 0))?;
    send(&socket, request, SendFlags::empty())?;
    let mut answer = [0; 256];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty())?;
    match errno(&answer[..length]) {
        Some(0) => Ok(()),
        Some(code) => Err(std::io::Error::from_raw_os_error(-code).into()),
        None => bail!("the kernel answered {length} bytes that are no acknowledgement"),
    }
}

fn request() -> Vec<u8> {
    let mut message = Vec::with_capacity(LENGTH as usize);
    // struct nlmsghdr: length, type, flags, sequence, port.
    message.extend(LENGTH.to_ne_bytes());
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK).to_ne_bytes());
    message.extend([0; 8]);
    // struct ifinfomsg: family and padding, device type, index, flags, which flags change.
    message.extend([0; 4]);
    message.extend(LO_INDEX.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message
}

/// The code in a `nlmsgerr`; 0 acknowledges.
fn errno(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(16..20)?.try_into().ok()?);
    (kind == NLMSG_ERROR).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_as_long_as_it_says() {
        let request = request();
        assert_eq!(request.len(), LENGTH as usize);
        assert_eq!(request[..4], LENGTH.to_ne_bytes());
    }

    #[test]
    fn only_an_acknowledgement_has_a_code() {
        let mut answer = vec![0; 36];
        assert_eq!(errno(&answer), None);
        answer[4..6].copy_from_slice(&NLMSG_ERROR.to_ne_bytes());
        assert_eq!(errno(&answer), Some(0));
        answer[16..20].copy_from_slice(&(-1_i32).to_ne_bytes());
        assert_eq!(errno(&answer), Some(-1));
        assert_eq!(errno(&answer[..17]), None);
    }
}
