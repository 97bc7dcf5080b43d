//! Packets for a request in the SYN queue, and all that can be wrong with them.

use anyhow::{Result, bail, ensure};

use super::Provoked;
use super::cookie::await_unmistakable;
use crate::flow::Flow;
use crate::netstat::Netstat;
use crate::rig::{Refused, Rig};
use crate::segment::Segment;
use crate::sysctl;

/// The client's clock when it sends its SYN.
const CLOCK: u32 = 5000;
/// Beyond every window of a request.
const FAR: u32 = 1 << 28;
/// Inside every window.
const NEAR: u32 = 10;

/// What the client gets back, besides a SYN-ACK that is repeated when its timer says so.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Silence,
    Reset,
    BareAck,
}

/// An ACK of something that was never sent; no cookie was sent lately either.
pub(crate) fn wrong_number(rig: &mut Rig, count: usize) -> Result<Provoked> {
    await_unmistakable();
    let opened = rig.open(count)?;
    acknowledge_nothing(rig, &opened)
}

/// The same just after another client got a cookie: then it could have been one.
pub(crate) fn wrong_number_among_cookies(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let before = sysctl::get("net.ipv4.tcp_syncookies")?;
    sysctl::set("net.ipv4.tcp_syncookies", 2)?;
    rig.open(1)?;
    sysctl::set("net.ipv4.tcp_syncookies", before)?;
    let provoked = acknowledge_nothing(rig, &opened)?;
    let besides = vec![("TCPReqQFullDoCookies", 1), ("SyncookiesSent", 1)];
    Ok(Provoked { besides, ..provoked })
}

fn acknowledge_nothing(rig: &mut Rig, opened: &[(Flow, Segment)]) -> Result<Provoked> {
    let refused = each(rig, opened, Answer::Reset, |synack| Segment {
        ack_seq: synack.seq.wrapping_add(FAR),
        ..last_ack(synack)
    })?;
    finish(rig, opened, last_ack)?;
    Ok(refused.into())
}

/// Last ACKs with a clock that went backwards since the SYN.
pub(crate) fn paws(rig: &mut Rig, count: usize) -> Result<Provoked> {
    stamped(rig, count, |clock| (CLOCK - 1000, clock))
}

/// Last ACKs that echo a time at which the server sent nothing.
pub(crate) fn tsecr(rig: &mut Rig, count: usize) -> Result<Provoked> {
    stamped(rig, count, |clock| (CLOCK + 1, clock.wrapping_add(1_000_000)))
}

fn stamped(rig: &mut Rig, count: usize, stamps: impl Fn(u32) -> (u32, u32)) -> Result<Provoked> {
    let mut opened = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        rig.peer.stamped_syn(&flow, CLOCK)?;
        let synack = rig.peer.await_synack(&flow)?;
        ensure!(synack.stamps.is_some(), "the SYN-ACK has no timestamps: {synack:?}");
        opened.push((flow, synack));
    }
    let with = |synack: Segment, stamps: &dyn Fn(u32) -> (u32, u32)| Segment {
        stamps: synack.stamps.map(|(clock, _)| stamps(clock)),
        ..last_ack(synack)
    };
    let refused = each(rig, &opened, Answer::BareAck, |synack| with(synack, &stamps))?;
    finish(rig, &opened, |synack| with(synack, &|clock| (CLOCK + 1, clock)))?;
    Ok(refused.into())
}

/// Last ACKs from far beyond the window.
pub(crate) fn out_of_window(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let refused = each(rig, &opened, Answer::BareAck, |synack| Segment {
        seq: synack.ack_seq.wrapping_add(FAR),
        ..last_ack(synack)
    })?;
    finish(rig, &opened, last_ack)?;
    Ok(refused.into())
}

/// Resets from far beyond the window.
pub(crate) fn far_reset(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let refused = each(rig, &opened, Answer::Silence, |synack| reset(synack, FAR))?;
    finish(rig, &opened, last_ack)?;
    Ok(refused.into())
}

/// Resets from within the window, but not from its edge.
pub(crate) fn near_reset(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let refused = each(rig, &opened, Answer::BareAck, |synack| reset(synack, NEAR))?;
    finish(rig, &opened, last_ack)?;
    Ok(refused.into())
}

/// The client gives up, and the request is gone.
pub(crate) fn client_reset(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let refused = each(rig, &opened, Answer::Silence, |synack| reset(synack, 0))?;
    Ok(ended(refused))
}

