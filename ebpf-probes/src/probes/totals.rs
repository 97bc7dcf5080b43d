//! Exact totals: a row for each listener and what happened to it, counted by each CPU for itself.
//!
//! Where the table has no room for a listener, its events are counted in a row that it shares with
//! others of its namespace, so that totals by reason stay exact whatever happens. The counts lie in
//! an array beside the tables, so that whoever knows a row's number needs no look at its key.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{PerCpuArray, PerCpuHashMap};
use ebpf_probes::{
    COUNTS_MAX, Counters, DropRecord, Loss, OVERFLOW_MAX, PAGE_ROWS, PAGES_MAX, TOTALS_MAX,
    TotalCounts, TotalKey, TotalPage,
};

use super::output;

/// Where in [`COUNTS`] each CPU counts what has this key, from 1; 0 where it does not yet.
type Table = PerCpuHashMap<TotalKey, u64>;

#[map]
static TOTALS: Table = PerCpuHashMap::with_max_entries(TOTALS_MAX, 0);

#[map]
static OVERFLOW: Table = PerCpuHashMap::with_max_entries(OVERFLOW_MAX, 0);

#[map]
static COUNTS: PerCpuArray<TotalPage> = PerCpuArray::with_max_entries(PAGES_MAX, 0);

/// How many of this CPU's counts are taken: by events with softirqs off from the first on, by the
/// others from the last on, because one of the former may come between.
#[map]
static TAKEN: PerCpuArray<u64> = PerCpuArray::with_max_entries(2, 0);

/// A row as this CPU counts it.
pub(crate) struct Row {
    /// Its number on this CPU.
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
    let mut nth = find::<INTERRUPTIBLE>(&TOTALS, &key);
    if nth.is_none() {
        (key.listener, key.inode, key.bound) = (TotalKey::OTHERS, 0, [0; 16]);
        (key.bound_port, key.bound_family) = (0, 0);
        nth = find::<INTERRUPTIBLE>(&OVERFLOW, &key);
    }
    let row = nth.and_then(|nth| Some(Row { nth, counts: at(nth)? }));
    let Some(row) = row else {
        output::lost(Loss::TotalsFull);
        return None;
    };
    row.counts.events = row.counts.events.wrapping_add(1);
    Some(row)
}

/// Finds the number of a row on this CPU, or makes the row.
#[inline(always)]
fn find<const INTERRUPTIBLE: bool>(table: &Table, key: &TotalKey) -> Option<u32> {
    let place = table.get_ptr_mut(key).or_else(|| {
        // It fails where another CPU adds the same row at the same moment; then it is there now.
        let _ = table.insert(key, 0, u64::from(BPF_NOEXIST));
        table.get_ptr_mut(key)
    })?;
    // SAFETY: the pointer is this CPU's value of an entry that is never removed; as in `at`.
    let place = unsafe { &mut *place };
    if *place == 0 {
        let taken = TAKEN.get_ptr_mut(u32::from(INTERRUPTIBLE))?;
        // SAFETY: the pointer is this CPU's entry of a map that outlives the program; as in `at`.
        let taken = unsafe { &mut *taken };
        // There are as many as keys in both tables, so they cannot run out before these.
        *place =
            if INTERRUPTIBLE { u64::from(COUNTS_MAX).wrapping_sub(*taken) } else { *taken + 1 };
        *taken += 1;
    }
    Some(place.wrapping_sub(1) as u32)
}
