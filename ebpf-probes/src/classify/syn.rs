//! A SYN to a listener.

use super::Verdict;
use crate::counter::Counter;
use crate::facts::{Facts, Milestone};
use crate::reason::{Evidence, Reason, Stage};

/// `tcp_v4_conn_request` or `tcp_v6_conn_request` returned.
///
/// What goes on to `tcp_conn_request` is judged there. A SYN that the wrapper keeps to itself was
/// not meant for one host, or came from a v4-mapped source in an IPv6 packet.
#[inline]
#[must_use]
pub fn conn_request_wrapper(facts: &Facts) -> Option<Verdict> {
    if facts.passed.has(Milestone::ConnRequest) {
        None
    } else {
        Some(Verdict::unattributed(Stage::Syn))
    }
}

/// `tcp_conn_request` returned (net/ipv4/tcp_input.c). It always returns 0, so only the way that
/// was taken tells. Order of the kernel's tests: SYN queue, accept queue, allocation, LSM and
/// route, reserved quarter.
#[inline]
#[must_use]
pub fn conn_request(facts: &Facts) -> Option<Verdict> {
    let syn = |reason| Some(Verdict::new(reason, Stage::Syn, Evidence::Observed));
    let passed = facts.passed;
    if passed.has(Milestone::RequestQueued) {
        return if passed.has(Milestone::QueueRaceLost) {
            Some(Verdict::unattributed(Stage::Syn))
        } else {
            None
        };
    }
    if passed.has(Milestone::PeerUnproven) {
        return syn(Reason::SynBacklogReserved);
    }
    let refused = if facts.counted != 0 {
        facts.moved(Counter::ListenDrops)
    } else {
        facts.watched.has(Milestone::SynAckMade) && !passed.has(Milestone::SynAckMade)
    };
    if !refused {
        return None;
    }
    if passed.has(Milestone::RequestAllocated) {
        return Some(Verdict::unattributed(Stage::Syn));
    }
    if passed.has(Milestone::FloodRefused) || facts.moved(Counter::TcpReqQFullDrop) {
        return syn(Reason::SynQueueFull);
    }
    let cookie = facts.counted == 0 && passed.has(Milestone::FloodCookie);
    if cookie || facts.moved(Counter::ListenOverflows) {
        return syn(Reason::AcceptQueueFullSyn);
    }
    if facts.counted != 0 || !facts.watched.has(Milestone::RequestAllocated) {
        return Some(Verdict::unattributed(Stage::Syn));
    }
    Some(queue_test(facts))
}

/// Which of the two queue tests refused a SYN, where neither counters nor a milestone told.
fn queue_test(facts: &Facts) -> Verdict {
    // With cookies on, or with the refusal of a full SYN queue under watch, one test is left.
    if facts.syncookies != 0 || facts.watched.has(Milestone::FloodRefused) {
        return Verdict::new(Reason::AcceptQueueFullSyn, Stage::Syn, Evidence::Observed);
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
