//! The other ends of a request: its timer, an ICMP error, its removal on demand, its listener's
//! end.
//!
//! There is no packet here, so the two ends are those of the request. It is told while the kernel
//! still holds the request: once the judged call has returned, its memory may be another's.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::map;
use aya_ebpf::maps::LruHashMap;
use ebpf_probes::{
    Counter, Evidence, Field, Function, Milestone, Milestones, Reason, Stage, Verdict,
    request_error, request_removed, request_timer, request_timer_ended,
};

use super::queues::Queues;
use super::read::{self, Address};
use super::slot::{self, Outer, Slot};
use super::{counters, listener, output, packet};

/// A request that is about to be destroyed, and the queues while it was in one of them.
#[derive(Clone, Copy)]
#[repr(C)]
struct Doomed {
    req: Address,
    queues: Queues,
}

/// What a thread in `tcp_abort` destroys. Until the removal, which comes with softirqs off, the
/// thread can be interrupted and moved to another CPU; but whatever removes a request in between has
/// a slot of its own open.
#[map]
static DESTROYED: LruHashMap<u64, Doomed> = LruHashMap::with_max_entries(256, 0);

/// What tells a request whose retries are counted from one whose listener has gone.
const TIMED: [Counter; 1] = [Counter::TcpTimeouts];

/// What asked for a removal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    Destroyed,
    NetnsExit,
    ListenerGone,
}

/// `reqsk_timer_handler` was entered. Where a removal says whether a timer asked for it, nobody needs
/// to see the return, and the slot of the call before may still be open.
#[inline(always)]
pub(crate) fn enter_timer(timer: Address) {
    let req = read::container(timer, Field::RequestTimer);
    let sk = read::pointer(req, Field::RequestListener);
    if read::is_whole() {
        slot::shut(Outer::RequestTimer);
    }
    if !listener::is_tcp(sk) {
        if !read::is_whole() {
            slot::ignore(Outer::RequestTimer);
        }
        return;
    }
    if let Some(slot) = open(Outer::RequestTimer, sk, req) {
        counters::begin(slot, TIMED);
    }
}

/// It returned.
#[inline(always)]
pub(crate) fn exit_timer() {
    slot::close(Outer::RequestTimer);
}

/// The same, where it is wanted to know more of it, as that another listener went on with the
/// request. Whether the slot is closed by now does not matter.
#[inline(always)]
pub(crate) fn migrated() {
    let Some(slot) = slot::latest(Outer::RequestTimer) else { return };
    if let Some(verdict) = request_timer_ended(&slot.facts) {
        // Another call here may be one that nobody opens a slot for.
        slot.facts.passed = Milestones(0);
        output::report(slot, &verdict, Function::ReqskTimerHandler);
    }
    if read::is_whole() {
        slot::shut(Outer::RequestTimer);
    }
}

/// Opens the slot of a call that is about a request. The lengths are those with the request
/// still in the queue.
#[inline(always)]
fn open(outer: Outer, sk: Address, req: Address) -> Option<&'static mut Slot> {
    let slot = slot::open(outer, sk, Address::NULL)?;
    slot.req = req;
    if let Some(queues) = listener::queues(sk, 0) {
        slot.queues = queues;
    }
    Some(slot)
}

/// `tcp_rtx_synack` returned: the answer was repeated, or that failed.
#[inline(always)]
pub(crate) fn synack_resent(failed: bool) {
    if let Some(slot) = slot::current(Outer::CheckReq) {
        if failed {
            slot.facts.passed = slot.facts.passed.with(Milestone::SynAckResendFailed);
        }
        return;
    }
    let Some(slot) = slot::current(Outer::RequestTimer) else { return };
    if failed {
        slot.facts.passed = slot.facts.passed.with(Milestone::SynAckResendFailed);
        return;
    }
    let verdict = notice(Reason::SynackRetransmit, Stage::Request);
    output::report(slot, &verdict, Function::ReqskTimerHandler);
}

/// `inet_reqsk_clone` returned a request that belongs to another listener.
#[inline(always)]
pub(crate) fn cloned(clone: Address) {
    if clone.is_null() {
        slot::pass(Outer::CheckReq, Milestone::CloneFailed);
        return;
    }
    slot::pass(Outer::CheckReq, Milestone::RequestCloned);
    if let Some(slot) = slot::current(Outer::RequestTimer) {
        slot.facts.passed = slot.facts.passed.with(Milestone::RequestCloned);
        let sk = read::pointer(clone, Field::RequestListener);
        (slot.sk, slot.req, slot.queues) = (sk, clone, Queues::UNKNOWN);
    }
}

/// The same, where it is wanted to know what goes on elsewhere: outside of a call that says more, the
/// listener is closing, and this one of its finished connections finds another.
#[inline(always)]
pub(crate) fn moved(clone: Address) {
    let is_within =
        slot::current(Outer::CheckReq).is_some() || slot::current(Outer::RequestTimer).is_some();
    if clone.is_null() || is_within {
        return;
    }
    let sk = read::pointer(clone, Field::RequestListener);
    if listener::is_tcp(sk) {
        let verdict = notice(Reason::RequestMigrated, Stage::Request);
        at_once(sk, clone, &verdict, Function::InetCskListenStop);
    }
}

/// `tcp_req_err` was entered. If the error is final and about the number of our SYN-ACK, a removal
/// comes next, which closes what is opened here; else none does.
#[inline(always)]
pub(crate) fn enter_error(req: Address, number: u32, is_final: bool) {
    if is_final && read::read(req, Field::RequestSentNumber) == Some(number) && sees_removals() {
        open(Outer::RequestError, read::pointer(req, Field::RequestListener), req);
    }
}

