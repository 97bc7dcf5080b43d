//! A child is made for a finished handshake, or not: `tcp_v4_syn_recv_sock` and its IPv6 twin.
//!
//! Its first test is the accept queue. It is called for the last ACK of a request (judged in
//! `check_req`), for a Fast Open SYN (judged in `conn_request`), and for a cookie, judged here.

use ebpf_probes::{Function, Milestone, syn_recv_sock};

use super::read::Address;
use super::slot::{self, Outer};
use super::{listener, output};

/// `tcp_v4_syn_recv_sock` or `tcp_v6_syn_recv_sock` was entered.
#[inline(always)]
pub(crate) fn enter(outer: Outer, sk: Address, skb: Address) {
    slot::open(outer, sk, skb);
}

/// It returned.
#[inline(always)]
pub(crate) fn exit(outer: Outer, function: Function, returned: Address) {
    let Some(slot) = slot::close(outer) else { return };
    // For a v4-mapped client the IPv6 function hands on what the IPv4 one, inside it, refused.
    let judged = slot.facts.passed.has(Milestone::ChildRefused);
    if !returned.is_null() || judged {
        return;
    }
    if matches!(outer, Outer::V4SynRecvSock) {
        slot::pass(Outer::V6SynRecvSock, Milestone::ChildRefused);
    }
    let within = match slot::current(Outer::CheckReq) {
        Some(call) => Some(call),
        None => slot::current(Outer::ConnRequest),
    };
    if let Some(call) = within {
        call.facts.passed = call.facts.passed.and(slot.facts.passed).with(Milestone::ChildRefused);
        // The request may be thrown away before the call returns: keep the lengths it had.
        if let Some(queues) = listener::queues(slot.sk, function as u32) {
            call.queues = queues;
        }
        return;
    }
    slot.facts.passed = slot.facts.passed.with(Milestone::ChildRefused);
    if let Some(verdict) = syn_recv_sock(&slot.facts) {
        output::report(slot, &verdict, function);
    }
}
