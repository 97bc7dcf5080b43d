//! Exact totals: a row for each listener and what happened to it, counted by each CPU for itself.
//!
//! Where the table has no room for a listener, its events are counted in a row that it shares with
//! others of its namespace, so that totals by reason stay exact whatever happens. The counts lie in
//! an array beside the tables, so that whoever knows a row's number needs no look at its key.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{HashMap, PerCpuArray, Queue};
use ebpf_probes::{
    BATCH_ROWS, BATCHES_MAX, Counters, DropRecord, Loss, OVERFLOW_MAX, PAGE_ROWS, PAGES_MAX,
    TOTALS_MAX, TotalCounts, TotalKey, TotalPage,
};

use super::{output, packet};

/// Where in [`COUNTS`] what has this key is counted, from 1.
type Table = HashMap<TotalKey, u32>;

#[map]
static TOTALS: Table = HashMap::with_max_entries(TOTALS_MAX, 0);

#[map]
static OVERFLOW: Table = HashMap::with_max_entries(OVERFLOW_MAX, 0);

#[map]
static COUNTS: PerCpuArray<TotalPage> = PerCpuArray::with_max_entries(PAGES_MAX, 0);

/// The numbers that no row has: the first one of each batch of [`BATCH_ROWS`]. Userspace fills it.
#[map]
static BATCHES: Queue<u32> = Queue::with_max_entries(BATCHES_MAX, 0);

/// What is left of the batch that a CPU took last.
#[derive(Clone, Copy)]
#[repr(C)]
struct Batch {
    /// The next number that no row has.
    next: u32,
    /// How many there are from that on.
    left: u32,
}

/// For events with softirqs off, and for the others, because one of the former may come between.
#[map]
static BATCH: PerCpuArray<Batch> = PerCpuArray::with_max_entries(2, 0);

/// A row as this CPU counts it.
pub(crate) struct Row {
    /// Its number.
    pub(crate) nth: u32,
    /// This CPU's part.
    pub(crate) counts: &'static mut TotalCounts,
}

/// The counts of a number.
#[inline(always)]
pub(crate) fn at(nth: u32) -> Option<&'static mut TotalCounts> {
    let page = COUNTS.get_ptr_mut(nth / PAGE_ROWS)?;
    // SAFETY: the pointer is this CPU's entry of a map that outlives the program, and softirqs are
    // off until the event is dealt with, or nobody in a softirq counts such events. The row is one
    // of the page's.
    Some(unsafe { &mut *page.cast::<TotalCounts>().add((nth % PAGE_ROWS) as usize) })
}

/// Counts an event; gives its row.
#[inline(always)]
pub(crate) fn count<const INTERRUPTIBLE: bool>(
    record: &DropRecord,
    moves: Counters,
) -> Option<Row> {
    let mut key = TotalKey {
        listener: record.listener,
        inode: record.inode,
        bound: record.bound,
        netns: record.netns,
        reason: record.reason,
        bound_port: record.bound_port,
        bound_family: record.bound_family,
        stage: record.stage,
        evidence: record.evidence,
        shown: record.shown,
        moves: moves.0,
        padding: [0; 2],
    };
    let mut place = find::<INTERRUPTIBLE>(&key);
    if place == 0 {
        (key.listener, key.inode) = (TotalKey::OTHERS, 0);
        packet::clear(&mut key.bound);
        (key.bound_port, key.bound_family) = (0, 0);
        place = find::<INTERRUPTIBLE>(&key);
    }
    let nth = place.wrapping_sub(1);
    let Some(counts) = at(nth) else {
        output::lost(Loss::TotalsFull);
        return None;
    };
    counts.events = counts.events.wrapping_add(1);
    Some(Row { nth, counts })
}

/// The place of what has this key, from 1, which it is given if it has none; 0 if there is no room.
#[inline(never)]
fn find<const INTERRUPTIBLE: bool>(key: &TotalKey) -> u32 {
    let known = place(key);
    if known != 0 {
        return known;
    }
    let Some(batch) = BATCH.get_ptr_mut(u32::from(INTERRUPTIBLE)) else { return 0 };
    // SAFETY: the pointer is this CPU's entry of a map that outlives the program; as in `at`.
    let batch = unsafe { &mut *batch };
    if batch.left == 0 {
        // There are as many as rows, and two more for each CPU to break.
        let Ok(Some(next)) = BATCHES.pop() else { return 0 };
        *batch = Batch { next, left: BATCH_ROWS };
    }
    let added = batch.next.wrapping_add(1);
    let flags = u64::from(BPF_NOEXIST);
    let done = if is_shared(key) {
        OVERFLOW.insert(key, added, flags)
    } else {
        TOTALS.insert(key, added, flags)
    };
    if done.is_err() {
        // There is no room, or another CPU added the same row at the same moment.
        return place(key);
    }
    batch.next = added;
    batch.left -= 1;
    added
}

/// Where what has this key is counted, from 1; 0 if nowhere yet.
#[inline(always)]
fn place(key: &TotalKey) -> u32 {
    let place = if is_shared(key) { OVERFLOW.get_ptr(key) } else { TOTALS.get_ptr(key) };
    // SAFETY: the pointer is to a value of a map that outlives the program, which is never removed
    // and never written again.
    place.map_or(0, |place| unsafe { *place })
}

#[inline(always)]
const fn is_shared(key: &TotalKey) -> bool {
    key.listener == TotalKey::OTHERS
}
