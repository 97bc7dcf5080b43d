//! Which drops are shown: what the user asked for, in the form that the probes apply.
//!
//! The filter runs in the kernel, so that hidden drops cost no event and the totals of shown and
//! hidden ones stay exact. A recording is filtered by the same rules, here.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ebpf_probes::{Between, Filter, MAX_PORTS, Reason, Stage};
use ipnet::IpNet;

use crate::decode::{Family, ListenerId, SynDrop};

mod netns;
mod owner;

pub use netns::{Netns, NetnsError};
pub use owner::OwnerFilter;

/// What the user asked for. What is empty or `None` asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Any of these local ports.
    pub ports: Vec<u16>,
    /// Local addresses.
    pub local: Option<IpNet>,
    /// Peer addresses.
    pub peer: Option<IpNet>,
    /// One IP version only.
    pub family: Option<Family>,
    /// One network namespace only, by inode number.
    pub netns: Option<u32>,
    /// Any of these reasons.
    pub reasons: Vec<Reason>,
    /// Which notices.
    pub notices: Notices,
    /// Any of these stages.
    pub stages: Vec<Stage>,
}

/// Which notices were asked for, apart from those that are named among the reasons.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Notices {
    /// None.
    #[default]
    None,
    /// All, or as far as notices are named among the reasons, those.
    All,
    /// These.
    Only(Vec<Reason>),
}

/// Why nothing can be filtered that way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// More ports than the probes look at.
    #[error(
        "failed to filter by {0} ports: at most {MAX_PORTS} fit, leave some out or all of them"
    )]
    TooManyPorts(usize),
    /// Nothing can match.
    #[error(
        "failed to filter by {network}: no {wanted} packet has such an address, drop one of the two"
    )]
    OtherFamily {
        /// The network.
        network: IpNet,
        /// What the rest of the filter asks for.
        wanted: &'static str,
    },
}

impl Wanted {
    /// The form that the probes apply.
    ///
    /// # Errors
    /// If the probes cannot hold it, or nothing can match.
    pub fn compile(&self) -> Result<Filter, FilterError> {
        let mut filter = Filter::ALL;
        if self.ports.len() > MAX_PORTS {
            return Err(FilterError::TooManyPorts(self.ports.len()));
        }
        for (slot, &port) in filter.ports.iter_mut().zip(&self.ports) {
            *slot = port;
            filter.ports_len += 1;
        }
        if let Some(local) = &self.local {
            (filter.local, filter.local_mask) = masked(local);
        }
        if let Some(peer) = &self.peer {
            (filter.peer, filter.peer_mask) = masked(peer);
        }
        filter.family = match self.family()? {
            None => 0,
            Some(Family::V4) => 4,
            Some(Family::V6) => 6,
        };
        filter.netns = self.netns.unwrap_or(0);
        let (notices, drops): (Vec<_>, Vec<_>) =
            self.reasons.iter().partition(|reason| reason.is_notice());
        if !self.reasons.is_empty() {
            filter.reasons = bits(&drops);
        }
        filter.notices = bits(&notices);
        match &self.notices {
            Notices::All if notices.is_empty() => filter.notices = u64::MAX,
            Notices::All | Notices::None => {}
            Notices::Only(more) => filter.notices |= bits(more),
        }
        if !self.stages.is_empty() {
            filter.stages = self.stages.iter().fold(0, |bits, &stage| bits | 1 << stage as u8);
        }
        Ok(filter)
    }

    /// The one IP version that can match. A network asks for its own: to the probes `::/0` alone
    /// would be every address, IPv4 ones included.
    fn family(&self) -> Result<Option<Family>, FilterError> {
        let mut wanted = self.family;
        for network in [&self.local, &self.peer].into_iter().flatten() {
            let family = family_of(network);
            match wanted {
                Some(other) if other != family => {
                    let wanted = match other {
                        Family::V4 => "IPv4",
                        Family::V6 => "IPv6",
                    };
                    return Err(FilterError::OtherFamily { network: *network, wanted });
                }
                _ => wanted = Some(family),
            }
        }
        Ok(wanted)
    }
}

/// One bit per reason, notices counted from the first of them: the two never share a set.
fn bits(reasons: &[Reason]) -> u64 {
    reasons.iter().fold(0, |bits, &reason| bits | 1 << (reason as u16 % Reason::FIRST_NOTICE))
}

/// Whether the filter shows every drop, whatever it does with notices.
pub fn shows_every_drop(filter: &Filter) -> bool {
    Filter { notices: Filter::ALL.notices, ..*filter } == Filter::ALL
}

/// The IP version of the packets that a network's addresses are found in.
fn family_of(network: &IpNet) -> Family {
    match network {
        IpNet::V4(_) => Family::V4,
        IpNet::V6(network) => {
            let mapped = network.prefix_len() >= 96 && network.addr().to_ipv4_mapped().is_some();
            if mapped { Family::V4 } else { Family::V6 }
        }
    }
}

/// Network and netmask, v4-mapped where they are IPv4.
fn masked(network: &IpNet) -> ([u8; 16], [u8; 16]) {
    let bits = match network {
        IpNet::V4(network) => 96 + network.prefix_len(),
        IpNet::V6(network) => network.prefix_len(),
    };
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    let address = u128::from_be_bytes(mapped(network.addr()));
    ((address & mask).to_be_bytes(), mask.to_be_bytes())
}

fn mapped(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
    .octets()
}

/// Whether the filter shows such drops, or such notices.
pub fn shows_reason(filter: &Filter, reason: Reason) -> bool {
    let reasons = if reason.is_notice() { filter.notices } else { filter.reasons };
    reasons & bits(&[reason]) != 0
}

/// Whether the filter shows such drops at such a stage.
pub fn shows_kind(filter: &Filter, reason: Reason, stage: Stage) -> bool {
    shows_reason(filter, reason) && filter.stages >> stage as u8 & 1 != 0
}

/// Whether the filter shows a drop, by the rules that the probes have. What could not be read of
/// a packet is 0 to them.
pub fn shows(filter: &Filter, drop: &SynDrop) -> bool {
    let packet = drop.packet;
    let family = packet.map_or(0, |packet| match packet.family {
        Family::V4 => 4,
        Family::V6 => 6,
    });
    let octets = |end: Option<SocketAddr>| {
        end.map_or(Ipv6Addr::UNSPECIFIED.octets(), |end| mapped(end.ip()))
    };
    let between = Between {
        family,
        netns: drop.listener.netns.unwrap_or(0),
        local: &octets(packet.map(|packet| packet.local)),
        local_port: packet.map_or(0, |packet| packet.local.port()),
        peer: &octets(packet.map(|packet| packet.peer)),
    };
    shows_kind(filter, drop.reason, drop.stage) && filter.shows(&between)
}

/// Whether drops that the filter shows can be drops of this listener. An IPv6 one that is bound to
/// no address may get IPv4 packets too.
pub fn concerns(filter: &Filter, listener: &ListenerId) -> bool {
    let any = |bound: SocketAddr| bound.ip().is_unspecified();
    let family = |bound: SocketAddr| match filter.family {
        4 => bound.is_ipv4() || any(bound),
        6 => bound.is_ipv6(),
        _ => true,
    };
    (filter.netns == 0 || listener.netns.is_none_or(|netns| netns == filter.netns))
        && listener.bound.is_none_or(|bound| {
            filter.names_port(bound.port())
                && family(bound)
                && (any(bound) || filter.covers(&mapped(bound.ip())))
        })
}

#[cfg(test)]
mod tests;
