//! Packets that are refused for reasons beside the queues.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;

use super::Provoked;
use crate::denial::Denial;
use crate::flow::{Family, Flow, Link};
use crate::rig::{Refused, Rig};

/// SYNs of clients to which no route leads, so that no SYN-ACK can be sent.
pub(crate) fn no_route(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let family = rig.family;
    syns(rig, count, |n, flow| Flow { client: Link::unroutable(family, n), ..flow })
}

/// SYNs to an address of many hosts.
pub(crate) fn not_unicast(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let everyone = rig.peer.link().everyone(rig.family);
    syns(rig, count, |_, flow| Flow {
        server: SocketAddr::new(everyone, flow.server.port()),
        ..flow
    })
}

/// IPv6 packets whose source is an IPv4 address in disguise.
pub(crate) fn mapped_source(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let link = rig.peer.link();
    syns(rig, count, |n, flow| {
        let client = link.client(Family::V4, n.into());
        let disguise = match client.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped().into(),
            address @ IpAddr::V6(_) => address,
        };
        Flow { client: SocketAddr::new(disguise, client.port()), ..flow }
    })
}

fn syns(rig: &mut Rig, count: usize, turn: impl Fn(u8, Flow) -> Flow) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for n in 1..=u8::try_from(count)? {
        let flow = turn(n, rig.newcomer());
        rig.peer.syn(&flow)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    Ok(refused.into())
}

/// A security module denies the requests.
pub(crate) fn denied(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let _denial = Denial::begin()?;
    Ok(rig.refused_syns(count, 0)?.into())
}
