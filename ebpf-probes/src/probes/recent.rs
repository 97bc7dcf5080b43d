//! The rows that were counted in lately. In a flood a listener refuses many packets for one reason:
//! all but the first only raise one number, and nobody looks again at whose it is.
//!
//! As long as a listener lives its address is its own, and it keeps its port and its namespace. The
//! end of any listener makes all that was remembered before worthless.

use aya_ebpf::helpers::{bpf_jiffies64, bpf_ktime_get_boot_ns};
use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use ebpf_probes::{Told, TotalCounts};

use super::read::{self, Address};
use super::shared::Shared;
use super::{clients, totals};

/// A power of two.
const ROWS: u32 = 16;

/// The longest tick there is, in ns: `CONFIG_HZ` is at least 100.
const TICK_NS: u64 = 10_000_000;

/// What was counted.
#[derive(Clone, Copy)]
#[repr(C)]
struct Recent {
    /// Whose it was.
    listener: u64,
    /// Before which end of a listener that was known.
    age: u64,
    /// What had happened to it.
    told: Told,
    /// The row's number on this CPU.
    nth: u32,
    /// 1 if the filter shows it.
    shown: u32,
    /// In which tick of the kernel's no record was left for it.
    shut_tick: u64,
}

#[map]
static RECENT: PerCpuArray<Recent> = PerCpuArray::with_max_entries(ROWS, 0);

/// How many listeners have ended.
static ENDED: Shared = Shared::new();

/// A listener ends.
#[inline(always)]
pub(crate) fn ended() {
    ENDED.increment();
}

/// Nothing that was learned then holds.
pub(crate) const NEVER: u64 = u64::MAX;

/// What is learned of a listener from now on holds until this number changes.
#[inline(always)]
pub(crate) fn age() -> u64 {
    ENDED.get()
}

/// Whether all that happens to a listener for one reason is alike: nobody asks who its clients are.
#[inline(always)]
fn is_usable(told: Told) -> bool {
    read::counts_alike() && !told.is_notice()
}

#[inline(always)]
fn place(sk: Address, told: Told) -> Option<&'static mut Recent> {
    let nth = sk.raw() >> 7 ^ sk.raw() >> 11 ^ u64::from(told.reason());
    let recent = RECENT.get_ptr_mut(nth as u32 & (ROWS - 1))?;
    // SAFETY: the pointer is this CPU's entry of a map that outlives the program. Only notices are
    // told of with softirqs on, and they are not looked for here.
    Some(unsafe { &mut *recent })
}

/// Counts an event in the row of one like it; false if there was none lately, or if it may get a
/// record of its own.
#[inline(always)]
pub(crate) fn count(sk: Address, told: Told) -> bool {
    if sk.is_null() || !is_usable(told) {
        return false;
    }
    let Some(recent) = place(sk, told) else { return false };
    if recent.listener != sk.raw() || recent.told != told || recent.age != age() {
        return false;
    }
    let Some(counts) = totals::at(recent.nth) else { return false };
    if recent.shown != 0 {
        if read::detail() != 0 && !is_shut(recent, counts) {
            return false;
        }
        counts.sampled_out = counts.sampled_out.wrapping_add(1);
    }
    counts.events = counts.events.wrapping_add(1);
    true
}

/// Whether no record is left for such an event. The clock is looked at once in a tick of the kernel's,
/// at most 10 ms: the kernel's own count of these costs next to nothing.
#[inline(always)]
fn is_shut(recent: &mut Recent, counts: &TotalCounts) -> bool {
    // SAFETY: the helper takes no pointers.
    let tick = unsafe { bpf_jiffies64() };
    if tick == recent.shut_tick {
        return true;
    }
    // SAFETY: as above.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if now >= counts.shut_until_ns {
        return false;
    }
    recent.shut_tick = tick;
    if recent.told.refuses() {
        clients::pass_over(now + TICK_NS);
    }
    true
}

/// Remembers where such an event was counted, as it was known at an age.
#[inline(always)]
pub(crate) fn remember(sk: Address, told: Told, age: u64, nth: u32, shown: u8) {
    if !is_usable(told) {
        return;
    }
    if let Some(recent) = place(sk, told) {
        recent.listener = sk.raw();
        recent.age = age;
        recent.told = told;
        recent.nth = nth;
        recent.shown = shown.into();
        recent.shut_tick = 0;
    }
}
