//! Handshakes for whose request there is no memory.

use std::mem;
use std::net::SocketAddr;

use anyhow::{Result, bail, ensure};

use super::Provoked;
use super::cookie::cookies;
use crate::famine::{Famine, ready_requests};
use crate::flow::Flow;
use crate::listener::Listener;
use crate::rig::{Refused, Rig};
use crate::scenario::Kind;
use crate::segment::Segment;
use crate::sysctl;

const COOKIES: &str = "net.ipv4.tcp_syncookies";
/// Where a request is allocated, and where one is copied.
const ALLOCATE: &str = "inet_reqsk_alloc";
const CLONE: &str = "inet_reqsk_clone";
/// Somebody else's request may end, and make room, between two steps.
const TRIES: usize = 20;

/// Half-open requests until there is no room for another one; returns how many.
fn use_up(rig: &mut Rig) -> Result<usize> {
    let mut used = 0;
    let mut famine = None;
    for _ in 0..TRIES {
        let ready = ready_requests(rig.family)?;
        if ready == 0 {
            return Ok(used);
        }
        if used > 0 && famine.is_none() {
            // Some kernels take more memory than one request needs, if there is any.
            famine = Some(Famine::at(ALLOCATE)?);
        }
        for _ in 0..ready {
            let flow = rig.newcomer();
            match &famine {
                None => rig.peer.syn(&flow)?,
                Some(famine) => famine.during(|| rig.peer.syn(&flow))?,
            }
            rig.peer.await_synack(&flow)?;
            used += 1;
        }
    }
    bail!("after {used} requests there is still room")
}

/// Good cookies that get no request.
pub(crate) fn cookie_acks_in_famine(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let famine = Famine::at(ALLOCATE)?;
    let mut refused = Vec::with_capacity(count);
    let (mut syn_queue, mut sent, mut received) = (0, 0, 0);
    for _ in 0..TRIES {
        let (flow, synack) = cookie(rig)?;
        sent += 1;
        syn_queue += u32::try_from(use_up(rig)?)?;
        famine.during(|| rig.peer.ack(&flow, synack))?;
        match rig.listener.accept_all()? {
            0 => refused.push(Refused { flow, syn_queue }),
            _ => received += 1,
        }
        if refused.len() == count {
            rig.ensure_silence(&refused)?;
            return Ok(Provoked { refused, besides: cookies(sent, received) });
        }
    }
    bail!("{received} of {sent} cookies were taken")
}

/// A SYN that is answered by a cookie.
fn cookie(rig: &mut Rig) -> Result<(Flow, Segment)> {
    let before = sysctl::get(COOKIES)?;
    sysctl::set(COOKIES, 2)?;
    let flow = rig.newcomer();
    let synack = rig.peer.open(&flow)?;
    sysctl::set(COOKIES, before)?;
    Ok((flow, synack))
}

/// A finished request that was to move to another listener, and cannot be copied.
pub(crate) fn migrating_ack_in_famine(rig: &mut Rig, _: usize) -> Result<Provoked> {
    let famine = Famine::at(CLONE)?;
    let (bound, backlog) = (rig.listener.bound(), i32::try_from(rig.listener.backlog())?);
    let family = rig.family;
    for port in (bound.port() + 1..).take(TRIES) {
        let listen = || Listener::of_kind(Kind::Shared, family, bound.ip(), port, backlog);
        let first = listen()?;
        let Flow { client, server } = rig.newcomer();
        let flow = Flow { client, server: SocketAddr::new(server.ip(), port) };
        let synack = rig.peer.open(&flow)?;
        use_up(rig)?;
        // Its timer would move it too; after the first time it leaves two seconds.
        rig.peer.await_synack(&flow)?;
        use_up(rig)?;
        let heir = listen()?;
        first.stop()?;
        let starved = famine.during(|| rig.peer.ack(&flow, synack));
        // On a slow machine its timer was sooner; then there was nothing left to copy.
        if heir.accept_all()? == 0 {
            starved?;
            let answers = rig.peer.answers(&flow)?;
            ensure!(answers.iter().any(|it| it.rst), "{flow:?} was not reset: {answers:?}");
            // Requests that used memory up must not be without their listener.
            mem::forget(mem::replace(&mut rig.listener, heir));
            return Ok(vec![Refused { flow, syn_queue: 0 }].into());
        }
    }
    bail!("each of {TRIES} requests was moved")
}
