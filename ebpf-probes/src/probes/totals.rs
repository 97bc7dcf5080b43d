//! Exact totals: a row for each listener and what happened to it, counted by each CPU for itself.
//!
//! Where the table has no room for a listener, its events are counted in a row that it shares with
//! others of its namespace, so that totals by reason stay exact whatever happens.

use aya_ebpf::bindings::BPF_NOEXIST;
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuHashMap;
use ebpf_probes::{Counters, DropRecord, Loss, OVERFLOW_MAX, TOTALS_MAX, TotalCounts, TotalKey};

use super::output;

#[map]
static TOTALS: PerCpuHashMap<TotalKey, TotalCounts> =
    PerCpuHashMap::with_max_entries(TOTALS_MAX, 0);

#[map]
static OVERFLOW: PerCpuHashMap<TotalKey, TotalCounts> =
    PerCpuHashMap::with_max_entries(OVERFLOW_MAX, 0);

/// Counts an event; gives this CPU's part of the row.
#[inline(always)]
pub(crate) fn count(record: &DropRecord, moves: Counters) -> Option<&'static mut TotalCounts> {
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
    let mut row = row(&TOTALS, &key);
    if row.is_none() {
        (key.listener, key.inode, key.bound) = (TotalKey::OTHERS, 0, [0; 16]);
        (key.bound_port, key.bound_family) = (0, 0);
        row = self::row(&OVERFLOW, &key);
    }
    let Some(row) = row else {
        output::lost(Loss::TotalsFull);
        return None;
    };
    // SAFETY: the pointer is this CPU's value of an entry that is never removed, and softirqs are
    // off until the event is dealt with.
    let row = unsafe { &mut *row };
    row.events = row.events.wrapping_add(1);
    Some(row)
}

/// Finds a row, or makes it.
#[inline(always)]
fn row(table: &PerCpuHashMap<TotalKey, TotalCounts>, key: &TotalKey) -> Option<*mut TotalCounts> {
    table.get_ptr_mut(key).or_else(|| {
        const NOTHING: TotalCounts = TotalCounts { events: 0, sampled_out: 0, shut_until_ns: 0 };
        // It fails where another CPU adds the same row at the same moment; then it is there now.
        let _ = table.insert(key, NOTHING, u64::from(BPF_NOEXIST));
        table.get_ptr_mut(key)
    })
}
