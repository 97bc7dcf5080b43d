//! Netlink, as far as it is needed: a request, and the messages that answer it.
//!
//! Requests go to the network namespace of the calling thread. Layout: include/uapi/linux/netlink.h.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{bind, recv, send, socket_with};

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
/// The first number of a message that is the protocol's own.
const NLMSG_MIN_TYPE: u16 = 16;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const HEADER: usize = 16;
/// The kernel fills at most half of this with one datagram, however much it has to say.
const ANSWER: usize = 1 << 16;
const RTM_NEWLINK: u16 = 16;
const IFF_UP: u32 = 1;
/// The loopback interface has this index in every network namespace.
const LOOPBACK: u32 = 1;

/// A netlink socket.
#[derive(Debug)]
pub struct Netlink(OwnedFd);

/// What is asked: `None` is routing, as for the system call.
pub type Family = Option<Protocol>;

impl Netlink {
    /// Opens one of this family.
    ///
    /// # Errors
    /// If the kernel does not have it.
    pub fn open(family: Family) -> io::Result<Self> {
        let kind = SocketType::RAW;
        let socket = socket_with(AddressFamily::NETLINK, kind, SocketFlags::CLOEXEC, family)?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Asks for all there is of a kind, and hands over the body of each message.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn dump(&self, kind: u16, body: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.send(kind, NLM_F_DUMP, body)?;
        let mut buffer = vec![0; ANSWER];
        loop {
            let (length, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
            for (kind, body) in Messages(&buffer[..length]) {
                match kind {
                    // Both begin with an errno, 0 if all went well.
                    NLMSG_DONE | NLMSG_ERROR => return verdict(body),
                    NLMSG_MIN_TYPE.. => each(body),
                    _ => {}
                }
            }
        }
    }

    /// Asks for something to be done.
    ///
    /// # Errors
    /// What the kernel answered.
    pub fn order(&self, kind: u16, body: &[u8]) -> io::Result<()> {
        self.send(kind, NLM_F_ACK, body)?;
        let mut buffer = [0; 512];
        let (length, _) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
        let answer = Messages(&buffer[..length]).find(|&(kind, _)| kind == NLMSG_ERROR);
        answer.map_or_else(|| Err(damaged()), |(_, body)| verdict(body))
    }

    fn send(&self, kind: u16, flags: u16, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(HEADER + body.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend((NLM_F_REQUEST | flags).to_ne_bytes());
        // Sequence number and port: one request at a time needs neither.
        message.extend([0; 8]);
        message.extend(body);
        send(&self.0, &message, SendFlags::empty())?;
        Ok(())
    }
}

/// Sets up the loopback interface of the calling thread's namespace.
///
/// # Errors
/// What the kernel answered.
pub fn loopback_up() -> io::Result<()> {
    // struct ifinfomsg: family, padding, type, index, flags, mask of the flags to change.
    let mut body = vec![0; 4];
    for word in [LOOPBACK, IFF_UP, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    Netlink::open(None)?.order(RTM_NEWLINK, &body)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "netlink answered something else")
}

/// The errno at the start of a message, negative as the kernel sends it.
fn verdict(body: &[u8]) -> io::Result<()> {
    match body.first_chunk().map(|code| i32::from_ne_bytes(*code)) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(code.saturating_neg())),
        None => Err(damaged()),
    }
}

/// The messages of one datagram: kind and body. Ends where they make no sense any more.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = u32::from_ne_bytes(*self.0.first_chunk()?) as usize;
        let kind = u16::from_ne_bytes(*self.0.get(4..)?.first_chunk()?);
        let body = self.0.get(HEADER..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Messages, verdict};

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u8::try_from(16 + body.len()).unwrap();
        let mut bytes = vec![length, 0, 0, 0, kind, 0];
        bytes.resize(16, 0);
        bytes.extend(body);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn messages_lie_four_bytes_aligned() {
        let datagram = [message(20, b"hello"), message(3, &[0; 4])].concat();
        let found: Vec<_> = Messages(&datagram).collect();
        assert_eq!(found, [(20, &b"hello"[..]), (3, &[0; 4][..])]);
    }

    #[test]
    fn damage_ends_it() {
        assert_eq!(Messages(&message(20, b"hello")[..18]).count(), 0);
        assert_eq!(Messages(&[8, 0, 0, 0, 20, 0, 0, 0]).count(), 0);
        assert_eq!(Messages(&[0; 64]).count(), 0);
    }

    #[test]
    fn the_errno_is_the_verdict() {
        assert!(verdict(&[0; 4]).is_ok());
        let denied = verdict(&(-1_i32).to_ne_bytes()).unwrap_err();
        assert_eq!(denied.kind(), std::io::ErrorKind::PermissionDenied);
        assert!(verdict(&[]).is_err());
    }

    proptest! {
        #[test]
        fn any_datagram_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let told: usize = Messages(&bytes).map(|(_, body)| body.len()).sum();
            prop_assert!(told <= bytes.len());
            let _ = verdict(&bytes);
        }

        #[test]
        fn any_length_is_survived(length: u32, code: i32) {
            let mut bytes = message(20, b"hello");
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            prop_assert!(Messages(&bytes).count() <= 1);
            prop_assert_eq!(verdict(&code.to_ne_bytes()).is_ok(), code == 0);
        }
    }
}
