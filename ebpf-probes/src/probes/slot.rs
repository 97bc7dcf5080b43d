//! Scratch between entry and exit of an outer function, one per function and CPU.
//!
//! A listener's code runs with softirqs off, so entry and exit happen on one CPU and no other call
//! of the same function comes between. Probes elsewhere find no slot open: whoever opened one on
//! this CPU lets nobody else run on it. The one that tells of something with softirqs on is a
//! kprobe, which is not preempted, and has a slot and a record of its own. What breaks this is counted, never guessed: an entry that
//! finds its slot taken, an exit that finds it empty.

use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use ebpf_probes::{Counter, Facts, Loss, Milestone, Milestones, Told};

use super::ends::Ends;
use super::output;
use super::queues::Queues;
use super::read::{self, Address};

/// A function whose calls are judged as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Outer {
    /// `tcp_v4_conn_request`
    V4ConnRequest,
    /// `tcp_v6_conn_request`
    V6ConnRequest,
    /// `tcp_conn_request`
    ConnRequest,
    /// `tcp_check_req`
    CheckReq,
    /// `tcp_v4_syn_recv_sock`
    V4SynRecvSock,
    /// `tcp_v6_syn_recv_sock`
    V6SynRecvSock,
    /// `cookie_v4_check` or `cookie_v6_check`
    CookieCheck,
    /// `reqsk_timer_handler`
    RequestTimer,
    /// `tcp_req_err`
    RequestError,
    /// `inet_csk_reqsk_queue_drop_and_put`, or `inet_csk_reqsk_queue_drop` in `tcp_abort`
    RequestRemoval,
    /// `tcp_v4_rcv` or `tcp_v6_rcv`; only on demand.
    Receive,
    /// Nothing that lasts: what is told at once has its facts here.
    Moment,
    /// The same where softirqs are on, one of which may come between.
    Interruptible,
}

const OUTERS: u32 = Outer::Interruptible as u32 + 1;

/// What had become of a client before.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Past {
    /// As in [`ebpf_probes::DropRecord`].
    pub(crate) first_ns: u64,
    /// How often it was refused.
    pub(crate) attempt: u32,
    /// Always 0.
    pub(crate) padding: u32,
}

impl Past {
    /// Nothing that is known.
    pub(crate) const NONE: Self = Self { first_ns: 0, attempt: 0, padding: 0 };
}

/// What is kept of one call.
#[repr(C)]
pub(crate) struct Slot {
    /// 1 between entry and exit.
    live: u32,
    /// 1 once this CPU has seen an entry: an exit without one is news only from then on.
    used: u32,
    /// Calls that are not judged and whose exit is still to come.
    ignored: u32,
    /// Why it was called, where the function itself does not say; no other reads it. Of an expected
    /// packet, why it is.
    pub(crate) cause: u32,
    /// The listener.
    pub(crate) sk: Address,
    /// The packet, if there is one.
    pub(crate) skb: Address,
    /// The request, if it is known.
    pub(crate) req: Address,
    /// `req_stolen` of `tcp_check_req`; no other reads it.
    pub(crate) stolen: Address,
    /// A packet that an earlier call left to the next one here.
    pub(crate) expected: Address,
    /// Who talks to whom, where that must be known before the packet is gone.
    pub(crate) ends: Ends,
    /// The counters at entry.
    pub(crate) counters: [u64; Counter::COUNT],
    /// Queue lengths at a refusal inside.
    pub(crate) queues: Queues,
    /// What is to be told of it.
    pub(crate) told: Told,
    /// Before which end of a listener its own was looked at.
    pub(crate) age: u64,
    /// Which record of its kind in this second it gets.
    pub(crate) nth: u64,
    /// Of its client.
    pub(crate) past: Past,
    /// What the probes saw so far.
    pub(crate) facts: Facts,
}

/// Values as they are in memory, whatever is known of them.
impl Slot {
    #[inline(always)]
    pub(crate) fn told(&self) -> Told {
        // SAFETY: reads a reference.
        unsafe { (&raw const self.told).read_volatile() }
    }

    #[inline(always)]
    pub(crate) fn age(&self) -> u64 {
        // SAFETY: reads a reference.
        unsafe { (&raw const self.age).read_volatile() }
    }

    #[inline(always)]
    pub(crate) fn nth(&self) -> u64 {
        // SAFETY: reads a reference.
        unsafe { (&raw const self.nth).read_volatile() }
    }
}

#[map]
static SLOTS: PerCpuArray<Slot> = PerCpuArray::with_max_entries(OUTERS, 0);

