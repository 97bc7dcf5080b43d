//! Packets that are thrown away before the listener's own code sees them.

use anyhow::{Context, Result, ensure};

use super::Provoked;
use crate::flow::{Family, Flow};
use crate::rig::{Refused, Rig};
use crate::segment::Segment;
use crate::sockopt;

/// More hops than any packet of a client has.
const FAR: u8 = 200;
/// Where clients' sequence numbers start.
const ISN: u32 = 1000;
/// The checksum's place in a TCP header.
const CHECKSUM: usize = 16;

/// A socket filter refuses SYNs.
pub(crate) fn filtered_syns(rig: &mut Rig, count: usize) -> Result<Provoked> {
    sockopt::filter(rig.listener.socket(), 0)?;
    Ok(rig.refused_syns(count, 0)?.into())
}

/// The same for last ACKs; the requests live on.
pub(crate) fn filtered_acks(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    sockopt::filter(rig.listener.socket(), 0)?;
    let mut refused = Vec::with_capacity(count);
    for (flow, synack) in opened {
        rig.peer.ack(&flow, synack)?;
        refused.push(Refused { flow, syn_queue: u32::try_from(count)? });
    }
    rig.ensure_silence(&refused)?;
    Ok(refused.into())
}

/// The listener takes only signed packets of these clients.
pub(crate) fn unsigned_syns(rig: &mut Rig, count: usize) -> Result<Provoked> {
    syns(rig, count, |rig, flow| {
        let is_v6 = rig.family != Family::V4;
        sockopt::require_signature(rig.listener.socket(), is_v6, flow.client.ip())
    })
}

/// Signatures' options that no packet may have: of both kinds, one twice, one that is too short.
static BAD_SIGNATURES: [[u8; 36]; 3] =
    [options(MD5, AO), options(MD5, MD5), options([AO[0], 4], [NOP, NOP])];
/// Kind and length of a TCP option.
const MD5: [u8; 2] = [19, 18];
const AO: [u8; 2] = [29, 16];
const NOP: u8 = 1;

const fn options(first: [u8; 2], second: [u8; 2]) -> [u8; 36] {
    let mut options = [NOP; 36];
    let next = first[1] as usize;
    [options[0], options[1]] = first;
    [options[next], options[next + 1]] = second;
    options
}

/// The listener has no key, and the SYNs have signatures that make no sense.
pub(crate) fn bad_signatures(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(BAD_SIGNATURES.len());
    for options in &BAD_SIGNATURES {
        let flow = rig.newcomer();
        rig.peer.syn_with(&flow, options)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    Ok(refused.into())
}

/// The clients are further away than the listener allows.
pub(crate) fn few_hops(rig: &mut Rig, count: usize) -> Result<Provoked> {
    sockopt::require_hops(rig.listener.socket(), rig.family == Family::V6, FAR)?;
    Ok(rig.refused_syns(count, 0)?.into())
}

/// The listener takes only what IPsec protects.
pub(crate) fn unprotected_syns(rig: &mut Rig, count: usize) -> Result<Provoked> {
    sockopt::require_ipsec(rig.listener.socket(), rig.family == Family::V6)?;
    Ok(rig.refused_syns(count, 0)?.into())
}

fn syns(
    rig: &mut Rig,
    count: usize,
    prepare: impl Fn(&Rig, &Flow) -> Result<()>,
) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        prepare(rig, &flow)?;
        rig.peer.syn(&flow)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    Ok(refused.into())
}

/// SYNs that end what they begin.
pub(crate) fn syn_fin(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        let both = Segment { syn: true, fin: true, seq: ISN, ..Segment::default() };
        rig.peer.send(&flow, both)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    Ok(refused.into())
}

/// SYNs that were damaged on the way.
pub(crate) fn garbled_syns(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        let syn = Segment { syn: true, seq: ISN, ..Segment::default() };
        let mut packet = syn.packet(&flow)?;
        let header = if rig.family == Family::V6 { 40 } else { 20 };
        packet[header + CHECKSUM] ^= 0xff;
        rig.peer.send_raw(&packet)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    Ok(refused.into())
}

/// Old SYNs of connections that the server has just ended; each is answered by an ACK.
pub(crate) fn syns_to_timewait(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for _ in 0..count {
        let (flow, _) = leave_in_timewait(rig)?;
        rig.peer.send(&flow, Segment { syn: true, seq: ISN - 500, ..Segment::default() })?;
        let answers = rig.peer.answers(&flow)?;
        let old = answers.iter().all(|it| it.ack && !it.syn && !it.rst) && !answers.is_empty();
        ensure!(old, "{flow:?} should have got an ACK of the old connection: {answers:?}");
        refused.push(Refused { flow, syn_queue: 0 });
    }
    Ok(refused.into())
}

/// A connection that the server has closed and that is in `TIME_WAIT` there; returns what a later
/// SYN of the client must exceed.
pub(crate) fn leave_in_timewait(rig: &mut Rig) -> Result<(Flow, u32)> {
    let flow = rig.newcomer();
    rig.peer.handshake(&flow)?;
    drop(rig.listener.accept()?);
    let answers = rig.peer.answers(&flow)?;
    let end = answers.iter().find(|it| it.fin).context("the server should have ended")?;
    let (seq, ack_seq) = (ISN + 1, end.seq.wrapping_add(1));
    rig.peer.send(&flow, Segment { ack: true, fin: true, seq, ack_seq, ..Segment::default() })?;
    rig.peer.answers(&flow)?;
    Ok((flow, seq + 1))
}
