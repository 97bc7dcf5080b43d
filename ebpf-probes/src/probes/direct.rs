//! Kernel memory read by instructions instead of by a helper.
//!
//! `bpf_rdonly_cast` (kernel/bpf/helpers.c, since 6.2) declares any number to be the address of a
//! struct, and costs nothing when the program runs. What cannot be read is zero then: the kernel
//! mends the fault. That is a tenth of the cost of `bpf_probe_read_kernel`, which a locked-down
//! kernel refuses besides. The struct is always `struct in6_addr`, which is nothing but bytes.

use core::mem::transmute;

use ebpf_probes::CAST;

use super::read::{Address, caster};

/// How much may be read of the struct at once.
const REACH: usize = 16;

/// Whether this kernel allows it.
#[inline(always)]
pub(super) fn is_possible() -> bool {
    caster() != 0
}

/// Copies the first `size` bytes of `to`, one of 1, 2, 4, 8 and 16; 1 if there is no kernel memory
/// at such an address, and leaves zeros then.
#[inline(always)]
pub(super) fn copy<T: Copy>(to: &mut T, size: usize, address: Address) -> u32 {
    let to = (&raw mut *to).cast::<u8>();
    let from = cast(address);
    // SAFETY: the caller's `size` is at most that of T, and T is plain data; the verifier knows
    // `from` for a struct that is as large, and a fault there reads as zero.
    unsafe {
        match size {
            1 => to.write(from.read_volatile()),
            2 => to.cast::<u16>().write_unaligned(from.cast::<u16>().read_volatile()),
            4 => to.cast::<u32>().write_unaligned(from.cast::<u32>().read_volatile()),
            8 => to.cast::<u64>().write_unaligned(from.cast::<u64>().read_volatile()),
            REACH => {
                let words = from.cast::<u64>();
                let words = [words.read_volatile(), words.add(1).read_volatile()];
                to.cast::<[u64; 2]>().write_unaligned(words);
            }
            _ => return 1,
        }
    }
    // The upper half of all addresses is the kernel's. Calculated, so that nothing branches.
    (!address.raw() >> 63) as u32
}

/// The address as one that the verifier lets a program read from.
#[inline(always)]
fn cast(address: Address) -> *const u8 {
    // SAFETY: userspace makes the call one of `bpf_rdonly_cast`, which has this prototype, before a
    // program that comes this way is loaded; the verifier refuses all others.
    let cast: extern "C" fn(u64, u64) -> *const u8 = unsafe { transmute(CAST as usize) };
    cast(address.raw(), caster())
}
