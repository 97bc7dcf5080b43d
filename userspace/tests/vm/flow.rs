//! Who talks to whom: the two ends of a connection, and the three ways in which a client can meet
//! a listener.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// How the client's packets and the listener's socket relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4 packets to an IPv4 socket.
    V4,
    /// IPv6 packets to an IPv6 socket.
    V6,
    /// IPv4 packets to an IPv6 socket that takes both.
    Mapped,
}

impl Family {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[Self::V4, Self::V6, Self::Mapped];

    /// What syndrop calls the family of such a packet.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Self::V4 | Self::Mapped => "ipv4",
            Self::V6 => "ipv6",
        }
    }

    /// The address that a socket of this family is bound to when it takes every address.
    pub(crate) fn any(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 | Self::Mapped => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
            Self::Mapped => "v4-mapped",
        })
    }
}

/// A client's end and the server's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Flow {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
}

/// The addresses of one tun link; each peer has its own link, told apart by a number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link(pub(crate) u8);

impl Link {
    pub(crate) const V4_PREFIX: u8 = 16;
    pub(crate) const V6_PREFIX: u8 = 64;

    /// The server's address.
    pub(crate) fn server(self, family: Family) -> IpAddr {
        match family {
            Family::V4 | Family::Mapped => Ipv4Addr::new(10, 9 + self.0, 0, 1).into(),
            Family::V6 => Ipv6Addr::new(0xfd09, 0, 0, self.0.into(), 0, 0, 0, 1).into(),
        }
    }

    /// An address that no client has.
    pub(crate) fn watchman(self, family: Family) -> IpAddr {
        match family {
            Family::V4 | Family::Mapped => Ipv4Addr::new(10, 9 + self.0, 255, 254).into(),
            Family::V6 => Ipv6Addr::new(0xfd09, 0, 0, self.0.into(), 0, 0, 2, 1).into(),
        }
    }

    /// An address of many hosts: the broadcast address of the network, or all nodes of the link.
    pub(crate) fn everyone(self, family: Family) -> IpAddr {
        match family {
            Family::V4 | Family::Mapped => Ipv4Addr::new(10, 9 + self.0, 255, 255).into(),
            Family::V6 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1).into(),
        }
    }

    /// The n-th client. Every client has an address of its own, so the kernel has no measured
    /// round trip for any of them.
    pub(crate) fn client(self, family: Family, n: u16) -> SocketAddr {
        let [high, low] = n.to_be_bytes();
        let address: IpAddr = match family {
            Family::V4 | Family::Mapped => {
                // 10.x.0.0/20 stays free for the server's side.
                Ipv4Addr::new(10, 9 + self.0, 16 + high, low).into()
            }
            Family::V6 => Ipv6Addr::new(0xfd09, 0, 0, self.0.into(), 0, 0, 1, n).into(),
        };
        SocketAddr::new(address, port(n))
    }

    /// The n-th client among hosts to which no route leads.
    pub(crate) fn unroutable(family: Family, n: u8) -> SocketAddr {
        let address: IpAddr = match family {
            Family::V4 | Family::Mapped => Ipv4Addr::new(192, 0, 2, n).into(),
            Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, n.into()).into(),
        };
        SocketAddr::new(address, port(n.into()))
    }
}

fn port(n: u16) -> u16 {
    20_000 + n % 40_000
}
