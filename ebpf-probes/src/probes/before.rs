//! Before the listener: the gates that `tcp_v4_rcv` and `tcp_v6_rcv` put before its own code.
//!
//! A packet is told at the gate itself: by the end of the outer call it has been freed. What
//! belongs to connections passes the same gates and is let alone.

use ebpf_probes::{Evidence, Function, Milestone, Reason, Stage, Verdict, before_listener};

use super::packet::{self, ACK, FIN, RST, SYN};
use super::read::Address;
use super::slot::{self, Outer, Slot};
use super::{listener, output};

/// `TCP_TW_SYN` (include/net/tcp.h): the SYN may take the place of the old connection.
const MAY_REPLACE: u32 = 3;

/// `tcp_v4_rcv` or `tcp_v6_rcv` was entered.
#[inline(always)]
pub(crate) fn enter(skb: Address, function: Function) {
    if let Some(slot) = slot::open(Outer::Receive, Address::NULL, skb) {
        slot.cause = function as u32;
    }
}

/// It returned.
#[inline(always)]
pub(crate) fn exit() {
    slot::close(Outer::Receive);
}

/// A gate was entered. Whose packet it is, it is told by argument.
#[inline(always)]
pub(crate) fn enter_gate(sk: Address, skb: Address) {
    if let Some(slot) = slot::current(Outer::Receive)
        && slot.skb == skb
    {
        slot.sk = if listener::listens(sk) { sk } else { Address::NULL };
    }
}

/// It refused the packet.
#[inline(always)]
pub(crate) fn refused(milestone: Milestone) {
    let Some(slot) = slot::current(Outer::Receive) else { return };
    if slot.sk.is_null() {
        return;
    }
    slot.facts.passed = slot.facts.passed.with(milestone);
    let is_syn = packet::flags(slot.skb) & (SYN | ACK) == SYN;
    if let Some(verdict) = before_listener(&slot.facts, is_syn) {
        tell(slot, &verdict);
    }
}

/// A listener was found for the packet. The next thing that the kernel does with both is to
/// compare the packet's hops with the socket's minimum.
#[inline(always)]
pub(crate) fn found(sk: Address) {
    let Some(slot) = slot::current(Outer::Receive) else { return };
    if !slot.sk.is_null() || !listener::listens(sk) {
        return;
    }
    slot.sk = sk;
    let (hops, is_v6) = packet::hops(slot.skb);
    if hops < listener::minimum_hops(sk, is_v6) {
        let is_syn = packet::flags(slot.skb) & (SYN | ACK) == SYN;
        let stage = if is_syn { Stage::Syn } else { Stage::Ack };
        tell(slot, &observed(Reason::PreMinTtl, stage));
    }
}

/// A checksum was wrong. That is found before anybody asks whose packet it is, so of short ones
/// the listener is not known: SYNs alone are told.
#[inline(always)]
pub(crate) fn garbled() {
    let Some(slot) = slot::current(Outer::Receive) else { return };
    if packet::flags(slot.skb) & (SYN | ACK | RST) == SYN {
        tell(slot, &observed(Reason::PreCsum, Stage::Syn));
    }
}

/// `tcp_timewait_state_process` said what to do with a packet for a connection in `TIME_WAIT`.
#[inline(always)]
pub(crate) fn met_timewait(answer: u32) {
    let Some(slot) = slot::current(Outer::Receive) else { return };
    if answer != MAY_REPLACE && packet::flags(slot.skb) & (SYN | ACK | RST) == SYN {
        tell(slot, &observed(Reason::PreTimewait, Stage::Syn));
    }
}

/// `tcp_rcv_state_process` was entered: a listener lets go of SYNs that have the FIN flag too.
#[inline(always)]
pub(crate) fn enter_state(sk: Address, skb: Address) {
    if !listener::listens(sk) || packet::flags(skb) & (SYN | FIN | ACK | RST) != SYN | FIN {
        return;
    }
    if let Some(slot) = slot::open(Outer::Moment, sk, skb) {
        slot::shut(Outer::Moment);
        let verdict = observed(Reason::SynFin, Stage::Syn);
        output::report(slot, &verdict, Function::TcpRcvStateProcess);
    }
}

#[inline(always)]
const fn observed(reason: Reason, stage: Stage) -> Verdict {
    Verdict { reason, stage, evidence: Evidence::Observed, moves: reason.moves() }
}

#[inline(always)]
fn tell(slot: &Slot, verdict: &Verdict) {
    let v4 = slot.cause == Function::TcpV4Rcv as u32;
    output::report(slot, verdict, if v4 { Function::TcpV4Rcv } else { Function::TcpV6Rcv });
}
