//! Multipath TCP: clients that want to join a connection which does not exist.

use anyhow::{Result, ensure};

use super::Provoked;
use super::cookie::cookies;
use super::packet::last_ack;
use crate::rig::{Refused, Rig};
use crate::segment::Segment;

/// `MP_JOIN` in a SYN (RFC 8684, 3.2): kind 30, 12 bytes, subtype 1, address id, token, nonce.
const JOIN: &[u8] = &[30, 12, 0x10, 2, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4];

/// The same in the last ACK: 24 bytes, and a proof in place of token and nonce.
const JOIN_ACK: &[u8] =
    &[30, 24, 0x10, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

/// Good cookies, but what they want to join is not remembered.
pub(crate) fn joining_cookies(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for (flow, synack) in rig.open(count)? {
        rig.peer.send(&flow, Segment { options: JOIN_ACK, ..last_ack(synack) })?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    Ok(Provoked { refused, besides: cookies(u64::try_from(count)?, 0) })
}

/// Nobody knows the token; each client is reset.
pub(crate) fn unknown_token(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        rig.peer.syn_with(&flow, JOIN)?;
        refused.push(Refused { flow, syn_queue: 0 });
        let answers = rig.peer.answers(&flow)?;
        let resets = answers.iter().filter(|answer| answer.rst).count();
        ensure!(resets == 1, "{flow:?} should have been reset once: {answers:?}");
    }
    Ok(refused.into())
}
