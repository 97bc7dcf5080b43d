//! Handshakes for whose request there is no memory.

use anyhow::{Result, bail, ensure};

use super::Provoked;
use super::cookie::cookies;
use crate::famine::{Famine, ready_requests};
use crate::listener::Listener;
use crate::rig::{Refused, Rig};
use crate::scenario::Kind;
use crate::sysctl;

/// Where a request is allocated for a SYN or of a cookie, and where one is copied.
const ALLOCATE: &str = "inet_reqsk_alloc";
const CLONE: &str = "inet_reqsk_clone";
/// Only a guard: timers of earlier requests may give memory back in the wrong moment.
const TRIES: usize = 200;

/// Half-open requests until the kernel has none ready.
fn use_up(rig: &mut Rig) -> Result<u32> {
    let mut used = 0;
    loop {
        let ready = ready_requests(rig.family)?;
        if ready == 0 {
            return Ok(used);
        }
        rig.open(ready)?;
        used += u32::try_from(ready)?;
    }
}

/// SYNs that get no request.
pub(crate) fn syns_in_famine(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let famine = Famine::at(ALLOCATE)?;
    let mut refused = Vec::with_capacity(count);
    let mut syn_queue = 0;
    for _ in 0..TRIES {
        syn_queue += use_up(rig)?;
        let flow = rig.newcomer();
        famine.during(|| rig.peer.syn(&flow))?;
        if rig.peer.answers(&flow)?.is_empty() {
            refused.push(Refused { flow, syn_queue });
        } else {
            syn_queue += 1;
        }
        if refused.len() == count {
            return Ok(refused.into());
        }
    }
    bail!("only {} SYNs refused, {syn_queue} requests made", refused.len())
}

/// Good cookies that get no request.
pub(crate) fn cookie_acks_in_famine(rig: &mut Rig, count: usize) -> Result<Provoked> {
    const COOKIES: &str = "net.ipv4.tcp_syncookies";
    let famine = Famine::at(ALLOCATE)?;
    let before = sysctl::get(COOKIES)?;
    let mut refused = Vec::with_capacity(count);
    let mut syn_queue = 0;
    for (flow, synack) in rig.open(count)? {
        // Only what is no cookie gets a request at once.
        sysctl::set(COOKIES, 0)?;
        syn_queue += use_up(rig)?;
        sysctl::set(COOKIES, before)?;
        famine.during(|| rig.peer.ack(&flow, synack))?;
        refused.push(Refused { flow, syn_queue });
    }
    rig.ensure_silence(&refused)?;
    Ok(Provoked { refused, besides: cookies(u64::try_from(count)?, 0) })
}

/// A finished request that was to move to another listener, and cannot be copied.
pub(crate) fn migrating_ack_in_famine(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let famine = Famine::at(CLONE)?;
    let (bound, backlog) = (rig.listener.bound(), i32::try_from(rig.listener.backlog())?);
    let flow = rig.newcomer();
    let synack = rig.peer.open(&flow)?;
    // After the second time its timer leaves four seconds for the rest; it would move the request.
    rig.peer.await_synack(&flow)?;
    rig.peer.await_synack(&flow)?;
    let heir = Listener::of_kind(Kind::Shared, rig.family, bound.ip(), bound.port(), backlog)?;
    std::mem::replace(&mut rig.listener, heir).stop()?;
    let syn_queue = use_up(rig)?;
    famine.during(|| rig.peer.ack(&flow, synack))?;
    let answers = rig.peer.answers(&flow)?;
    ensure!(answers.iter().any(|it| it.rst), "{flow:?} should have been reset: {answers:?}");
    Ok(vec![Refused { flow, syn_queue }].into())
}
