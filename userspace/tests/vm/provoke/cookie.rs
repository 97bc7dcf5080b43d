//! ACKs without a request. With `tcp_syncookies=2` every SYN is answered by a cookie and no request
//! is ever stored.

use std::ops::Range;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use rustix::time::{ClockId, clock_gettime};

use super::Provoked;
use crate::denial::Denial;
use crate::rig::{Refused, Rig};
use crate::segment::Segment;

/// The client's clock when it sends its SYN.
const CLOCK: u32 = 5000;
/// In the timestamp of a SYN-ACK with a cookie: the client knows SACK.
const SACK: u32 = 1 << 4;

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

/// Waits until a listener that never sent a cookie is not mistaken for one that just did.
///
/// When the last one was sent is kept as 32 bits of the kernel's clock, 0 for never; the clock
/// itself passes 0 five minutes after the start, and for two minutes that is not long ago.
pub(super) fn await_unmistakable() {
    const MISTAKEN: Range<u64> = 290..430;
    let up = clock_gettime(ClockId::Boottime).tv_sec.unsigned_abs();
    if MISTAKEN.contains(&up) {
        thread::sleep(Duration::from_secs(MISTAKEN.end - up));
    }
}

/// ACKs out of nowhere.
pub(crate) fn stray_acks(rig: &mut Rig, count: usize) -> Result<Provoked> {
    await_unmistakable();
    let mut refused = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        rig.peer.send(&flow, Segment { ack: true, seq: 1, ack_seq: 1, ..Segment::default() })?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    ensure_resets(rig, &refused)?;
    Ok(refused.into())
}

/// Cookies with a flaw.
pub(crate) fn forged_cookies(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for (flow, synack) in rig.open(count)? {
        let forged = Segment { seq: synack.seq.wrapping_add(1 << 28), ..synack };
        rig.peer.ack(&flow, forged)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    ensure_resets(rig, &refused)?;
    Ok(Provoked { refused, besides: cookies(u64::try_from(count)?, 0) })
}

/// Good cookies, but what else the client knows comes back in the timestamp, and the server has
/// switched it off.
pub(crate) fn cookies_of_other_options(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let mut refused = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        rig.peer.stamped_syn(&flow, CLOCK)?;
        let synack = rig.peer.await_synack(&flow)?;
        let Some((clock, _)) = synack.stamps else {
            bail!("the SYN-ACK has no timestamps: {synack:?}");
        };
        let stamps = (CLOCK + 1, clock.wrapping_add(SACK));
        rig.peer.stamped_ack(&flow, synack, Some(stamps))?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    ensure_resets(rig, &refused)?;
    Ok(Provoked { refused, besides: cookies(u64::try_from(count)?, 0) })
}

fn ensure_resets(rig: &mut Rig, refused: &[Refused]) -> Result<()> {
    for Refused { flow, .. } in refused {
        let answers = rig.peer.answers(flow)?;
        let reset = matches!(answers.as_slice(), [answer] if answer.rst);
        ensure!(reset, "{flow:?} should have been reset once: {answers:?}");
    }
    Ok(())
}

/// A security module denies what the cookies stand for.
pub(crate) fn denied_cookies(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let _denial = Denial::begin()?;
    let mut refused = Vec::with_capacity(count);
    for (flow, synack) in opened {
        rig.peer.ack(&flow, synack)?;
        refused.push(Refused { flow, syn_queue: 0 });
    }
    rig.ensure_silence(&refused)?;
    Ok(Provoked { refused, besides: cookies(u64::try_from(count)?, 0) })
}

/// Each SYN is answered by a cookie.
pub(crate) fn cookies_sent(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    let sent = opened.iter().map(|(flow, _)| Refused { flow: *flow, syn_queue: 0 });
    Ok(sent.collect::<Vec<_>>().into())
}

pub(super) fn cookies(sent: u64, received: u64) -> Vec<(&'static str, u64)> {
    let counters =
        [("TCPReqQFullDoCookies", sent), ("SyncookiesSent", sent), ("SyncookiesRecv", received)];
    counters.into_iter().filter(|(_, by)| *by != 0).collect()
}
