//! A packet for a request that waits in the SYN queue, most often the handshake's last ACK.

use super::Verdict;
use super::child::{Failure, failure};
use crate::counter::Counter::{
    EmbryonicRsts, ListenDrops, ListenOverflows, PawsEstab, TsEcrRejected,
};
use crate::counter::Counters;
use crate::facts::{Facts, Milestone};
use crate::reason::{Evidence, Reason, Stage};

const fn ack(reason: Reason, evidence: Evidence) -> Verdict {
    let stage = match reason.stage() {
        Some(stage) => stage,
        None => Stage::Ack,
    };
    Verdict::new(reason, stage, evidence)
}

/// `tcp_check_req` returned NULL or the listener itself (net/ipv4/tcp_minisocks.c), with
/// `fastopen` false.
///
/// Its way: a repeated SYN is answered; the acknowledged number is tested, then timestamps and
/// window; RST and SYN end the request; then the ACK flag, `TCP_DEFER_ACCEPT`, and the child.
#[inline]
#[must_use]
pub fn check_req(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    let observed = |reason| Some(ack(reason, Evidence::Observed));
    if passed.has(Milestone::ListenerReturned) {
        return observed(Reason::AckBadNumber);
    }
    if passed.has(Milestone::ChildRefused) {
        return Some(no_child(facts));
    }
    if passed.has(Milestone::RequestStolen) {
        return observed(Reason::AckLostRace);
    }
    if passed.has(Milestone::CloneFailed) {
        return observed(Reason::AckMigrateNomem);
    }
    if passed.has(Milestone::ChildForgotten) || passed.has(Milestone::ChildQueueClosed) {
        return observed(Reason::AckListenerClosing);
    }
    if passed.has(Milestone::RequestDropped) {
        return Some(ended(facts));
    }
    if passed.has(Milestone::ChallengeSent) {
        return observed(Reason::RstInexact);
    }
    if passed.has(Milestone::SynAckResendFailed) {
        return observed(Reason::SynackSendFailed);
    }
    if passed.has(Milestone::SynAckResent) {
        return Some(ack(Reason::SynRetransmit, facts.proof(&[Milestone::SynAckResendFailed])));
    }
    Some(ignored(facts))
}

/// `tcp_check_req` returned a child: all went well, perhaps at another listener.
#[inline]
#[must_use]
pub fn check_req_child(facts: &Facts) -> Option<Verdict> {
    if facts.passed.has(Milestone::RequestCloned) {
        Some(ack(Reason::RequestMigrated, Evidence::Observed))
    } else {
        None
    }
}

/// The handshake was finished, but `tcp_v4_syn_recv_sock` or `tcp_v6_syn_recv_sock` made no child.
/// With `tcp_abort_on_overflow` that ends the request, whatever the failure was.
fn no_child(facts: &Facts) -> Verdict {
    let ended = facts.passed.has(Milestone::RequestDropped);
    let (failure, evidence) = failure(facts);
    let reason = match failure {
        Failure::QueueFull if ended => return ack(Reason::AcceptQueueFullAckRst, evidence),
        // It was reset, but another CPU had removed the request first, and counted that.
        Failure::QueueFull if facts.passed.has(Milestone::RequestStolen) => {
            let moves = Counters::of(&[ListenOverflows, ListenDrops]);
            return Verdict { moves, ..ack(Reason::AcceptQueueFullAckRst, evidence) };
        }
        Failure::QueueFull => {
            let lives = facts.proof(&[Milestone::RequestDropped]);
            return ack(Reason::AcceptQueueFullAck, evidence.and(lives));
        }
        Failure::Nomem => Reason::AckChildNomem,
        Failure::NoRoute => Reason::AckChildNoRoute,
        Failure::Key => Reason::AckChildKey,
        Failure::Port => Reason::AckChildPortInherit,
    };
    let verdict = ack(reason, evidence);
    if ended { verdict.moving(EmbryonicRsts) } else { verdict }
}

/// The packet ended its request.
fn ended(facts: &Facts) -> Verdict {
    let passed = facts.passed;
    if passed.has(Milestone::ResetReceived) {
        ack(Reason::RequestClientRst, Evidence::Observed)
    } else if passed.has(Milestone::SynFlag) {
        ack(Reason::RequestBadSyn, Evidence::Observed)
    } else {
        elsewhere(Reason::AcceptQueueFullAckRst).moving(EmbryonicRsts)
    }
}

/// The packet was thrown away, and the request lives on as if it had not come.
fn ignored(facts: &Facts) -> Verdict {
    let passed = facts.passed;
    let limited = passed.has(Milestone::RateLimited);
    let answered = passed.has(Milestone::Answered);
    if answered && passed.has(Milestone::SynRepeated) && !facts.watched.has(Milestone::SynAckResent)
    {
        // By a SYN-ACK, unless its clock was old.
        return ack(Reason::SynRetransmit, Evidence::Inferred);
    }
    if limited || answered {
        let counted = if facts.counted != 0 { Evidence::Observed } else { Evidence::Inferred };
        return if facts.moved(PawsEstab) {
            ack(Reason::AckPaws, Evidence::Observed)
        } else if facts.moved(TsEcrRejected) {
            ack(Reason::AckTsecr, Evidence::Observed)
        } else if limited && passed.has(Milestone::SynRepeated) {
            ack(Reason::SynRetransmitRatelimited, counted)
        } else {
            ack(Reason::AckOutOfWindow, counted)
        };
    }
    // From here on it is told by what was not passed.
    let loud = facts.proof(&[Milestone::RateLimited, Milestone::Answered]);
    if passed.has(Milestone::ResetReceived) {
        let inside = facts.proof(&[Milestone::ChallengeSent, Milestone::RequestDropped]);
        ack(Reason::RstOutOfWindow, inside)
    } else if passed.has(Milestone::SynRepeated) {
        ack(Reason::SynRetransmit, loud)
    } else if passed.has(Milestone::SynFlag) && !passed.has(Milestone::AckFlag) {
        ack(Reason::RequestBadSyn, Evidence::Inferred)
    } else if !passed.has(Milestone::AckFlag) {
        ack(Reason::AckFlagMissing, loud)
    } else if passed.has(Milestone::DefersAccept) {
        let later = facts.proof(&[Milestone::ChildRefused, Milestone::ChildForgotten]);
        ack(Reason::AckDeferred, loud.and(later))
    } else {
        elsewhere(Reason::AcceptQueueFullAck)
    }
}

/// Nothing that TCP itself does to an ACK is left: another protocol on top of it made no child.
/// SMC tests queues of its own before TCP's, and counts what it drops.
const fn elsewhere(reason: Reason) -> Verdict {
    Verdict { moves: Counters::of(&[ListenDrops]), ..ack(reason, Evidence::Inferred) }
}
