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
    let map = number_of(&raw const CPU_OFFSET as u64)?;
    let pointers = Address::new(map).add(read::percpu_pointers()?);
    let offset = number_of(kept as u64)?.wrapping_sub(read::at::<u64>(pointers)?);
    // SAFETY: as above.
    unsafe { *kept = offset };
    Some(offset)
}

/// The number behind a pointer that the verifier tracks: it forbids to calculate with such a
/// pointer, but not with bytes that were read from memory.
#[inline(always)]
fn number_of(pointer: u64) -> Option<u64> {
    let held = core::hint::black_box(pointer);
    read::at(Address::new(&raw const held as u64))
}

/// The counters of a network namespace on this CPU; `None` where one cannot be read.
#[inline(always)]
pub(crate) fn read(sk: Address) -> Option<[u64; Counter::COUNT]> {
    let net = read::pointer(sk, Field::SockNet);
    let base = read::pointer(net, Field::NetStatistics).add(cpu_offset()?);
    Some([
        one(base, Counter::ListenOverflows)?,
        one(base, Counter::ListenDrops)?,
        one(base, Counter::TcpReqQFullDrop)?,
    ])
}

#[inline(always)]
fn one(base: Address, counter: Counter) -> Option<u64> {
    read::at(base.add(read::counter_offset(counter)?))
}

/// How far each moved. A call moves a counter by one at most a few times, so the low half tells.
#[inline(always)]
pub(crate) fn moved(
    before: &[u64; Counter::COUNT],
    now: &[u64; Counter::COUNT],
) -> [u32; Counter::COUNT] {
    [
        now[0].wrapping_sub(before[0]) as u32,
        now[1].wrapping_sub(before[1]) as u32,
        now[2].wrapping_sub(before[2]) as u32,
    ]
}
