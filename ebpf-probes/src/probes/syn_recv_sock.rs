//! A child is made for a finished handshake, or not: `tcp_v4_syn_recv_sock` and its IPv6 twin.
//!
//! Its first test is the accept queue. It is called for the last ACK of a request, for a cookie and
//! for a Fast Open SYN, and judged where these are; here only where that is not watched.

use ebpf_probes::{Counter, Field, Function, Milestone, syn_recv_sock};

use super::read::{self, Address};
use super::slot::{self, Outer, Slot};
use super::{counters, listener, output};

/// Calls that ask for a child, from the inside out.
const CALLS: &[Outer] = &[Outer::CheckReq, Outer::CookieCheck, Outer::ConnRequest];

/// Calls that make one: for a v4-mapped client one is in the other.
const MAKERS: &[Outer] = &[Outer::V4SynRecvSock, Outer::V6SynRecvSock];

/// What tells a full accept queue from whatever else a child is not made for.
const COUNTED: [Counter; 2] = [Counter::ListenDrops, Counter::ListenOverflows];

/// `tcp_v4_syn_recv_sock` or `tcp_v6_syn_recv_sock` was entered.
#[inline(always)]
pub(crate) fn enter(outer: Outer, sk: Address, skb: Address) {
    let Some(slot) = slot::open(outer, sk, skb) else { return };
    // Or else it is judged where a call is that reads them.
    if !read::sees_cookies() {
        counters::begin(slot, COUNTED);
    }
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
    if let Some(call) = slot::innermost(CALLS) {
        call.facts.passed = call.facts.passed.and(slot.facts.passed);
        refused(call, slot.sk, function);
        return;
    }
    counters::end(slot, COUNTED);
    judge(slot, function);
}

/// It returned, and is hooked only there, as all calls that ask for a child are watched: what it
/// passed is noted with the one that it is part of, and about the same listener. If there is none, that had begun before it was
/// watched; and what the IPv6 function handed on to the IPv4 one is noted already.
#[inline(always)]
pub(crate) fn exit_whole(function: Function, returned: Address) {
    if !returned.is_null() {
        return;
    }
    if let Some(call) = slot::innermost(CALLS)
        && !call.facts.passed.has(Milestone::ChildRefused)
    {
        refused(call, call.sk, function);
    }
}

/// The call that asked for a child got none.
#[inline(always)]
fn refused(call: &mut Slot, sk: Address, function: Function) {
    call.facts.passed = call.facts.passed.with(Milestone::ChildRefused);
    // The request may be thrown away before the call returns: keep the lengths it had.
    if let Some(queues) = listener::queues(sk, function as u32) {
        call.queues = queues;
    }
}

#[inline(always)]
fn judge(slot: &mut Slot, function: Function) {
    slot.facts.passed = slot.facts.passed.with(Milestone::ChildRefused);
    if let Some(verdict) = syn_recv_sock(&slot.facts) {
        output::report(slot, &verdict, function);
    }
}

/// Where it is noted what the making of a child passes.
#[inline(always)]
fn maker() -> Option<&'static mut Slot> {
    if read::is_whole() { slot::innermost(CALLS) } else { slot::innermost(MAKERS) }
}

/// The making of a child passed a milestone.
#[inline(always)]
pub(crate) fn pass(milestone: Milestone) {
    if let Some(slot) = maker() {
        slot.facts.passed = slot.facts.passed.with(milestone);
    }
}

/// `inet_csk_prepare_forced_close` was entered: a child that had been made is thrown away again.
/// How far it had got says why. IPv4 gives it a route first, and there is no other test before the
/// keys; where the listener has TCP-AO keys and the child none, they were not copied.
#[inline(always)]
pub(crate) fn thrown_away(child: Address) {
    let Some(slot) = maker() else { return };
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
