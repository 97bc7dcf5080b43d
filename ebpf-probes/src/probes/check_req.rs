//! The handshake's last ACK meets its request: `tcp_check_req`.

use ebpf_probes::{Counter, Field, Function, Milestone, check_req, check_req_child};

use super::cookie_check::Cause;
use super::read::{self, Address};
use super::slot::{self, Outer, Slot};
use super::{clients, counters, listener, output, packet};

/// What tells packets apart that are answered by a bare ACK.
const COUNTED: [Counter; 2] = [Counter::PawsEstab, Counter::TsEcrRejected];

/// `tcp_check_req` was entered. For a Fast Open child the connection exists already, and the call
/// may come from process context: such a call is not judged.
#[inline(always)]
pub(crate) fn enter(sk: Address, skb: Address, req: Address, fastopen: bool, stolen: Address) {
    if fastopen {
        slot::ignore(Outer::CheckReq);
    } else if let Some(slot) = slot::open(Outer::CheckReq, sk, skb) {
        slot.req = req;
        slot.stolen = stolen;
    }
}

/// `tcp_oow_rate_limited` returned: a packet is out of place. What is wrong with it the kernel
/// counts only after this, so it is here that the counters are read first, and not at the entry,
/// where every good handshake would pay for it.
#[inline(always)]
pub(crate) fn out_of_place(limited: bool) {
    let Some(slot) = slot::current(Outer::CheckReq) else { return };
    if limited {
        slot.facts.passed = slot.facts.passed.with(Milestone::RateLimited);
    }
    slot.facts.counted = u32::from(counters::read(slot.sk, COUNTED, &mut slot.counters));
}

/// It returned: the child, or the listener for an ACK of a wrong number, or NULL.
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
    if slot.facts.counted != 0 {
        slot.facts.counted = u32::from(counters::compare(slot, COUNTED));
    }
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
