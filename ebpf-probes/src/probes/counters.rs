//! This CPU's TcpExt counters, read at entry and again at exit.
//!
//! They lie at `net->mib.net_statistics` plus this CPU's offset. The offset is learned without
//! the symbol table: a per-CPU map of our own is in reach both by its per-CPU pointer (in
//! `struct bpf_array`, kernel/bpf/arraymap.c) and by the address on this CPU that the lookup
//! gives, and the difference of the two is the offset of this CPU for all per-CPU memory.

use aya_ebpf::macros::map;
use aya_ebpf::maps::PerCpuArray;
use ebpf_probes::{Counter, Field};

use super::read::{self, Address};
use super::slot::Slot;

#[map]
static CPU_OFFSET: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

/// From per-CPU pointers to this CPU's memory, in bytes. Learned once, kept in the map itself.
#[inline(always)]
fn cpu_offset() -> Option<u64> {
    let kept = CPU_OFFSET.get_ptr_mut(0)?;
    // SAFETY: the pointer is this CPU's entry of a map that outlives the program.
    let known = unsafe { *kept };
    if known != 0 {
        return Some(known);
    }
    let map = Address::new(read::number(&raw const CPU_OFFSET as u64));
    let pointer = read::at::<u64>(read::percpu_pointers(map))?;
    let offset = read::number(kept as u64).wrapping_sub(pointer);
    // SAFETY: as above.
    unsafe { *kept = offset };
    Some(offset)
}

/// Reads these counters of the listener's namespace on this CPU; false where that is impossible.
/// One that this kernel does not have stays as it is.
#[inline(always)]
pub(crate) fn read<const N: usize>(
    sk: Address,
    which: [Counter; N],
    into: &mut [u64; Counter::COUNT],
) -> bool {
    let net = read::pointer(sk, Field::SockNet);
    let Some(offset) = cpu_offset() else { return false };
    let base = read::pointer(net, Field::NetStatistics).add(offset);
    let mut nth = 0;
    while nth < N {
        let counter = which[nth];
        nth += 1;
        match read::at(read::counter(base, counter)) {
            Some(value) => into[counter as usize] = value,
            None if counter.is_everywhere() => return false,
            None => {}
        }
    }
    true
}

/// Begins to measure these counters for a call.
#[inline(always)]
pub(crate) fn begin<const N: usize>(slot: &mut Slot, which: [Counter; N]) {
    slot.facts.counted = u32::from(read(slot.sk, which, &mut slot.counters));
}

/// Notes how far they moved, if it was begun.
#[inline(always)]
pub(crate) fn end<const N: usize>(slot: &mut Slot, which: [Counter; N]) {
    if slot.facts.counted != 0 {
        slot.facts.counted = u32::from(compare(slot, which));
    }
}

/// Notes how far these counters moved since they were read into the slot; false where that is
/// impossible. A call moves a counter by one at most a few times, so the low half tells.
#[inline(always)]
pub(crate) fn compare<const N: usize>(slot: &mut Slot, which: [Counter; N]) -> bool {
    let mut now = slot.counters;
    if !read(slot.sk, which, &mut now) {
        return false;
    }
    let mut nth = 0;
    while nth < N {
        let at = which[nth] as usize;
        nth += 1;
        slot.facts.moved[at] = now[at].wrapping_sub(slot.counters[at]) as u32;
    }
    true
}
