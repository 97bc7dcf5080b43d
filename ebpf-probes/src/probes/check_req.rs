//! The handshake's last ACK meets its request: `tcp_check_req`.

use ebpf_probes::{Counter, Field, Function, Milestone, check_req, check_req_child};

use super::cookie_check::Cause;
use super::read::{self, Address};
use super::slot::{self, Outer, Slot};
use super::{clients, counters, listener, output, packet};

/// What tells a full accept queue from whatever else a child is not made for.
const REFUSED: [Counter; 1] = [Counter::ListenOverflows];

/// What tells packets apart that are answered by a bare ACK. They never get as far as a child.
const OUT_OF_PLACE: [Counter; 2] = [Counter::PawsEstab, Counter::TsEcrRejected];

/// `tcp_check_req` was entered. For a Fast Open child the connection exists already, and the call
/// may come from process context: such a call is not judged.
#[inline(always)]
pub(crate) fn enter(sk: Address, skb: Address, req: Address, fastopen: bool, stolen: Address) {
    if fastopen {
        slot::ignore(Outer::CheckReq);
    } else if let Some(slot) = slot::open(Outer::CheckReq, sk, skb) {
        slot.req = req;
        slot.stolen = stolen;
        counters::begin(slot, REFUSED);
    }
}

/// `tcp_oow_rate_limited` returned: a packet is out of place, and is answered unless it is too soon
/// for that. What is wrong with it the kernel counts only after this, so it is here that these
/// counters are read first, and not at the entry, where every good handshake would pay for it.
#[inline(always)]
pub(crate) fn out_of_place(limited: bool) {
    let Some(slot) = slot::current(Outer::CheckReq) else { return };
    let milestone = if limited { Milestone::RateLimited } else { Milestone::Answered };
    slot.facts.passed = slot.facts.passed.with(milestone);
    counters::begin(slot, OUT_OF_PLACE);
}

/// A packet is answered by a bare ACK, and nobody saw it being found out of place: when the kernel
/// counts what is wrong with it, it is too late to read the counters.
#[inline(always)]
pub(crate) fn answered() {
    if let Some(slot) = slot::current(Outer::CheckReq) {
        slot.facts.passed = slot.facts.passed.with(Milestone::Answered);
        slot.facts.counted = 0;
    }
}

/// `tcp_check_req` returned: the child, or the listener for an ACK of a wrong number, or NULL.
#[inline(always)]
pub(crate) fn exit(returned: Address) {
    let Some(slot) = slot::close(Outer::CheckReq) else { return };
    if !returned.is_null() && returned != slot.sk {
        if let Some(verdict) = check_req_child(&slot.facts) {
            output::report(slot, &verdict, Function::InetCskCompleteHashdance);
        }
        clients::recovered(slot, Function::TcpCheckReq);
        return;
    }
    if !returned.is_null() {
        // The listener's code looks at the packet next, for a cookie; what comes of it is told
        // there. One event is enough, and one reset is all that the client gets.
        if slot.facts.watched.has(Milestone::NumberRefused) {
            slot::expect(Outer::CookieCheck, slot.skb, Cause::NumberRefused as u32);
            return;
        }
        slot.facts.passed = slot.facts.passed.with(Milestone::ListenerReturned);
    }
    look(slot);
    compare(slot);
    let function = slot.queues.refused_in(Function::TcpCheckReq);
    // Its request was another CPU's, so the kernel looks for somebody else to give the packet to,
    // and finds the listener.
    if slot.facts.passed.has(Milestone::RequestStolen)
        && slot.facts.passed.has(Milestone::ChildRefused)
    {
        slot::expect(Outer::CookieCheck, slot.skb, Cause::Told as u32);
    }
    if let Some(verdict) = check_req(&slot.facts) {
        output::report(slot, &verdict, function);
    }
}

/// Notes how far those counters moved that were read last.
#[inline(always)]
fn compare(slot: &mut Slot) {
    let passed = slot.facts.passed;
    let out_of_place = passed.has(Milestone::RateLimited) || passed.has(Milestone::Answered);
    if out_of_place {
        counters::end(slot, OUT_OF_PLACE);
    } else {
        counters::end(slot, REFUSED);
    }
}

/// Notes what the packet, the request and the listener say of themselves.
#[inline(always)]
fn look(slot: &mut Slot) {
    let header = packet::header(slot.skb);
    let mut passed = header.add_to(slot.facts.passed);
    if header.is_plain_syn()
        && read::read::<u32>(slot.req, Field::RequestNumber)
            .is_none_or(|number| number == header.number)
    {
        passed = passed.with(Milestone::SynRepeated);
    }
    if read::at::<u8>(slot.stolen).is_some_and(|stolen| stolen != 0) {
        passed = passed.with(Milestone::RequestStolen);
    }
    if listener::defers_accept(slot.sk) {
        passed = passed.with(Milestone::DefersAccept);
    }
    slot.facts.passed = passed;
}
