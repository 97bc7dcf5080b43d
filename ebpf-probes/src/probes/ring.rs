//! The ring buffer of records, and when its reader is woken.
//!
//! To wake the reader costs more than all else that a record costs together. So it is woken at
//! once after a quiet time, and then once in [`WAKE_NS`]: it looks again by itself after that time.

use aya_ebpf::bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP};
use aya_ebpf::macros::map;
use aya_ebpf::maps::RingBuf;
use ebpf_probes::{DropRecord, WAKE_NS};

use super::shared::Shared;

/// Room for some 4,700 records.
const RING_BYTES: u32 = 1 << 20;
/// More than this in the ring, and the reader had better come earlier.
const MUCH: u64 = RING_BYTES as u64 / 4;
/// How much earlier.
const SOON_NS: u64 = WAKE_NS / 8;

#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(RING_BYTES, 0);

/// When the reader was woken last, as `boot_ns`.
static WOKEN: Shared = Shared::new();

/// Of each kind, so many records a second may use all of the ring, and further ones half of it:
/// where the reader is slow, a flood takes no room from what happens rarely.
const FEW: u64 = 64;
const HALF: u64 = RING_BYTES as u64 / 2;

/// Hands a record to the reader, which is the nth of its kind in this second; false if there is no
/// room for it.
#[inline(always)]
pub(crate) fn submit(record: &DropRecord, nth: u64) -> bool {
    if nth > FEW && EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) > HALF {
        return false;
    }
    EVENTS.output::<DropRecord>(record, wake(record.boot_ns)).is_ok()
}

/// Of two CPUs that read or write when the reader was woken, either is right.
#[inline(always)]
fn wake(now: u64) -> u64 {
    let since = now.saturating_sub(WOKEN.get());
    if since < SOON_NS || since < WAKE_NS && EVENTS.query(u64::from(BPF_RB_AVAIL_DATA)) < MUCH {
        return u64::from(BPF_RB_NO_WAKEUP);
    }
    WOKEN.set(now);
    u64::from(BPF_RB_FORCE_WAKEUP)
}
