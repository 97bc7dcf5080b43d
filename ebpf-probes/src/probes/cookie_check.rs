//! A packet to a listener that is no SYN and has no request: `cookie_v4_check` and its IPv6 twin.

use ebpf_probes::{Counter, Function, Milestone, cookie_check};

use super::read::Address;
use super::slot::{self, Outer};
use super::{clients, counters, listener, output, packet};

/// What tells a connection that is there already from one that could not be made and from one for
/// which there was no room, and a good cookie, a wrong one and none from each other.
const COUNTED: [Counter; 4] = [
    Counter::ListenDrops,
    Counter::ListenOverflows,
    Counter::SyncookiesFailed,
    Counter::SyncookiesRecv,
];

/// Why a packet is looked at here after it had been at a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// `tcp_check_req` refused it for its number, and nobody was told yet.
    NumberRefused = 1,
    /// It was refused there, which was told, but another CPU had ended the request meanwhile.
    Told = 2,
}

/// It was entered. The packet may be freed before it returns, so what a record says of it is
/// taken now.
#[inline(always)]
pub(crate) fn enter(sk: Address, skb: Address) {
    let Some(slot) = slot::open(Outer::CookieCheck, sk, skb) else { return };
    packet::seek(skb, &mut slot.ends);
    slot.facts.passed = packet::header(skb).add_to(slot.facts.passed);
    if slot.expected != skb {
        slot.cause = 0;
    }
    if slot.cause == Cause::NumberRefused as u32 {
        slot.facts.passed = slot.facts.passed.with(Milestone::NumberRefused);
    }
    slot.expected = Address::NULL;
    counters::begin(slot, COUNTED);
}

/// It returned: the child of a good cookie, or the listener, or NULL.
#[inline(always)]
pub(crate) fn exit(returned: Address) {
    let Some(slot) = slot::close(Outer::CookieCheck) else { return };
    // Either function is called for packets of its own family alone.
    let function =
        if slot.ends.family == 6 { Function::CookieV6Check } else { Function::CookieV4Check };
    if !returned.is_null() && returned != slot.sk {
        clients::recovered(slot, function);
        return;
    }
    if !returned.is_null() {
        slot.facts.passed = slot.facts.passed.with(Milestone::ListenerReturned);
        slot.facts.syncookies = listener::syncookies(slot.sk);
    }
    counters::end(slot, COUNTED);
    let refused = slot.facts.passed.has(Milestone::NumberRefused) && !returned.is_null();
    let function = if refused { Function::TcpCheckReq } else { slot.queues.refused_in(function) };
    if let Some(verdict) = cookie_check(&slot.facts) {
        // It is one packet, and is told once, unless that leaves a counter unexplained.
        if slot.cause == Cause::Told as u32 && verdict.moves.is_empty() {
            return;
        }
        output::report(slot, &verdict, function);
    }
}
