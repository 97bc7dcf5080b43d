//! The way out: exact totals first, then a record of the drop, and a count of whatever was lost.

use core::arch::asm;

use aya_ebpf::helpers::{bpf_get_smp_processor_id, bpf_ktime_get_boot_ns};
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use aya_log_ebpf::debug;
use ebpf_probes::{
    Between, ClientCount, DropRecord, Filter, Function, LOSS_COUNT, Loss, OPEN_LOG, Reason, Told,
    Verdict,
};

use super::slot::{Past, Slot};
use super::{clients, detail, listener, packet, read, recent, ring, totals};

#[map]
static LOSSES: PerCpuArray<u64> = PerCpuArray::with_max_entries(LOSS_COUNT, 0);

/// A record is too large for the stack of a BPF program, so it is put together here: the first with
/// softirqs off, the second with softirqs on.
#[map]
static RECORD: PerCpuArray<DropRecord> = PerCpuArray::with_max_entries(2, 0);

/// Counts a loss.
#[inline(always)]
pub(crate) fn lost(loss: Loss) {
    if let Some(count) = LOSSES.get_ptr_mut(loss as u32) {
        // SAFETY: the pointer is this CPU's entry of a map that outlives the program.
        unsafe { *count = (*count).wrapping_add(1) };
    }
}

/// Counts and reports an event. A notice that nobody asked for is only counted, and only where it
/// explains a counter.
#[inline(always)]
pub(crate) fn report(slot: &mut Slot, verdict: &Verdict, function: Function) {
    if judge(slot, verdict, function) {
        tell::<false>(slot);
    }
}

/// The same where softirqs are on, one of which may come between.
#[inline(always)]
pub(crate) fn report_interruptible(slot: &mut Slot, verdict: &Verdict, function: Function) {
    if judge(slot, verdict, function) {
        tell::<true>(slot);
    }
}

/// A client that was refused got in.
#[inline(always)]
pub(crate) fn report_recovered(slot: &mut Slot, client: Past, function: Function) {
    if judge(slot, &Verdict::RECOVERED, function) {
        slot.past = client;
        tell::<false>(slot);
    }
}

/// Notes in its slot what is to be told of a call; says whether anything is.
#[inline(always)]
fn judge(slot: &mut Slot, verdict: &Verdict, function: Function) -> bool {
    if !is_wanted(verdict.reason) && verdict.moves.is_empty() {
        return false;
    }
    slot.told = Told::new(verdict, function);
    true
}

/// Tells what the slot says is to be told. Kept out of line: the judges are many, and this is long.
///
/// The verifier follows both ways of each branch, until it finds itself where it was before with
/// nothing different. So whatever a branch decides is kept in memory, where it does not look, and
/// read again.
#[inline(never)]
fn tell<const INTERRUPTIBLE: bool>(slot: &mut Slot) {
    let told = slot.told;
    if !INTERRUPTIBLE && recent::count(slot.sk, told) {
        return;
    }
    if_logging(slot);
    slot.age = recent::age();
    let Some(record) = RECORD.get_ptr_mut(u32::from(INTERRUPTIBLE)) else { return };
    // SAFETY: the pointer is this CPU's entry of a map that outlives the program. Until the record
    // is out softirqs are off, or else it is a kprobe's, which keeps other threads off this CPU and
    // has the second entry for itself: so nobody else on this CPU writes it meanwhile.
    let record = unsafe { &mut *record };
    // SAFETY: the helpers take no pointers.
    (record.boot_ns, record.cpu) = unsafe { (bpf_ktime_get_boot_ns(), bpf_get_smp_processor_id()) };
    record.milestones = slot.facts.passed.0;
    (record.reason, record.stage) = (told.reason(), told.stage());
    (record.evidence, record.function) = (told.evidence(), told.function());
    record.padding = [0; 2];
    let past = if told.is(Reason::ClientRecovered) { slot.past } else { Past::NONE };
    (record.attempt, record.first_ns) = (past.attempt, past.first_ns);
    record.unknown = 0;
    listener::identify(slot.sk, slot.skb, record);
    packet::describe(slot, record);
    if listener::has_closed(record) {
        // It has given its port back, and only its requests and packets name it. Where its memory
        // becomes another's, nothing is to remember it.
        record.bound_port = record.local_port;
        slot.age = recent::NEVER;
    }
    // What becomes of each client is wanted, or else only what is told one by one.
    let followed = read::filter().follows_clients();
    if followed && slot.told().refuses() {
        clients::refused(record, slot.told().keeps_out());
    }
    record.shown = shows(read::filter(), record);
    let row = totals::count::<INTERRUPTIBLE>(record, slot.told().moves());
    if let Some(row) = &row {
        recent::remember(slot.sk, slot.told(), slot.age(), row.nth, record.shown);
    }
    if record.shown == 0 {
        return;
    }
    let Some(nth) = detail::granted(record, row.map(|row| row.counts)) else {
        if followed {
            clients::count(ClientCount::SampledOut);
        } else if slot.told().refuses() {
            clients::pass_over(record.boot_ns);
        }
        return;
    };
    slot.nth = nth;
    if !followed && slot.told().refuses() {
        clients::refused(record, slot.told().keeps_out());
    }
    // What only the record says is read only for one.
    listener::describe(slot.sk, slot.skb, &slot.queues, record);
    if !ring::submit(record, slot.nth()) {
        lost(Loss::RingFull);
    }
}

/// Where userspace has it so, logs what is told of a call. The whole call is left open, not only
/// whether it comes to it: see [`OPEN_LOG`].
#[inline(always)]
fn if_logging(slot: &Slot) {
    // SAFETY: calls a function of this signature, and says what such a call leaves of registers.
    unsafe {
        asm!(
            "r0 = {open}",
            "call {log}",
            open = const OPEN_LOG,
            log = sym log,
            inlateout("r1") &raw const *slot => _,
            lateout("r0") _,
            lateout("r2") _,
            lateout("r3") _,
            lateout("r4") _,
            lateout("r5") _,
        );
    }
}

/// For whoever wants to know why something was told as it was, or is unattributed.
#[inline(never)]
extern "C" fn log(slot: &Slot) {
    let (reason, passed) = (slot.told().reason(), slot.facts.passed.0);
    debug!((), "reason {}, milestones 0x{:x}", reason, passed);
}

#[inline(always)]
fn is_wanted(reason: Reason) -> bool {
    !reason.is_notice() || read::filter().notices(reason)
}

/// 1 if the filter shows an event, else 0. Calculated, as far as not the filter decides what is to
/// be looked at.
#[inline(always)]
fn shows(filter: &Filter, record: &DropRecord) -> u8 {
    let reasons =
        if record.reason >= Reason::FIRST_NOTICE { filter.notices } else { filter.reasons };
    let mut shown =
        reasons >> (record.reason & 63) & u64::from(filter.stages >> (record.stage & 31));
    if filter.asks_for_ends() && !filter.shows(&between(record)) {
        shown = 0;
    }
    (shown & 1) as u8
}

#[inline(always)]
fn between(record: &DropRecord) -> Between<'_> {
    Between {
        family: record.family.into(),
        netns: record.netns,
        local: &record.local,
        local_port: record.local_port,
        peer: &record.peer,
    }
}
