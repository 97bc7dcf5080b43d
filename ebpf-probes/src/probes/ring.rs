//! The ring buffer of records, and when its reader is woken.
//!
//! To wake the reader costs more than all else that a record costs together. So it is woken at
//! once after a quiet time, and then once in [`WAKE_NS`]: it looks again by itself after that time.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, RingBuf};
use ebpf_probes::{DropRecord, Loss, WAKE_NS};

use super::output;

/// Room for some 4,700 records.
const RING_BYTES: u32 = 1 << 20;
/// More than this in the ring, and the reader had better come earlier.
const MUCH: u64 = RING_BYTES as u64 / 4;
/// How much earlier.
const SOON_NS: u64 = WAKE_NS / 8;

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// When the reader was woken last, as `boot_ns`.
#[map]
static WOKEN: Array<u64> = Array::with_max_entries(1, 0);

/// Of each kind, so many records a second may use all of the ring, and further ones half of it:
/// where the reader is slow, a flood takes no room from what happens rarely.
const FEW: u64 = 64;
const HALF: u64 = RING_BYTES as u64 / 2;

/// Hands a record to the reader, which is the nth of its kind in this second.
#[inline(always)]
pub(crate) fn submit(record: &DropRecord, nth: u64) {
    if nth > FEW && EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) > HALF {
        output::lost(Loss::RingFull);
        return;
    }
    if EVENTS.output::<DropRecord>(record, wake(record.boot_ns)).is_err() {
        output::lost(Loss::RingFull);
    }
}

#[inline(always)]
fn wake(now: u64) -> u64 {
    let Some(woken) = WOKEN.get_ptr_mut(0) else { return u64::from(BPF_RB_FORCE_WAKEUP) };
    // SAFETY: the map outlives the program; of two CPUs that read or write, either is right.
    let since = now.saturating_sub(unsafe { woken.read_volatile() });
    if since < SOON_NS || since < WAKE_NS && EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) < MUCH {
        return u64::from(BPF_RB_NO_WAKEUP);
    }
    // SAFETY: as above.
    unsafe { woken.write_volatile(now) };
    u64::from(BPF_RB_FORCE_WAKEUP)
}