/// Whether each removal that is asked for is also seen to be over.
#[inline(always)]
fn sees_removals() -> bool {
    Milestones(read::watched()).has(Milestone::RequestDropped)
}

/// `inet_csk_reqsk_queue_drop_and_put` was entered: outside `tcp_check_req` and a timer it is called
/// for a packet whose request's listener has closed, and where a network namespace ends.
#[inline(always)]
pub(crate) fn enter_removal_and_put(sk: Address, req: Address) {
    // Where a removal says whether a timer asked for it, no timer asks for it by way of this.
    let by_timer = !read::is_whole() && slot::current(Outer::RequestTimer).is_some();
    if by_timer || slot::current(Outer::CheckReq).is_some() || !listener::is_tcp(sk) {
        return;
    }
    let cause = if listener::is_leaving(sk) { Cause::NetnsExit } else { Cause::ListenerGone };
    open_removal(sk, req, cause);
}

#[inline(always)]
fn open_removal(sk: Address, req: Address, cause: Cause) {
    if sees_removals()
        && let Some(slot) = open(Outer::RequestRemoval, sk, req)
    {
        slot.cause = cause as u32;
    }
}

/// What all removals come to returned: the request was removed, without having become a connection,
/// or somebody else had been quicker. A timer may have asked for it, or has not.
#[inline(always)]
pub(crate) fn removal_ended(removed: bool, by_timer: bool) {
    if let Some(slot) = slot::close_quietly(Outer::RequestError) {
        slot.facts.passed = slot.facts.passed.with(Milestone::RemovalAsked);
        if let Some(verdict) = request_error(&slot.facts) {
            output::report(slot, &verdict, Function::TcpReqErr);
        }
    } else if let Some(slot) = slot::current(Outer::CheckReq) {
        if removed {
            slot.facts.passed = slot.facts.passed.with(Milestone::RequestDropped);
        }
    } else if by_timer && let Some(slot) = slot::current(Outer::RequestTimer) {
        if removed {
            timer_removed(slot);
        }
    } else if let Some(slot) = slot::close_quietly(Outer::RequestRemoval).or_else(doomed)
        && removed
    {
        removed_on_demand(slot);
    }
}

#[inline(always)]
fn timer_removed(slot: &mut Slot) {
    slot.facts.passed = slot.facts.passed.with(Milestone::RequestDropped);
    counters::end(slot, TIMED);
    if let Some(verdict) = request_timer(&slot.facts) {
        output::report(slot, &verdict, Function::ReqskTimerHandler);
    }
}

#[inline(always)]
fn removed_on_demand(slot: &mut Slot) {
    slot.facts.passed = slot.facts.passed.with(Milestone::RequestDropped);
    let (reason, function) = match slot.cause {
        cause if cause == Cause::Destroyed as u32 => (Reason::RequestDestroyed, Function::TcpAbort),
        cause if cause == Cause::NetnsExit as u32 => {
            (Reason::RequestNetnsExit, Function::InetTwskPurge)
        }
        _ if packet::is_v6(slot.req) => (Reason::AckListenerGone, Function::TcpV6Rcv),
        _ => (Reason::AckListenerGone, Function::TcpV4Rcv),
    };
    if let Some(verdict) = request_removed(&slot.facts, reason) {
        output::report(slot, &verdict, function);
    }
}

/// `tcp_abort` was entered.
#[inline(always)]
pub(crate) fn destroyed(req: Address) {
    const NEW_SYN_RECV: u8 = 12;
    let mut state = 0_u8;
    if read::copy(&mut state, req, Field::SockState) != 0 || state != NEW_SYN_RECV {
        return;
    }
    let sk = read::pointer(req, Field::RequestListener);
    let queues = listener::queues(sk, 0).unwrap_or(Queues::UNKNOWN);
    // Full is this table only if the removals are not seen.
    let _ = DESTROYED.insert(bpf_get_current_pid_tgid(), Doomed { req, queues }, 0);
}

/// The call that is about what this thread destroys.
#[inline(always)]
fn doomed() -> Option<&'static mut Slot> {
    let thread = bpf_get_current_pid_tgid();
    // SAFETY: the pointer is to a value of a map that outlives the program.
    let Doomed { req, queues } = unsafe { *DESTROYED.get_ptr(thread)? };
    let _ = DESTROYED.remove(thread);
    let slot = slot::open(
        Outer::RequestRemoval,
        read::pointer(req, Field::RequestListener),
        Address::NULL,
    )?;
    slot::shut(Outer::RequestRemoval);
    (slot.req, slot.queues, slot.cause) = (req, queues, Cause::Destroyed as u32);
    Some(slot)
}

/// `inet_child_forget` was entered. A request knows its connection from the moment that waits in
/// the accept queue: so what is forgotten here could have been accepted.
#[inline(always)]
pub(crate) fn forgotten(sk: Address, req: Address, child: Address) {
    slot::pass(Outer::CheckReq, Milestone::ChildForgotten);
    if read::pointer(req, Field::RequestChild) == child && listener::is_tcp(sk) {
        let verdict = notice(Reason::ChildNotAccepted, Stage::Request);
        at_once(sk, req, &verdict, Function::InetCskListenStop);
    }
}

#[inline(always)]
const fn notice(reason: Reason, stage: Stage) -> Verdict {
    Verdict { reason, stage, evidence: Evidence::Observed, moves: reason.moves() }
}

/// Tells of what one probe alone has seen.
#[inline(always)]
fn at_once(sk: Address, sock: Address, verdict: &Verdict, function: Function) {
    if let Some(slot) = slot::open(Outer::Moment, sk, Address::NULL) {
        slot.req = sock;
        slot::shut(Outer::Moment);
        output::report(slot, verdict, function);
    }
}
