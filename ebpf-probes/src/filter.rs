//! Which events are shown: set by userspace, applied by the probes.

use crate::reason::Reason;

/// How many ports a filter can name.
pub const MAX_PORTS: usize = 16;

/// Which events are shown. Addresses are IPv6, IPv4 ones v4-mapped; an empty mask matches all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Filter {
    /// Network of the packet's local address.
    pub local: [u8; 16],
    /// Its netmask.
    pub local_mask: [u8; 16],
    /// Network of the peer's address.
    pub peer: [u8; 16],
    /// Its netmask.
    pub peer_mask: [u8; 16],
    /// One bit per number of a [`Reason`](crate::Reason) that is a drop and is shown.
    pub reasons: u64,
    /// One bit per notice that is shown, counted from
    /// [`Reason::FIRST_NOTICE`](crate::Reason::FIRST_NOTICE).
    pub notices: u64,
    /// One bit per [`Stage`](crate::Stage) number that is shown.
    pub stages: u32,
    /// 4 or 6 to show that family only, else 0.
    pub family: u32,
    /// How many of `ports` are set; 0 shows every port.
    pub ports_len: u32,
    /// Network namespace inode number to show only, else 0.
    pub netns: u32,
    /// Local ports that are shown, host byte order.
    pub ports: [u16; MAX_PORTS],
}

impl Filter {
    /// Shows every drop, and no notice.
    pub const ALL: Self = Self {
        local: [0; 16],
        local_mask: [0; 16],
        peer: [0; 16],
        peer_mask: [0; 16],
        reasons: u64::MAX,
        notices: 0,
        stages: u32::MAX,
        family: 0,
        ports_len: 0,
        netns: 0,
        ports: [0; MAX_PORTS],
    };

    /// Whether a notice is wanted.
    #[must_use]
    #[inline]
    pub const fn notices(&self, notice: Reason) -> bool {
        self.notices >> (notice as u16 - Reason::FIRST_NOTICE) & 1 != 0
    }

    /// Whether anybody wants to hear what becomes of refused clients.
    #[must_use]
    #[inline]
    pub const fn follows_clients(&self) -> bool {
        self.notices(Reason::ClientRecovered) || self.notices(Reason::ClientGone)
    }

    /// Whether it takes the ends of a connection, or its namespace, to tell whether it is shown.
    #[must_use]
    #[inline]
    pub const fn asks_for_ends(&self) -> bool {
        let masks = u128::from_ne_bytes(self.local_mask) | u128::from_ne_bytes(self.peer_mask);
        self.family | self.netns | self.ports_len != 0 || masks != 0
    }

    /// Whether it shows what happens between two ends. Calculated as far as can be: the verifier
    /// follows each branch.
    #[must_use]
    #[inline]
    pub fn shows(&self, ends: &Between<'_>) -> bool {
        (self.family == 0 || self.family == ends.family)
            && (self.netns == 0 || self.netns == ends.netns)
            && self.names_port(ends.local_port)
            && self.covers(ends.local)
            && within(ends.peer, &self.peer, &self.peer_mask)
    }

    /// Whether what happens at a local address can be shown.
    #[must_use]
    #[inline]
    pub fn covers(&self, local: &[u8; 16]) -> bool {
        within(local, &self.local, &self.local_mask)
    }

    /// Whether what happens at a local port can be shown.
    #[must_use]
    #[inline]
    pub fn names_port(&self, port: u16) -> bool {
        let mut slot = 0;
        while slot < MAX_PORTS {
            if slot < self.ports_len as usize && self.ports[slot] == port {
                return true;
            }
            slot += 1;
        }
        self.ports_len == 0
    }
}

/// The ends of a packet or a connection, as the filter looks at them.
#[derive(Debug, Clone, Copy)]
pub struct Between<'a> {
    /// 4 or 6; 0 if it could not be read, as the rest.
    pub family: u32,
    /// Inode number of the network namespace.
    pub netns: u32,
    /// Address at this host, IPv4 ones v4-mapped.
    pub local: &'a [u8; 16],
    /// Its port, host byte order.
    pub local_port: u16,
    /// Address of the peer.
    pub peer: &'a [u8; 16],
}

#[inline]
fn within(address: &[u8; 16], network: &[u8; 16], mask: &[u8; 16]) -> bool {
    let [address, network, mask] = [address, network, mask].map(|it| u128::from_ne_bytes(*it));
    address & mask == network
}

// No byte of it is padding: it is a part of the global.
const _: () = assert!(size_of::<Filter>() == 4 * 16 + 2 * 8 + 4 * 4 + 2 * MAX_PORTS);
