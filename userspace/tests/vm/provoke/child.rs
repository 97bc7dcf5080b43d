//! Finished handshakes of which no connection can be made, with a request or with a cookie.

use anyhow::{Result, ensure};

use super::Provoked;
use super::cookie::cookies;
use super::packet::{finish, last_ack};
use crate::flow::{Family, Flow, Link};
use crate::rig::{Refused, Rig};
use crate::scarcity::Scarcity;
use crate::segment::Segment;
use crate::sockopt;

/// Where clients' sequence numbers start.
const ISN: u32 = 1000;

/// The route to the clients is lost between their SYN and their ACK, and comes back.
pub(crate) fn route_lost(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = open_far_away(rig, count)?;
    for (flow, _) in &opened {
        rig.peer.delete_route(flow.client.ip())?;
    }
    let refused = acks(rig, &opened, opened.len())?;
    for (flow, _) in &opened {
        rig.peer.add_route(flow.client.ip())?;
    }
    finish(rig, &opened, last_ack)?;
    Ok(refused.into())
}

/// The same with `tcp_abort_on_overflow`; not even the reset finds a way.
pub(crate) fn route_lost_for_good(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = open_far_away(rig, count)?;
    for (flow, _) in &opened {
        rig.peer.delete_route(flow.client.ip())?;
    }
    Ok(one_by_one(acks(rig, &opened, opened.len())?).into())
}

/// The same SYN again, when the way back to the clients is lost.
pub(crate) fn route_lost_for_synacks(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = open_far_away(rig, count)?;
    let mut unanswered = Vec::with_capacity(count);
    for (flow, _) in &opened {
        rig.peer.delete_route(flow.client.ip())?;
        rig.peer.syn(flow)?;
        unanswered.push(Refused { flow: *flow, syn_queue: u32::try_from(count)? });
    }
    rig.ensure_silence(&unanswered)?;
    Ok(unanswered.into())
}

/// The same with cookies.
pub(crate) fn route_lost_for_cookies(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = open_far_away(rig, count)?;
    for (flow, _) in &opened {
        rig.peer.delete_route(flow.client.ip())?;
    }
    let refused = acks(rig, &opened, 0)?;
    Ok(Provoked { refused, besides: cookies(u64::try_from(count)?, 0) })
}

/// The listener's filter does not fit into the memory that a connection may take.
pub(crate) fn no_memory(rig: &mut Rig, count: usize) -> Result<Provoked> {
    sockopt::filter(rig.listener.socket(), u32::MAX)?;
    let opened = rig.open(count)?;
    let refused = {
        let _scarcity = Scarcity::begin()?;
        acks(rig, &opened, opened.len())?
    };
    for (flow, _) in &opened {
        ensure_no_answer(rig, flow)?;
    }
    finish(rig, &opened, last_ack)?;
    Ok(refused.into())
}

/// The same with `tcp_abort_on_overflow`: each client is reset.
pub(crate) fn no_memory_and_reset(rig: &mut Rig, count: usize) -> Result<Provoked> {
    sockopt::filter(rig.listener.socket(), u32::MAX)?;
    let opened = rig.open(count)?;
    let _scarcity = Scarcity::begin()?;
    let refused = acks(rig, &opened, opened.len())?;
    for (flow, _) in &opened {
        let answers = rig.peer.answers(flow)?;
        let resets = answers.iter().filter(|answer| answer.rst).count();
        ensure!(resets == 1, "{flow:?} should have been reset once: {answers:?}");
    }
    Ok(one_by_one(refused).into())
}

/// The same with cookies.
pub(crate) fn no_memory_for_cookies(rig: &mut Rig, count: usize) -> Result<Provoked> {
    sockopt::filter(rig.listener.socket(), u32::MAX)?;
    let opened = rig.open(count)?;
    let _scarcity = Scarcity::begin()?;
    let refused = acks(rig, &opened, 0)?;
    rig.ensure_silence(&refused)?;
    Ok(Provoked { refused, besides: cookies(u64::try_from(count)?, 0) })
}

/// The listener's key for a client does not fit into the memory that its connection may take.
pub(crate) fn no_memory_for_keys(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let key = Some(sockopt::KEY);
    let mut opened = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        let is_v6 = rig.family != Family::V4;
        sockopt::require_signature(rig.listener.socket(), is_v6, flow.client.ip())?;
        rig.peer.send(&flow, Segment { syn: true, seq: ISN, key, ..Segment::default() })?;
        opened.push((flow, rig.peer.await_synack(&flow)?));
    }
    let signed = |synack| Segment { key, ..last_ack(synack) };
    let mut refused = Vec::with_capacity(count);
    {
        let _scarcity = Scarcity::begin()?;
        for (flow, synack) in &opened {
            rig.peer.send(flow, signed(*synack))?;
            refused.push(Refused { flow: *flow, syn_queue: u32::try_from(count)? });
        }
    }
    for (flow, _) in &opened {
        ensure_no_answer(rig, flow)?;
    }
    finish(rig, &opened, signed)?;
    Ok(refused.into())
}

/// Clients of another network, to each of whom a route leads for now, and their SYN-ACKs.
fn open_far_away(rig: &mut Rig, count: usize) -> Result<Vec<(Flow, Segment)>> {
    let mut opened = Vec::with_capacity(count);
    for n in 1..=u8::try_from(count)? {
        let flow = Flow { client: Link::unroutable(rig.family, n), ..rig.newcomer() };
        rig.peer.add_route(flow.client.ip())?;
        opened.push((flow, rig.peer.open(&flow)?));
    }
    Ok(opened)
}

fn acks(rig: &mut Rig, opened: &[(Flow, Segment)], syn_queue: usize) -> Result<Vec<Refused>> {
    let syn_queue = u32::try_from(syn_queue)?;
    let mut refused = Vec::with_capacity(opened.len());
    for (flow, synack) in opened {
        rig.peer.ack(flow, *synack)?;
        refused.push(Refused { flow: *flow, syn_queue });
    }
    Ok(refused)
}

/// Each refusal ended a request, but not before the queue was looked at.
fn one_by_one(mut refused: Vec<Refused>) -> Vec<Refused> {
    for (ended, refused) in (0..).zip(&mut refused) {
        refused.syn_queue -= ended;
    }
    refused
}

/// A SYN-ACK is repeated when its timer says so, not because of the ACK.
fn ensure_no_answer(rig: &mut Rig, flow: &Flow) -> Result<()> {
    let answers = rig.peer.answers(flow)?;
    let loud = answers.iter().any(|answer| !answer.is_synack());
    ensure!(!loud, "{flow:?} should not have been answered: {answers:?}");
    Ok(())
}
