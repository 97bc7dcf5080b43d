//! With `tcp_syncookies=2` every SYN is answered by a cookie and no request is ever stored.

use anyhow::Result;

use super::Provoked;
use crate::rig::{Refused, Rig};

/// A cookie is wanted for each SYN, but the accept queue is full. What was counted for the
/// handshakes that filled it comes besides.
pub(crate) fn accept_queue_full_cookie_syn(rig: &mut Rig, count: usize) -> Result<Provoked> {
    rig.fill_accept_queue()?;
    let refused = rig.refused_syns(count, 0)?;
    let filled = u64::from(rig.listener.capacity());
    Ok(Provoked { refused, besides: cookies(filled, filled) })
}

/// Clients hold a cookie, others fill the accept queue, then the first ones send their last ACK.
pub(crate) fn accept_queue_full_cookie_ack(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    rig.fill_accept_queue()?;
    let mut refused = Vec::with_capacity(count);
    for (flow, synack) in opened {
        rig.peer.ack(&flow, synack)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    let filled = u64::from(rig.listener.capacity());
    let sent = filled + u64::try_from(count)?;
    Ok(Provoked { refused, besides: cookies(sent, filled) })
}

fn cookies(sent: u64, received: u64) -> Vec<(&'static str, u64)> {
    vec![("TCPReqQFullDoCookies", sent), ("SyncookiesSent", sent), ("SyncookiesRecv", received)]
}
