//! A SYN meets a listener: `tcp_conn_request` and the wrappers that lead to it.

use ebpf_probes::{
    Counter, Function, Milestone, Milestones, conn_request, conn_request_wrapper, is_told_by_way,
};

use super::hook::{self, Context, Same};
use super::read::{self, Address};
use super::shared::Shared;
use super::slot::{self, Outer, Slot};
use super::{counters, listener, output, packet};

/// What tells the queue tests apart, and what Fast Open says of itself.
const COUNTED: [Counter; 4] = [
    Counter::ListenOverflows,
    Counter::ListenDrops,
    Counter::TcpReqQFullDrop,
    Counter::TcpFastOpenListenOverflow,
];

/// 1 once all functions are hooked. Until then a wrapper that returns without its SYN having been
/// seen in `tcp_conn_request` means nothing.
#[unsafe(link_section = ".data.armed")]
static ARMED: Shared = Shared::new();

/// `tcp_v4_conn_request` or `tcp_v6_conn_request` was entered.
#[inline(always)]
pub(crate) fn enter_wrapper(outer: Outer, sk: Address, skb: Address) {
    // A v4-mapped SYN goes from the IPv6 wrapper to the IPv4 one, which then judges it.
    if matches!(outer, Outer::V4ConnRequest) {
        slot::pass(Outer::V6ConnRequest, Milestone::ConnRequest);
    }
    slot::open(outer, sk, skb);
}

/// It returned. So did `tcp_conn_request`, whose call is judged here, too, where its own return is
/// not hooked.
#[inline(always)]
pub(crate) fn exit_wrapper(outer: Outer, function: Function) {
    let Some(slot) = slot::close(outer) else {
        // Its entry was not hooked yet, and nobody else will close what was opened inside.
        slot::shut(Outer::ConnRequest);
        return;
    };
    match slot::take(Outer::ConnRequest, slot.skb) {
        Some(inner) => judge(inner),
        None => judge_wrapper(slot, function),
    }
}

/// The same where its entry is not hooked either.
#[inline(always)]
pub(crate) fn exit_whole(outer: Outer, function: Function, sk: Address, skb: Address) {
    if let Some(slot) = slot::take(Outer::ConnRequest, skb) {
        judge(slot);
    } else if !is_handed_on(outer, skb) {
        exit_alone(outer, function, sk, skb);
    }
}

/// The same of `tcp_v4_conn_request`. The call may be that of another wrapper, which has gone on
/// here.
#[inline(always)]
pub(crate) fn exit_any(sk: Address, skb: Address) {
    if let Some(slot) = slot::take(Outer::ConnRequest, skb) {
        judge(slot);
        return;
    }
    let function = match slot::expected(Outer::V4ConnRequest, skb) {
        Some(cause) if cause == Function::TcpV6ConnRequest as u32 => Function::TcpV6ConnRequest,
        Some(cause) if cause == Function::SubflowV4ConnRequest as u32 => {
            Function::SubflowV4ConnRequest
        }
        Some(_) => Function::SubflowV6ConnRequest,
        None => Function::TcpV4ConnRequest,
    };
    exit_alone(Outer::V4ConnRequest, function, sk, skb);
}

/// The same of another wrapper, by way of the program of `tcp_v4_conn_request`.
#[inline(always)]
pub(crate) fn exit_same(
    outer: Outer,
    function: Function,
    skb: Address,
    ctx: &Context,
    same: &Same,
) {
    let inner = slot::current(Outer::ConnRequest);
    // It is the wrapper itself that is judged.
    if inner.is_none_or(|slot| slot.skb != skb) {
        if is_handed_on(outer, skb) {
            return;
        }
        slot::expect(Outer::V4ConnRequest, skb, function as u32);
    }
    hook::go_on(ctx, same);
}

/// Whether it is judged already, because an IPv6 wrapper handed it on to its IPv4 twin.
#[inline(always)]
fn is_handed_on(outer: Outer, skb: Address) -> bool {
    matches!(outer, Outer::V6ConnRequest) && packet::is_v4(skb)
}

/// A SYN never reached `tcp_conn_request`.
#[inline(always)]
fn exit_alone(outer: Outer, function: Function, sk: Address, skb: Address) {
    if ARMED.get() == 0 {
        return;
    }
    let Some(slot) = slot::open(outer, sk, skb) else { return };
    slot::shut(outer);
    judge_wrapper(slot, function);
}

#[inline(always)]
fn judge_wrapper(slot: &mut Slot, function: Function) {
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
    if !read::is_whole() {
        slot::pass(Outer::V4ConnRequest, Milestone::ConnRequest);
        slot::pass(Outer::V6ConnRequest, Milestone::ConnRequest);
    }
    let Some(slot) = slot::open(Outer::ConnRequest, sk, skb) else { return };
    if is_told_by_way(slot.facts.watched) {
        return;
    }
    counters::begin(slot, COUNTED);
    if slot.facts.counted == 0 {
        at_entry(sk, slot);
    }
}

/// `inet_reqsk_alloc` returned: the queue tests are passed.
#[inline(always)]
pub(crate) fn allocated(failed: bool) {
    let mut passed = Milestones(Milestone::RequestAllocated.bit());
    if failed {
        passed = passed.with(Milestone::RequestNomem);
    }
    if let Some(slot) = slot::current(Outer::CookieCheck) {
        slot.facts.passed = slot.facts.passed.and(passed);
    } else if let Some(slot) = slot::current(Outer::ConnRequest) {
        slot.facts.passed = slot.facts.passed.and(passed);
        // Fast Open comes after this; what it says of itself only the counters tell.
        if is_told_by_way(slot.facts.watched) && listener::has_tfo(slot.sk) {
            counters::begin(slot, COUNTED);
        }
    }
}

/// Without counters the queues themselves must tell, as they were at entry.
#[inline(always)]
fn at_entry(sk: Address, slot: &mut Slot) {
    let facts = &mut slot.facts;
    (facts.accept_len, facts.accept_limit, facts.syn_len, facts.syncookies) = (0, 0, 0, 0);
    if let Some(queues) = listener::queues(sk, 0) {
        facts.accept_len = queues.accept_len;
        facts.accept_limit = queues.accept_limit;
        facts.syn_len = queues.syn_len;
        facts.syncookies = listener::syncookies(sk);
    }
}

/// It returned; always 0, so the value tells nothing.
#[inline(always)]
pub(crate) fn exit() {
    if let Some(slot) = slot::close(Outer::ConnRequest) {
        judge(slot);
    }
}

#[inline(always)]
fn judge(slot: &mut Slot) {
    if slot.facts.counted != 0 {
        // A SYN that was queued left the counters alone, unless Fast Open was tried before.
        let plain = slot.facts.passed.has(Milestone::RequestQueued) && !listener::has_tfo(slot.sk);
        slot.facts.counted = u32::from(!plain && counters::compare(slot, COUNTED));
    }
    if let Some(verdict) = conn_request(&slot.facts) {
        output::report(slot, &verdict, Function::TcpConnRequest);
    }
}
