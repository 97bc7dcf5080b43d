//! Numbers that all CPUs share. They lie in the program's own data, which a program reaches without
//! asking the kernel for an entry of a map.

use core::arch::asm;
use core::cell::UnsafeCell;

/// A number that any CPU reads and writes at any time.
///
/// The numbers of `core` do not do: LLVM knows no atomic read for this target.
#[repr(transparent)]
pub(crate) struct Shared(UnsafeCell<u64>);

// SAFETY: the kernel's CPUs read and write an aligned word at once, and every access here is one.
unsafe impl Sync for Shared {}

impl Shared {
    /// 0, until somebody sets it.
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    /// As it is now.
    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        // SAFETY: the program's data outlives it. Volatile, because others write it.
        unsafe { self.0.get().read_volatile() }
    }

    /// Of two CPUs that set it at once, one wins.
    #[inline(always)]
    pub(crate) fn set(&self, value: u64) {
        // SAFETY: as above.
        unsafe { self.0.get().write_volatile(value) };
    }

    /// Adds one, and loses none where several CPUs do so at once.
    #[inline(always)]
    pub(crate) fn increment(&self) {
        // SAFETY: adds to an aligned number that outlives the program.
        unsafe {
            asm!(
                "lock *(u64 *)({number} + 0) += {one}",
                number = in(reg) self.0.get(),
                one = in(reg) 1_u64,
                options(nostack),
            );
        }
    }
}
