//! A SYN to a listener.

use super::Verdict;
use crate::counter::Counter;
use crate::facts::{Facts, Milestone, Milestones};
use crate::reason::{Evidence, Reason, Stage};

const fn syn(reason: Reason) -> Verdict {
    Verdict::observed(reason, Stage::Syn)
}

/// `tcp_v4_conn_request`, `tcp_v6_conn_request` or one of their MPTCP twins returned.
///
/// What goes on to `tcp_conn_request` is judged there. A SYN that the wrapper keeps to itself was
/// not meant for one host, or came from a v4-mapped source in an IPv6 packet: these are its only
/// two tests.
#[inline]
#[must_use]
pub fn conn_request_wrapper(facts: &Facts) -> Option<Verdict> {
    if facts.passed.has(Milestone::ConnRequest) {
        None
    } else if facts.passed.has(Milestone::SourceMapped) {
        Some(syn(Reason::SynV4MappedSource))
    } else {
        Some(syn(Reason::SynDstNotUnicast))
    }
}

/// Whether the way alone tells what became of a SYN: then nobody needs to read counters.
#[inline]
#[must_use]
pub const fn is_told_by_way(watched: Milestones) -> bool {
    watched.has(Milestone::FloodRefused) && watched.has(Milestone::RequestAllocated)
}

/// `tcp_conn_request` returned (net/ipv4/tcp_input.c). It always returns 0, so only the way that
/// was taken tells. Order of the kernel's tests: SYN queue, accept queue, allocation, LSM and
/// route, reserved quarter, Fast Open.
#[inline]
#[must_use]
pub fn conn_request(facts: &Facts) -> Option<Verdict> {
    at_once(facts).or_else(|| by_way(facts))
}

/// What most SYNs of a flood come to, which hardly get anywhere: one look judges them.
#[inline]
pub(super) fn at_once(facts: &Facts) -> Option<Verdict> {
    const FULL: u64 = Milestone::FloodRefused.bit();
    if facts.counted != 0 || !is_told_by_way(facts.watched) {
        return None;
    }
    match facts.passed.0 {
        0 => Some(syn(Reason::AcceptQueueFullSyn)),
        FULL => Some(syn(Reason::SynQueueFull)),
        _ => None,
    }
}

/// What any SYN comes to, test by test.
#[inline(never)]
pub(super) fn by_way(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    if passed.has(Milestone::RequestQueued) {
        return queued(facts);
    }
    if passed.has(Milestone::ChildQueueClosed) {
        return Some(syn(Reason::SynTfoListenerClosing));
    }
    if passed.has(Milestone::ChildQueued) {
        return Some(syn(Reason::TfoChild));
    }
    if passed.has(Milestone::PeerUnproven) {
        return Some(syn(Reason::SynBacklogReserved));
    }
    let refused = if facts.counted != 0 {
        facts.moved(Counter::ListenDrops)
    } else if is_told_by_way(facts.watched) {
        // It is not queued: it was answered by a cookie, or is gone.
        !answered_by_cookie(facts)
    } else {
        facts.watched.has(Milestone::SynAckMade) && !passed.has(Milestone::SynAckMade)
    };
    if !refused {
        return answered(facts);
    }
    if let Some(reason) = after_allocation(facts) {
        return Some(syn(reason));
    }
    if passed.has(Milestone::RequestAllocated) {
        return Some(Verdict::unattributed(Stage::Syn));
    }
    if passed.has(Milestone::FloodRefused) || facts.moved(Counter::TcpReqQFullDrop) {
        return Some(syn(Reason::SynQueueFull));
    }
    let cookie = facts.counted == 0 && passed.has(Milestone::FloodCookie);
    if cookie || facts.moved(Counter::ListenOverflows) {
        return Some(syn(Reason::AcceptQueueFullSyn));
    }
    if facts.counted != 0 || !facts.watched.has(Milestone::RequestAllocated) {
        return Some(Verdict::unattributed(Stage::Syn));
    }
    Some(queue_test(facts))
}

/// The request is in the SYN queue, unless another CPU was faster. Fast Open may have been tried
/// before, in vain: then the handshake goes the usual way.
fn queued(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    if passed.has(Milestone::QueueRaceLost) {
        return Some(syn(Reason::SynDupRequestRace));
    }
    if passed.has(Milestone::ChildRefused) {
        let failed = syn(Reason::TfoChildFailed);
        // Its accept queue test can only fail where another CPU filled the queue meanwhile.
        let full = facts.moved(Counter::ListenOverflows);
        return Some(if full { failed.moving(Counter::ListenOverflows) } else { failed });
    }
    if facts.moved(Counter::TcpFastOpenListenOverflow) {
        return Some(syn(Reason::TfoQueueFull));
    }
    answered(facts)
}

/// Nothing was refused: a SYN-ACK was sent, or should have been.
fn answered(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    if passed.has(Milestone::SynAckFailed) {
        Some(syn(Reason::SynackSendFailed))
    } else if passed.has(Milestone::CookieMade) && !passed.has(Milestone::RequestQueued) {
        Some(syn(Reason::CookieSent))
    } else {
        None
    }
}

/// Whether a SYN that was not queued was answered by a cookie. Where that is not watched it is told
/// from a cookie having been wanted, and nobody having refused the SYN after that.
fn answered_by_cookie(facts: &Facts) -> bool {
    let passed = facts.passed;
    if facts.watched.has(Milestone::CookieMade) {
        return passed.has(Milestone::CookieMade);
    }
    let wanted = passed.has(Milestone::FloodCookie) && passed.has(Milestone::RequestAllocated);
    wanted && after_allocation(facts).is_none()
}

/// Who refused the SYN once a request had been allocated, or should have been.
fn after_allocation(facts: &Facts) -> Option<Reason> {
    let passed = facts.passed;
    if passed.has(Milestone::RequestNomem) {
        Some(Reason::SynNomem)
    } else if passed.has(Milestone::MptcpRefused) {
        Some(Reason::SynMptcpReject)
    } else if passed.has(Milestone::LsmDenied) {
        Some(Reason::SynLsmDenied)
    } else if passed.has(Milestone::NoRoute) {
        Some(Reason::SynNoRoute)
    } else if passed.has(Milestone::AuthOptionBad) {
        Some(Reason::SynAuthOptionBad)
    } else {
        None
    }
}

/// Which of the two queue tests refused a SYN, where neither counters nor a milestone told.
fn queue_test(facts: &Facts) -> Verdict {
    // With cookies on, or with the refusal of a full SYN queue under watch, one test is left.
    if facts.syncookies != 0 || facts.watched.has(Milestone::FloodRefused) {
        return syn(Reason::AcceptQueueFullSyn);
    }
    // Kernels differ in `>` or `>=` for the SYN queue, so its limit itself decides nothing.
    let accept_full = facts.accept_len > facts.accept_limit;
    let syn_full =
        facts.syn_len > facts.accept_limit || (facts.syn_len == facts.accept_limit && !accept_full);
    let reason = match (syn_full, accept_full) {
        (true, _) => Reason::SynQueueFull,
        (false, true) => Reason::AcceptQueueFullSyn,
        (false, false) => Reason::Unattributed,
    };
    Verdict::new(reason, Stage::Syn, Evidence::Inferred)
}
