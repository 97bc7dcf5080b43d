//! Multipath TCP: SYNs that want to join a connection which does not exist.

use anyhow::{Result, ensure};

use super::Provoked;
use crate::rig::{Refused, Rig};

/// `MP_JOIN` in a SYN (RFC 8684, 3.2): kind 30, 12 bytes, subtype 1, address id, token, nonce.
const JOIN: &[u8] = &[30, 12, 0x10, 2, 0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4];

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
