//! A packet for a request that waits in the SYN queue, most often the handshake's last ACK.

use super::Verdict;
use crate::facts::{Facts, Milestone};
use crate::reason::{Evidence, Reason, Stage};

/// `tcp_check_req` returned NULL or the listener itself (net/ipv4/tcp_minisocks.c), with
/// `fastopen` false. A child that could not be made was refused by `tcp_v4_syn_recv_sock` or
/// `tcp_v6_syn_recv_sock`, whose first test is the accept queue.
#[inline]
#[must_use]
pub fn check_req(facts: &Facts) -> Option<Verdict> {
    let passed = facts.passed;
    if passed.has(Milestone::ChildRefused) {
        return match accept_queue_refused(facts) {
            None => Some(Verdict::unattributed(Stage::Ack)),
            Some(evidence) if passed.has(Milestone::RequestDropped) => {
                Some(Verdict::new(Reason::AcceptQueueFullAckRst, Stage::Ack, evidence))
            }
            Some(evidence) => Some(Verdict::new(Reason::AcceptQueueFullAck, Stage::Ack, evidence)),
        };
    }
    let no_drop = [Milestone::SynAckResent, Milestone::RequestStolen, Milestone::ResetReceived];
    if no_drop.iter().any(|&milestone| passed.has(milestone)) {
        return None;
    }
    Some(Verdict::unattributed(Stage::Ack))
}

/// Whether it was the accept queue that refused the child: nothing that comes after its test was
/// reached. `None` says that it was something else.
#[inline]
fn accept_queue_refused(facts: &Facts) -> Option<Evidence> {
    let after = [Milestone::ChildCreated, Milestone::RouteAsked];
    if after.iter().any(|&milestone| facts.passed.has(milestone)) {
        return None;
    }
    let proof = [Milestone::ChildCreated, Milestone::RouteAsked, Milestone::RequestDropped];
    if proof.iter().all(|&milestone| facts.watched.has(milestone)) {
        Some(Evidence::Observed)
    } else {
        Some(Evidence::Inferred)
    }
}
