//! Packets that are refused for reasons beside the queues.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, bail, ensure};

use super::Provoked;
use crate::flow::{Family, Flow, Link};
use crate::rig::{Refused, Rig};

/// The client's clock when it sends its SYN.
const CLOCK: u32 = 5000;

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

/// Last ACKs with a clock that went backwards since the SYN.
pub(crate) fn paws(rig: &mut Rig, count: usize) -> Result<Provoked> {
    acks(rig, count, |clock| (CLOCK - 1000, clock))
}

/// Last ACKs that echo a time at which the server sent nothing.
pub(crate) fn tsecr(rig: &mut Rig, count: usize) -> Result<Provoked> {
    acks(rig, count, |clock| (CLOCK + 1, clock.wrapping_add(1_000_000)))
}

/// All of these ACKs are answered by a bare ACK, and the requests live on.
fn acks(rig: &mut Rig, count: usize, stamps: impl Fn(u32) -> (u32, u32)) -> Result<Provoked> {
    let mut opened = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        rig.peer.stamped_syn(&flow, CLOCK)?;
        let synack = rig.peer.await_synack(&flow)?;
        let Some((clock, _)) = synack.stamps else {
            bail!("the SYN-ACK has no timestamps: {synack:?}");
        };
        opened.push((flow, synack, clock));
    }
    let mut refused = Vec::with_capacity(count);
    for (flow, synack, clock) in opened {
        rig.peer.stamped_ack(&flow, synack, Some(stamps(clock)))?;
        refused.push(Refused { flow, syn_queue: u32::try_from(count)? });
        let answers = rig.peer.answers(&flow)?;
        let bare = answers.iter().filter(|answer| answer.ack && !answer.syn && !answer.rst);
        ensure!(bare.count() == 1, "{flow:?} should have got one bare ACK: {answers:?}");
    }
    Ok(refused.into())
}
