//! How many events of a kind get a record of their own: so many a second for each reason of each
//! listener, so that a flood at one never hides what happens at another.
//!
//! All CPUs draw on one rate. A CPU that finds it used up remembers until when, so that in a flood
//! it decides without another look.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::macros::map;
use aya_ebpf::maps::LruHashMap;
use ebpf_probes::{Config, DropRecord, RATE_NS, RATES_MAX, Rate, RateKey, TotalCounts};

use super::read;

#[map]
static RATES: LruHashMap<RateKey, Rate> = LruHashMap::with_max_entries(RATES_MAX, 0);

/// Which record of its kind in this second an event gets; if none, that is counted in its row.
#[inline(always)]
pub(crate) fn granted(record: &DropRecord, row: Option<&mut TotalCounts>) -> Option<u64> {
    let limit = read::detail();
    if limit == Config::ALL_DETAIL {
        return Some(1);
    }
    // An event without a row is in no total: its record is all that there is.
    let Some(row) = row else { return Some(1) };
    let mut nth = 0;
    if limit != 0 && record.boot_ns >= row.shut_until_ns {
        nth = draw(record, limit, row);
    }
    if nth == 0 {
        row.sampled_out = row.sampled_out.wrapping_add(1);
        return None;
    }
    Some(nth)
}

/// Draws one record from the rate: its number, or 0 if there is none left.
#[inline(always)]
fn draw(record: &DropRecord, limit: u64, row: &mut TotalCounts) -> u64 {
    let key = RateKey {
        listener: record.listener,
        netns: record.netns,
        reason: record.reason,
        padding: [0; 2],
    };
    let now = record.boot_ns;
    let Some(rate) = RATES.get_ptr_mut(key) else {
        // Where even this fails there is room in the ring, or a count of what did not fit.
        let _ = RATES.insert(key, Rate { since_ns: now, records: 1 }, u64::from(BPF_ANY));
        return 1;
    };
    // SAFETY: the map outlives the program. Another CPU that writes at the same moment can let a
    // few records more or less pass, and nothing else.
    let rate = unsafe { &mut *rate };
    let end = rate.since_ns.wrapping_add(RATE_NS);
    if now >= end {
        (rate.since_ns, rate.records) = (now, 1);
        return 1;
    }
    if rate.records >= limit {
        row.shut_until_ns = end;
        return 0;
    }
    rate.records = rate.records.wrapping_add(1);
    rate.records
}
