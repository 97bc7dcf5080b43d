//! Thousands of packets as fast as one CPU takes them, for `mixed.rs`.
//!
//! What is refused is told by the answers and not by a plan: a half-open request can end by its
//! timer while the storm goes on, and then one more SYN is answered.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::flow::{Flow, Link};
use crate::rig::Rig;

/// Sends everything, and says which packets were refused.
pub(crate) type Storm = Box<dyn FnMut(&mut Rig) -> Result<Vec<Flow>>>;

/// Brings a listener to where it refuses packets, and says how to send the given number of them.
pub(crate) type Prepare = fn(&mut Rig, usize) -> Result<Storm>;

/// SYNs that nobody follows up: the first ones are answered, until a limit of the SYN queue.
#[expect(clippy::unnecessary_wraps, reason = "other storms can fail to prepare")]
pub(crate) fn syns(_: &mut Rig, packets: usize) -> Result<Storm> {
    Ok(Box::new(move |rig| {
        let flows: Vec<Flow> = (0..packets).map(|_| rig.newcomer()).collect();
        send_syns(rig, flows)
    }))
}

/// SYNs, none of which can be answered.
pub(crate) fn syns_to_full_accept_queue(rig: &mut Rig, packets: usize) -> Result<Storm> {
    rig.fill_accept_queue()?;
    syns(rig, packets)
}

/// SYNs of clients to which no route leads.
#[expect(clippy::unnecessary_wraps, reason = "other storms can fail to prepare")]
pub(crate) fn syns_without_route(_: &mut Rig, packets: usize) -> Result<Storm> {
    Ok(Box::new(move |rig| {
        let family = rig.family;
        let hosts = (1..=u8::MAX).cycle();
        let flows = hosts.take(packets).map(|host| {
            let Flow { server, client } = rig.newcomer();
            let mut stranger = Link::unroutable(family, host);
            stranger.set_port(client.port());
            Flow { client: stranger, server }
        });
        let flows = flows.collect();
        send_syns(rig, flows)
    }))
}

fn send_syns(rig: &mut Rig, flows: Vec<Flow>) -> Result<Vec<Flow>> {
    for flow in &flows {
        rig.peer.syn(flow)?;
    }
    rig.peer.settle()?;
    let answered: BTreeSet<Flow> = rig.peer.answered().collect();
    Ok(flows.into_iter().filter(|flow| !answered.contains(flow)).collect())
}

/// One client that sends its last ACK again and again.
pub(crate) fn acks_to_full_accept_queue(rig: &mut Rig, packets: usize) -> Result<Storm> {
    let opened = rig.open(1)?;
    rig.fill_accept_queue()?;
    Ok(Box::new(move |rig| {
        let mut refused = Vec::with_capacity(packets);
        for (flow, synack) in opened.iter().cycle().take(packets) {
            rig.peer.ack(flow, *synack)?;
            refused.push(*flow);
        }
        Ok(refused)
    }))
}

/// Many clients, each of which sends its last ACK once and is reset.
pub(crate) fn last_acks_to_full_accept_queue(rig: &mut Rig, packets: usize) -> Result<Storm> {
    let opened = rig.open(packets)?;
    rig.fill_accept_queue()?;
    Ok(Box::new(move |rig| {
        let mut refused = Vec::with_capacity(packets);
        for (flow, synack) in &opened {
            rig.peer.ack(flow, *synack)?;
            refused.push(*flow);
        }
        rig.peer.settle()?;
        let reset: BTreeSet<Flow> = rig.peer.reset().collect();
        let spared = refused.iter().find(|flow| !reset.contains(flow));
        ensure!(spared.is_none(), "a client was not reset: {spared:?}");
        Ok(refused)
    }))
}
