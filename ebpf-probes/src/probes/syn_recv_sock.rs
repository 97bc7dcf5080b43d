//! A child is made for a finished handshake, or not: `tcp_v4_syn_recv_sock` and its IPv6 twin.
//!
//! Its first test is the accept queue. It is called for the last ACK of a request, for a cookie and
//! for a Fast Open SYN, and judged where these are; here only where that is not watched.

use ebpf_probes::{Field, Function, Milestone, syn_recv_sock};

use super::read::{self, Address};
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
    if let Some(call) = slot::innermost(&[Outer::CheckReq, Outer::CookieCheck, Outer::ConnRequest])
    {
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

/// `inet_csk_prepare_forced_close` was entered: a child that had been made is thrown away again.
/// How far it had got says why. IPv4 gives it a route first, and there is no other test before the
/// keys; where the listener has TCP-AO keys and the child none, they were not copied.
#[inline(always)]
pub(crate) fn thrown_away(child: Address) {
    let Some(slot) = slot::innermost(&[Outer::V4SynRecvSock, Outer::V6SynRecvSock]) else { return };
    let milestone = if read::pointer(child, Field::SockRoute).is_null() {
        Milestone::ChildNoRoute
    } else if !read::pointer(slot.sk, Field::SockAuthKeys).is_null()
        && read::pointer(child, Field::SockAuthKeys).is_null()
    {
        Milestone::ChildKeyFailed
    } else {
        Milestone::PortNotInherited
    };
    slot.facts.passed = slot.facts.passed.with(milestone);
}
