//! A SYN meets a listener: `tcp_conn_request` and the wrappers that lead to it.

use ebpf_probes::{Counter, Facts, Function, Milestone, conn_request, conn_request_wrapper};

use super::read::Address;
use super::slot::{self, Outer, Slot};
use super::{counters, listener, output, packet};

/// What tells the queue tests apart, and what Fast Open says of itself.
const COUNTED: [Counter; 4] = [
    Counter::ListenOverflows,
    Counter::ListenDrops,
    Counter::TcpReqQFullDrop,
    Counter::TcpFastOpenListenOverflow,
];

/// `tcp_v4_conn_request` or `tcp_v6_conn_request` was entered.
#[inline(always)]
pub(crate) fn enter_wrapper(outer: Outer, sk: Address, skb: Address) {
    // A v4-mapped SYN goes from the IPv6 wrapper to the IPv4 one, which then judges it.
    if matches!(outer, Outer::V4ConnRequest) {
        slot::pass(Outer::V6ConnRequest, Milestone::ConnRequest);
    }
    slot::open(outer, sk, skb);
}

/// It returned.
#[inline(always)]
pub(crate) fn exit_wrapper(outer: Outer, function: Function) {
    let Some(slot) = slot::close(outer) else { return };
    if !slot.facts.passed.has(Milestone::ConnRequest) && packet::has_mapped_source(slot.skb) {
        slot.facts.passed = slot.facts.passed.with(Milestone::SourceMapped);
    }
    if let Some(verdict) = conn_request_wrapper(&slot.facts) {
        output::report(slot, &verdict, function);
    }
}

/// `tcp_conn_request` was entered.
#[inline(always)]
pub(crate) fn enter(sk: Address, skb: Address) {
    slot::pass(Outer::V4ConnRequest, Milestone::ConnRequest);
    slot::pass(Outer::V6ConnRequest, Milestone::ConnRequest);
    let Some(slot) = slot::open(Outer::ConnRequest, sk, skb) else { return };
    if counters::read(sk, COUNTED, &mut slot.counters) {
        slot.facts.counted = 1;
    } else {
        at_entry(sk, slot);
    }
}

/// Without counters the queues themselves must tell, as they were at entry.
#[inline(always)]
fn at_entry(sk: Address, slot: &mut Slot) {
    if let Some(queues) = listener::queues(sk, 0) {
        slot.facts = Facts {
            accept_len: queues.accept_len,
            accept_limit: queues.accept_limit,
            syn_len: queues.syn_len,
            syncookies: listener::syncookies(sk),
            ..slot.facts
        };
    }
}

/// It returned; always 0, so the value tells nothing.
#[inline(always)]
pub(crate) fn exit() {
    let Some(slot) = slot::close(Outer::ConnRequest) else { return };
    // A SYN that was queued left the counters alone, unless Fast Open was tried before.
    let plain = slot.facts.passed.has(Milestone::RequestQueued) && !listener::has_tfo(slot.sk);
    if slot.facts.counted != 0 && !plain {
        slot.facts.counted = u32::from(counters::compare(slot, COUNTED));
    }
    if let Some(verdict) = conn_request(&slot.facts) {
        output::report(slot, &verdict, Function::TcpConnRequest);
    }
}
