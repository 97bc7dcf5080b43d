//! Half-open requests that end, or go on, without a packet of their client.

use std::net::IpAddr;

use anyhow::{Result, ensure};

use super::Provoked;
use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::rig::{Refused, Rig};
use crate::scenario::Kind;
use crate::segment::Segment;
use crate::{halfopen, icmp, inetdiag};

/// Each of them goes, so the next one finds one fewer in the queue.
fn one_by_one(opened: &[(Flow, Segment)]) -> Vec<Refused> {
    let waiting = (1..=u32::try_from(opened.len()).unwrap_or(0)).rev();
    opened
        .iter()
        .zip(waiting)
        .map(|((flow, _), syn_queue)| Refused { flow: *flow, syn_queue })
        .collect()
}

/// The retries are used up.
pub(crate) fn expired(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    halfopen::await_none()?;
    let ended = one_by_one(&opened);
    rig.ensure_silence(&ended)?;
    Ok(ended.into())
}

/// The SYN-ACK comes again after a second; then the clients go on.
pub(crate) fn synack_repeated(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let syn_queue = u32::try_from(count)?;
    let mut repeated = Vec::with_capacity(count);
    for (flow, first) in &opened {
        let again = rig.peer.await_synack(flow)?;
        ensure!(again.seq == first.seq, "{flow:?} got another SYN-ACK");
        repeated.push(Refused { flow: *flow, syn_queue });
    }
    for (flow, synack) in opened {
        rig.peer.ack(&flow, synack)?;
    }
    Ok(repeated.into())
}

/// The way back to the clients is lost before the SYN-ACK is repeated.
pub(crate) fn synack_unsendable(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    rig.peer.unplug()?;
    halfopen::await_none()?;
    Ok(one_by_one(&opened).into())
}

/// The listener stops; its requests find out when their timers fire.
pub(crate) fn listener_gone(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    rig.listener.stop()?;
    halfopen::await_none()?;
    let ended = one_by_one(&opened);
    rig.ensure_silence(&ended)?;
    Ok(ended.into())
}

/// The same where the listener's socket is closed, as by the end of its process.
pub(crate) fn listener_closed(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    rig.listener.close()?;
    halfopen::await_none()?;
    Ok(one_by_one(&opened).into())
}

/// The listener stops; its requests find out when their clients go on.
pub(crate) fn packet_for_the_gone(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    rig.listener.stop()?;
    for (flow, synack) in &opened {
        rig.peer.ack(flow, *synack)?;
        let answers = rig.peer.answers(flow)?;
        ensure!(answers.iter().any(|it| it.rst), "{flow:?} should have been reset: {answers:?}");
    }
    ensure!(halfopen::count()? == 0, "half-open requests are left");
    Ok(one_by_one(&opened).into())
}

/// The listener stops, and another one at the same address takes its requests.
pub(crate) fn migrated(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let (bound, backlog) = (rig.listener.bound(), i32::try_from(rig.listener.backlog())?);
    let heir = Listener::of_kind(Kind::Shared, rig.family, bound.ip(), bound.port(), backlog)?;
    std::mem::replace(&mut rig.listener, heir).stop()?;
    let mut moved = Vec::with_capacity(count);
    for ((flow, _), syn_queue) in opened.iter().zip(1..) {
        rig.peer.await_synack(flow)?;
        moved.push(Refused { flow: *flow, syn_queue });
    }
    for (flow, synack) in opened {
        rig.peer.ack(&flow, synack)?;
        let (_, client) = rig.listener.accept()?;
        ensure!(client == flow.client, "{client} was accepted instead of {}", flow.client);
    }
    Ok(moved.into())
}

/// A router tells that the SYN-ACK did not arrive; one that quotes another segment says nothing.
pub(crate) fn icmp_error(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    for (flow, synack) in &opened {
        let router = match flow.client.ip() {
            IpAddr::V4(_) => rig.peer.link().watchman(Family::V4),
            address @ IpAddr::V6(_) => address,
        };
        let other = Segment { seq: synack.seq.wrapping_add(1), ..*synack };
        let before = halfopen::count()?;
        rig.peer.send_raw(&icmp::fatal(router, flow, other)?)?;
        ensure!(halfopen::count()? == before, "an ICMP error about another segment counted");
        rig.peer.send_raw(&icmp::fatal(router, flow, *synack)?)?;
    }
    ensure!(halfopen::count()? == 0, "half-open requests are left");
    Ok(one_by_one(&opened).into())
}

/// An administrator destroys them.
pub(crate) fn destroyed(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    for (flow, _) in &opened {
        inetdiag::destroy_request(rig.family, flow)?;
    }
    ensure!(halfopen::count()? == 0, "half-open requests are left");
    let ended = one_by_one(&opened);
    rig.ensure_silence(&ended)?;
    Ok(ended.into())
}

/// The listener stops with a connection in its accept queue.
pub(crate) fn child_not_accepted(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let flow = rig.newcomer();
    rig.peer.handshake(&flow)?;
    rig.listener.stop()?;
    let answers = rig.peer.answers(&flow)?;
    ensure!(answers.iter().any(|it| it.rst), "{flow:?} should have been reset: {answers:?}");
    Ok(vec![Refused { flow, syn_queue: 0 }].into())
}

/// What every server does.
pub(crate) fn accepted(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut accepted = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        rig.peer.handshake(&flow)?;
        let (_, client) = rig.listener.accept()?;
        ensure!(client == flow.client, "{client} was accepted instead of {}", flow.client);
        accepted.push(Refused { flow, syn_queue: 0 });
    }
    Ok(accepted.into())
}