#[inline(always)]
fn slot(outer: Outer) -> Option<&'static mut Slot> {
    let slot = SLOTS.get_ptr_mut(outer as u32)?;
    // SAFETY: the map outlives the program, the pointer is this CPU's and was checked for NULL,
    // and no two references to one slot are used at the same time.
    Some(unsafe { &mut *slot })
}

/// Opens the slot of a call.
#[inline(always)]
pub(crate) fn open(outer: Outer, sk: Address, skb: Address) -> Option<&'static mut Slot> {
    let slot = slot(outer)?;
    if slot.live != 0 {
        output::lost(Loss::SlotClash);
    }
    slot.live = 1;
    slot.used = 1;
    slot.sk = sk;
    slot.skb = skb;
    slot.req = Address::NULL;
    slot.ends.sought = 0;
    slot.queues.known = 0;
    slot.queues.function = 0;
    // One by one: to clear it all costs more than all else here, and nobody looks at the rest
    // before it was filled in.
    slot.facts.passed = Milestones(0);
    slot.facts.watched = Milestones(read::watched());
    slot.facts.counted = 0;
    Some(slot)
}

/// Leaves a packet to the next call of a function, which is to come at once, and says why.
#[inline(always)]
pub(crate) fn expect(outer: Outer, skb: Address, cause: u32) {
    if let Some(slot) = slot(outer) {
        slot.expected = skb;
        slot.cause = cause;
    }
}

/// Why this packet was left to this call, if it was; it is not any more.
#[inline(always)]
pub(crate) fn expected(outer: Outer, skb: Address) -> Option<u32> {
    let slot = slot(outer)?;
    let expected = slot.expected == skb;
    slot.expected = Address::NULL;
    expected.then_some(slot.cause)
}

/// Notes a call that is not judged, so that its exit is not taken for one without entry.
#[inline(always)]
pub(crate) fn ignore(outer: Outer) {
    if let Some(slot) = slot(outer) {
        slot.ignored = slot.ignored.wrapping_add(1);
    }
}

/// Closes the slot of a call that returned.
#[inline(always)]
pub(crate) fn close(outer: Outer) -> Option<&'static mut Slot> {
    let slot = slot(outer)?;
    if slot.live != 0 {
        slot.live = 0;
        return Some(slot);
    }
    if slot.ignored != 0 {
        slot.ignored -= 1;
    } else if slot.used != 0 {
        output::lost(Loss::EntryMissed);
    }
    None
}

/// Closes the slot of a call, if it is open and about this packet.
#[inline(always)]
pub(crate) fn take(outer: Outer, skb: Address) -> Option<&'static mut Slot> {
    let slot = current(outer).filter(|slot| slot.skb == skb)?;
    slot.live = 0;
    Some(slot)
}

/// Closes the slot of a call, if it is open.
#[inline(always)]
pub(crate) fn close_quietly(outer: Outer) -> Option<&'static mut Slot> {
    let slot = current(outer)?;
    slot.live = 0;
    Some(slot)
}

/// Closes the slot of a call that may have been closed before, or never opened.
#[inline(always)]
pub(crate) fn shut(outer: Outer) {
    if let Some(slot) = slot(outer) {
        slot.live = 0;
    }
}

/// The slot of the latest call on this CPU, be it over or not.
#[inline(always)]
pub(crate) fn latest(outer: Outer) -> Option<&'static mut Slot> {
    slot(outer)
}

/// The slot of a call that is under way on this CPU.
#[inline(always)]
pub(crate) fn current(outer: Outer) -> Option<&'static mut Slot> {
    slot(outer).filter(|slot| slot.live != 0)
}

/// The innermost call under way of these, which are given from the inside out.
#[inline(always)]
pub(crate) fn innermost(outers: &[Outer]) -> Option<&'static mut Slot> {
    let mut nth = 0;
    while nth < outers.len() {
        let slot = current(outers[nth]);
        if slot.is_some() {
            return slot;
        }
        nth += 1;
    }
    None
}

/// Notes that a call that is under way passed a milestone.
#[inline(always)]
pub(crate) fn pass(outer: Outer, milestone: Milestone) {
    if let Some(slot) = current(outer) {
        slot.facts.passed = slot.facts.passed.with(milestone);
    }
}

/// Notes that a call passed a milestone: the innermost one of those that are under way. The
/// functions are given from the inside out.
#[inline(always)]
pub(crate) fn pass_innermost(outers: &[Outer], milestone: Milestone) {
    if let Some(slot) = innermost(outers) {
        slot.facts.passed = slot.facts.passed.with(milestone);
    }
}
