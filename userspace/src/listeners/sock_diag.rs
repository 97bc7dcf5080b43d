//! What the kernel tells everybody of the listeners of their namespace, as `ss` is told: all but
//! the SYN queue. Layout: include/uapi/linux/inet_diag.h.

use std::net::{IpAddr, SocketAddr};
use std::{fs, io};

use rustix::net::netlink;

use crate::decode::{AcceptQueue, Listener, ListenerId, Sysctls};
use crate::kernel::netlink::Netlink;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
/// One bit per TCP state; LISTEN is the tenth.
const LISTEN: u32 = 1 << 10;
/// `struct inet_diag_req_v2`: eight bytes, then `struct inet_diag_sockid`.
const REQUEST: usize = 8 + 48;
/// `struct inet_diag_msg`.
const MESSAGE: usize = 72;
/// `INET_DIAG_NOCOOKIE`
const NO_COOKIE: u64 = u64::MAX;

/// The listeners of the calling thread's namespace, which has this inode number.
pub(super) fn listeners(netns: Option<u32>) -> io::Result<Vec<Listener>> {
    let socket = Netlink::open(Some(netlink::SOCK_DIAG))?;
    let sysctls = sysctls();
    let mut found = Vec::new();
    for family in [AF_INET, AF_INET6] {
        let mut request = vec![family, IPPROTO_TCP, 0, 0];
        request.extend(LISTEN.to_ne_bytes());
        request.resize(REQUEST, 0);
        socket.dump(SOCK_DIAG_BY_FAMILY, &request, |message| {
            found.extend(listener(message, netns, sysctls));
        })?;
    }
    Ok(found)
}

/// `None` for what is too short to be one.
fn listener(message: &[u8], netns: Option<u32>, sysctls: Sysctls) -> Option<Listener> {
    let message = message.get(..MESSAGE)?;
    let word = |at: usize| Some(u32::from_ne_bytes(*message.get(at..)?.first_chunk()?));
    let port = u16::from_be_bytes(*message.get(4..)?.first_chunk()?);
    let address: IpAddr = match *message.first()? {
        AF_INET => IpAddr::from(*message.get(8..)?.first_chunk::<4>()?),
        AF_INET6 => IpAddr::from(*message.get(8..)?.first_chunk::<16>()?),
        _ => return None,
    };
    let cookie = u64::from(word(44)?) | u64::from(word(48)?) << 32;
    let inode = u64::from(word(68)?);
    Some(Listener {
        id: ListenerId {
            sock: 0,
            inode: Some(inode).filter(|&inode| inode != 0),
            netns,
            bound: Some(SocketAddr::new(address, port)),
        },
        cookie: Some(cookie).filter(|&cookie| cookie != 0 && cookie != NO_COOKIE),
        uid: word(64),
        accept: Some(AcceptQueue { len: word(56)?, limit: word(60)? }),
        syn_len: None,
        syn_young: None,
        sysctls,
    })
}

/// The settings of the calling thread's namespace.
fn sysctls() -> Sysctls {
    let read = |name: &str| {
        let text = fs::read_to_string(format!("/proc/sys/net/{name}")).ok()?;
        text.trim().parse().ok()
    };
    Sysctls {
        syncookies: read("ipv4/tcp_syncookies"),
        max_syn_backlog: read("ipv4/tcp_max_syn_backlog"),
        somaxconn: read("core/somaxconn"),
        abort_on_overflow: read("ipv4/tcp_abort_on_overflow"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::net::TcpListener;
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;

    use super::{AcceptQueue, MESSAGE, Sysctls, listener};

    fn message(family: u8) -> Vec<u8> {
        let mut bytes = vec![0; MESSAGE];
        bytes[0] = family;
        bytes[4..6].copy_from_slice(&80_u16.to_be_bytes());
        bytes[8..12].copy_from_slice(&[192, 0, 2, 1]);
        for (at, word) in [(44, 7_u32), (48, 1), (56, 3), (60, 128), (64, 1000), (68, 42)] {
            bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn a_message_is_a_listener() {
        let found = listener(&message(2), Some(9), Sysctls::default()).unwrap();
        assert_eq!(found.id.bound, Some("192.0.2.1:80".parse().unwrap()));
        assert_eq!((found.id.netns, found.id.inode, found.uid), (Some(9), Some(42), Some(1000)));
        assert_eq!(found.cookie, Some(7 | 1 << 32));
        assert_eq!(found.accept, Some(AcceptQueue { len: 3, limit: 128 }));
        assert_eq!((found.syn_len, found.syn_young), (None, None));
        let found = listener(&message(10), None, Sysctls::default()).unwrap();
        assert_eq!(found.id.bound, Some("[c000:201::]:80".parse().unwrap()));
    }

    #[test]
    fn what_is_no_message_is_no_listener() {
        assert_eq!(listener(&message(2)[1..], None, Sysctls::default()), None);
        assert_eq!(listener(&message(16), None, Sysctls::default()), None);
    }

    #[test]
    fn everybody_is_told_of_their_own_listeners() {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        // Where the kernel's module is not to be had, there is nothing to compare with.
        let Ok(found) = super::listeners(None) else { return };
        let inode = std::fs::File::from(socket.as_fd().try_clone_to_owned().unwrap());
        let inode = inode.metadata().unwrap().ino();
        let ours = found.iter().find(|it| it.id.inode == Some(inode)).unwrap();
        assert_eq!(ours.id.bound, socket.local_addr().ok());
        assert_eq!(ours.accept.unwrap().len, 0);
    }

    proptest! {
        #[test]
        fn any_message_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let found = listener(&bytes, None, Sysctls::default());
            prop_assert!(found.is_none() || bytes.len() >= MESSAGE);
        }
    }
}
