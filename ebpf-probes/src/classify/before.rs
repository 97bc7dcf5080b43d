//! A packet that is thrown away before the listener's own code sees it.

use super::Verdict;
use crate::facts::{Facts, Milestone};
use crate::reason::{Reason, Stage};

/// `tcp_v4_rcv` or `tcp_v6_rcv` (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c) had found the listener
/// of a packet, or the request of one, and one of its gates refused the packet.
///
/// Its way: the IPsec policy, the signature, then socket filter, cgroup programs and LSM.
#[inline]
#[must_use]
pub fn before_listener(facts: &Facts, is_syn: bool) -> Option<Verdict> {
    let stage = if is_syn { Stage::Syn } else { Stage::Ack };
    let gates = [
        (Milestone::PolicyRefused, Reason::PreXfrmPolicy),
        (Milestone::SignatureRefused, Reason::PreMd5Ao),
        (Milestone::FilterRefused, Reason::PreSocketFilter),
    ];
    let mut nth = 0;
    while nth < gates.len() {
        let (milestone, reason) = gates[nth];
        if facts.passed.has(milestone) {
            return Some(Verdict::observed(reason, stage));
        }
        nth += 1;
    }
    None
}
