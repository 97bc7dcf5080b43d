//! A half-open request that ends without a packet of its client, or goes on without one.

use super::Verdict;
use crate::counter::Counter::TcpTimeouts;
use crate::facts::{Facts, Milestone};
use crate::reason::{Evidence, Reason, Stage};

const fn request(reason: Reason, evidence: Evidence) -> Verdict {
    Verdict::new(reason, Stage::Request, evidence)
}

/// `reqsk_timer_handler` (net/ipv4/inet_connection_sock.c) removed its request.
///
/// Its way: a listener that left LISTEN ends the request, unless another takes it; then the retries
/// are counted (`tcp_syn_ack_timeout`, and in TCPTimeouts), and while some are left the SYN-ACK is
/// sent again.
#[inline]
#[must_use]
pub fn request_timer(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    if !passed.has(Milestone::RequestDropped) {
        return None;
    }
    if passed.has(Milestone::SynAckResent) {
        return Some(request(Reason::RequestSynackRtxFailed, Evidence::Observed));
    }
    if passed.has(Milestone::TimedOut) || facts.moved(TcpTimeouts) {
        // A SYN-ACK that could not be sent would have shown.
        let told = facts.watched.has(Milestone::SynAckResent);
        let evidence = if told { Evidence::Observed } else { Evidence::Inferred };
        return Some(request(Reason::RequestExpired, evidence));
    }
    if facts.counted != 0 || facts.watched.has(Milestone::TimedOut) {
        return Some(request(Reason::RequestListenerGone, Evidence::Observed));
    }
    Some(Verdict::unattributed(Stage::Request))
}

/// `reqsk_timer_handler` returned: the request that it removed, if any, was judged before.
#[inline]
#[must_use]
pub fn request_timer_ended(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    if passed.has(Milestone::RequestCloned) && !passed.has(Milestone::RequestDropped) {
        return Some(request(Reason::RequestMigrated, Evidence::Observed));
    }
    None
}

/// `tcp_req_err` (net/ipv4/tcp_ipv4.c) was told of an ICMP error. It counts a drop for what it
/// asks to be removed, though another CPU may be quicker to remove it.
#[inline]
#[must_use]
pub fn request_error(facts: &Facts) -> Option<Verdict> {
    if facts.passed.has(Milestone::RemovalAsked) {
        return Some(request(Reason::RequestIcmpError, Evidence::Observed));
    }
    None
}

/// A caller that has one reason only asked for the removal.
#[inline]
#[must_use]
pub fn request_removed(facts: &Facts, reason: Reason) -> Option<Verdict> {
    if !facts.passed.has(Milestone::RequestDropped) {
        return None;
    }
    let stage = match reason.stage() {
        Some(stage) => stage,
        None => Stage::Request,
    };
    Some(Verdict::observed(reason, stage))
}
