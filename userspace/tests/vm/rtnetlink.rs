//! What a guest without iproute2 needs from rtnetlink: link up, address added, route to a host
//! added and deleted, and the kernel's verdict on each.
//!
//! Requests go to the network namespace of the calling thread.

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, bind, recv, send, socket};

const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_CREATE: u16 = 0x400;
const IFF_UP: u32 = 1;
/// Use the address at once: nobody else is on the link who could have it.
const IFA_F_NODAD: u8 = 2;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const HEADER: usize = 16;

/// The loopback interface has this index in every network namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// Sets an interface up.
pub(crate) fn set_up(index: u32) -> Result<()> {
    set_flags(index, IFF_UP).with_context(|| format!("failed to set interface {index} up"))
}

/// Sets an interface down.
pub(crate) fn set_down(index: u32) -> Result<()> {
    set_flags(index, 0).with_context(|| format!("failed to set interface {index} down"))
}

fn set_flags(index: u32, flags: u32) -> Result<()> {
    // struct ifinfomsg: family, padding, type, index, flags, mask of the flags to change.
    let mut body = vec![AF_UNSPEC, 0, 0, 0];
    for word in [index, flags, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    request(RTM_NEWLINK, 0, &body)
}

/// Gives an interface an address; the kernel adds the route to the address's network.
pub(crate) fn add_address(index: u32, address: IpAddr, prefix: u8) -> Result<()> {
    let (family, octets) = bytes(address);
    // struct ifaddrmsg: family, prefix, flags, scope, index.
    let mut body = vec![family, prefix, IFA_F_NODAD, 0];
    body.extend(index.to_ne_bytes());
    for kind in [IFA_LOCAL, IFA_ADDRESS] {
        attribute(&mut body, kind, &octets)?;
    }
    request(RTM_NEWADDR, NLM_F_CREATE, &body)
        .with_context(|| format!("failed to add {address}/{prefix} to interface {index}"))
}

/// Leads a host's packets to an interface.
pub(crate) fn add_route(index: u32, host: IpAddr) -> Result<()> {
    route(RTM_NEWROUTE, NLM_F_CREATE, index, host)
        .with_context(|| format!("failed to add a route to {host}"))
}

/// Deletes that route.
pub(crate) fn delete_route(index: u32, host: IpAddr) -> Result<()> {
    route(RTM_DELROUTE, 0, index, host)
        .with_context(|| format!("failed to delete the route to {host}"))
}

fn route(kind: u16, flags: u16, index: u32, host: IpAddr) -> Result<()> {
    let (family, octets) = bytes(host);
    // struct rtmsg: family, prefixes of destination and source, tos, table, protocol, scope, type,
    // flags.
    let prefix = u8::try_from(octets.len() * 8)?;
    let mut body = vec![family, prefix, 0, 0];
    body.extend([RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_LINK, RTN_UNICAST]);
    body.extend([0; 4]);
    attribute(&mut body, RTA_DST, &octets)?;
    attribute(&mut body, RTA_OIF, &index.to_ne_bytes())?;
    request(kind, flags, &body)
}

fn bytes(address: IpAddr) -> (u8, Vec<u8>) {
    match address {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    }
}

/// struct rtattr: length with this header, type. All lengths here are multiples of 4.
fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) -> Result<()> {
    body.extend((4 + u16::try_from(value.len())?).to_ne_bytes());
    body.extend(kind.to_ne_bytes());
    body.extend(value);
    Ok(())
}

fn request(kind: u16, flags: u16, body: &[u8]) -> Result<()> {
    // Protocol 0 is NETLINK_ROUTE.
    let netlink = socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
    bind(&netlink, &SocketAddrNetlink::new(0, 0))?;

    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend(u32::try_from(HEADER + body.len())?.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend((NLM_F_REQUEST | NLM_F_ACK | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(body);
    send(&netlink, &message, SendFlags::empty())?;

    let mut answer = [0; 512];
    let (length, _) = recv(&netlink, &mut answer[..], RecvFlags::empty())?;
    match verdict(&answer[..length]) {
        Some(0) => Ok(()),
        Some(code) => Err(std::io::Error::from_raw_os_error(-code).into()),
        None => bail!("failed to read the kernel's answer of {length} bytes"),
    }
}

/// The errno of an acknowledgement, negative as the kernel sends it, 0 for success.
fn verdict(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(HEADER..HEADER + 4)?.try_into().ok()?);
    (kind == NLMSG_ERROR).then_some(code)
}