/// Another SYN from the same end, within the window: the request is gone.
pub(crate) fn other_syn(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let refused = each(rig, &opened, Answer::Reset, |synack| Segment {
        syn: true,
        seq: synack.ack_seq.wrapping_add(NEAR),
        ..Segment::default()
    })?;
    Ok(ended(refused))
}

/// Packets without any flag.
pub(crate) fn no_flags(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let refused = each(rig, &opened, Answer::Silence, |synack| Segment {
        seq: synack.ack_seq,
        ..Segment::default()
    })?;
    finish(rig, &opened, last_ack)?;
    Ok(refused.into())
}

/// The server wants data before anything else; with data the handshake is finished.
pub(crate) fn deferred(rig: &mut Rig, count: usize) -> Result<Provoked> {
    rig.listener.defer_accept()?;
    let opened = rig.open(count)?;
    let refused = each(rig, &opened, Answer::Silence, last_ack)?;
    finish(rig, &opened, |synack| Segment { data: b"hello", ..last_ack(synack) })?;
    Ok(refused.into())
}

/// The same SYN again.
pub(crate) fn syn_again(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let mut again = Vec::with_capacity(count);
    for (flow, synack) in &opened {
        let second = rig.peer.open(flow)?;
        ensure!(second.seq == synack.seq, "another request answered: {synack:?}, then {second:?}");
        again.push(Refused { flow: *flow, syn_queue: u32::try_from(count)? });
    }
    finish(rig, &opened, last_ack)?;
    Ok(again.into())
}

/// The same SYN for the third time, right after the second was answered.
pub(crate) fn too_soon(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    for (flow, synack) in &opened {
        let again = rig.peer.open(flow)?;
        ensure!(again.seq == synack.seq, "another request answered: {synack:?}, then {again:?}");
    }
    let refused = each(rig, &opened, Answer::Silence, |synack| Segment {
        syn: true,
        seq: synack.ack_seq.wrapping_sub(1),
        ..Segment::default()
    })?;
    finish(rig, &opened, last_ack)?;
    Ok(refused.into())
}

/// The handshake's last packet as it should be.
pub(super) fn last_ack(synack: Segment) -> Segment {
    let (seq, ack_seq) = (synack.ack_seq, synack.seq.wrapping_add(1));
    Segment { ack: true, seq, ack_seq, ..Segment::default() }
}

fn reset(synack: Segment, from: u32) -> Segment {
    Segment { rst: true, seq: synack.ack_seq.wrapping_add(from), ..Segment::default() }
}

/// Each client sends one segment and gets the answer that is due.
fn each(
    rig: &mut Rig,
    opened: &[(Flow, Segment)],
    due: Answer,
    segment: impl Fn(Segment) -> Segment,
) -> Result<Vec<Refused>> {
    let mut refused = Vec::with_capacity(opened.len());
    for (flow, synack) in opened {
        rig.peer.send(flow, segment(*synack))?;
        refused.push(Refused { flow: *flow, syn_queue: u32::try_from(opened.len())? });
        let mut answers = rig.peer.answers(flow)?;
        answers.retain(|answer| !answer.is_synack());
        let right = match (due, answers.as_slice()) {
            (Answer::Silence, []) => true,
            (Answer::Reset, [answer]) => answer.rst,
            (Answer::BareAck, [answer]) => answer.ack && !answer.syn && !answer.rst,
            _ => false,
        };
        ensure!(right, "{flow:?} should have got {due:?}: {answers:?}");
    }
    Ok(refused)
}

/// The requests live on: each of them becomes a connection after all.
pub(super) fn finish(
    rig: &mut Rig,
    opened: &[(Flow, Segment)],
    segment: impl Fn(Segment) -> Segment,
) -> Result<()> {
    let before = Netstat::read()?;
    for (flow, synack) in opened {
        rig.peer.send(flow, segment(*synack))?;
    }
    for (flow, _) in opened {
        let (_, client) = rig.listener.accept()?;
        ensure!(client == flow.client, "{client} was accepted instead of {}", flow.client);
    }
    let moved = Netstat::read()?.moved_since(&before);
    if !moved.is_empty() {
        bail!("good handshakes moved {moved:?}");
    }
    Ok(())
}

/// Each packet ended its request, which is counted no more when the packet is reported.
fn ended(mut refused: Vec<Refused>) -> Provoked {
    let left = (0..refused.len()).rev();
    for (refused, left) in refused.iter_mut().zip(left) {
        refused.syn_queue = u32::try_from(left).unwrap_or(u32::MAX);
    }
    refused.into()
}
