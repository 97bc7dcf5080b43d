//! An ACK that carries a SYN cookie instead of having a request, or that nobody waits for.

use super::Verdict;
use super::child::{Failure, failure};
use crate::counter::Counter::{ListenDrops, ListenOverflows, SyncookiesFailed, SyncookiesRecv};
use crate::counter::Counters;
use crate::facts::{Facts, Milestone};
use crate::reason::{Evidence, Reason, Stage};

const fn cookie(reason: Reason, evidence: Evidence) -> Verdict {
    Verdict::new(reason, Stage::CookieAck, evidence)
}

/// `cookie_v4_check` or `cookie_v6_check` returned NULL or the listener itself
/// (net/ipv4/syncookies.c, net/ipv6/syncookies.c). It is asked for every packet to a listener
/// that is no SYN and has no request, and gives back the listener for those that carry no cookie.
#[inline]
#[must_use]
pub fn cookie_check(facts: &Facts) -> Option<Verdict> {
    if facts.passed.has(Milestone::ListenerReturned) {
        not_a_cookie(facts)
    } else if facts.passed.has(Milestone::ChildRefused) {
        Some(no_child(facts))
    } else {
        Some(no_request(facts))
    }
}

/// A child was refused outside all calls that are watched: the ACK carried a cookie.
#[inline]
#[must_use]
pub fn syn_recv_sock(facts: &Facts) -> Option<Verdict> {
    facts.passed.has(Milestone::ChildRefused).then(|| no_child(facts))
}

/// An ACK is answered by a reset; anything else is thrown away without a word.
fn not_a_cookie(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    let observed = |reason| Some(cookie(reason, Evidence::Observed));
    let number = Verdict::observed(Reason::AckBadNumber, Stage::Ack);
    if passed.has(Milestone::CookieInvalid) || facts.moved(SyncookiesFailed) {
        return if passed.has(Milestone::NumberRefused) {
            Some(number.moving(SyncookiesFailed))
        } else {
            observed(Reason::CookieAckInvalid)
        };
    }
    if passed.has(Milestone::CookieChecked) || facts.moved(SyncookiesRecv) {
        return observed(Reason::CookieAckTsBad);
    }
    if passed.has(Milestone::NumberRefused) {
        return Some(number);
    }
    if passed.has(Milestone::ResetReceived) || !passed.has(Milestone::AckFlag) {
        // No handshake is lost by it, and most often it is the end of a connection that is gone.
        return None;
    }
    if facts.syncookies != 0 {
        let counted = facts.counted != 0;
        let unchecked =
            if counted { Evidence::Observed } else { facts.proof(&[Milestone::CookieChecked]) };
        return Some(cookie(Reason::CookieAckNoOverflow, unchecked));
    }
    observed(Reason::StrayAck)
}

/// The cookie was good, but no child was made of it. That the connection is there already is the
/// one failure that is not counted as a drop.
fn no_child(facts: &Facts) -> Verdict {
    let (failure, evidence) = failure(facts);
    match failure {
        Failure::QueueFull => cookie(Reason::CookieAckAcceptQueueFull, evidence),
        Failure::Nomem if facts.counted == 0 => {
            cookie(Reason::CookieAckDupChild, Evidence::Inferred)
        }
        Failure::Nomem if !facts.moved(ListenDrops) => {
            cookie(Reason::CookieAckDupChild, Evidence::Observed)
        }
        Failure::Nomem | Failure::NoRoute | Failure::Key | Failure::Port => {
            cookie(Reason::CookieAckChildFailed, evidence)
        }
    }
}

/// The cookie was good, but there is no request of it, or the accept queue did not take its child.
fn no_request(facts: &Facts) -> Verdict {
    let passed = facts.passed;
    if passed.has(Milestone::ChildQueueClosed) {
        return cookie(Reason::CookieAckListenerClosing, Evidence::Observed);
    }
    // SMC tests queues of its own before TCP's, and nobody else counts a drop here.
    if facts.moved(ListenDrops) {
        let full = Verdict {
            moves: Counters::of(&[ListenDrops]),
            ..cookie(Reason::CookieAckAcceptQueueFull, Evidence::Inferred)
        };
        let overflow = facts.moved(ListenOverflows);
        return if overflow { full.moving(ListenOverflows) } else { full };
    }
    if passed.has(Milestone::CookieChild) {
        return cookie(Reason::CookieAckListenerClosing, facts.proof(&[Milestone::ChildRefused]));
    }
    if passed.has(Milestone::RequestNomem) {
        return cookie(Reason::CookieAckNomem, Evidence::Observed);
    }
    if passed.has(Milestone::LsmDenied) {
        return cookie(Reason::CookieAckLsm, Evidence::Observed);
    }
    if passed.has(Milestone::LsmAsked) {
        return cookie(Reason::CookieAckNoRoute, no_child_wanted(facts));
    }
    if facts.watched.has(Milestone::LsmAsked) {
        // Nobody was asked about it, so there was none.
        return cookie(Reason::CookieAckNomem, Evidence::Observed);
    }
    let others = facts.proof(&[Milestone::RequestNomem, Milestone::LsmDenied]);
    cookie(Reason::CookieAckNoRoute, no_child_wanted(facts).and(others))
}

/// What it is worth that nobody was seen to want a child. Whoever wants one gets it, and puts it into
/// the accept queue, or is refused; SMC does so without a sign but for what it counts.
fn no_child_wanted(facts: &Facts) -> Evidence {
    if facts.counted == 0 || facts.watched.has(Milestone::CookieChild) {
        facts.proof(&[Milestone::CookieChild])
    } else {
        facts.proof(&[Milestone::ChildRefused, Milestone::ChildQueueClosed])
    }
}
