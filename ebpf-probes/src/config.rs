//! What userspace resolves before load and the probes read as one frozen global.
//!
//! Everything here is constant for the lifetime of the loaded programs, so the verifier knows the
//! values and prunes what they switch off.

use crate::counter::Counter;
use crate::facts::{Milestone, Milestones};
use crate::filter::Filter;

/// The probes' one global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Config {
    /// Bits of [`Milestone`](crate::Milestone)s whose hooks are attached.
    pub watched: u64,
    /// Records a second of each reason of a listener; [`Config::ALL_DETAIL`] sets no limit.
    pub detail: u64,
    /// 1 if calls are judged where they return and hooked only there, as fexit allows, else 0.
    pub whole: u64,
    /// 1 if every call that tests for a cookie is watched, else 0.
    pub cookies: u64,
    /// 1 if what happens to a listener for a reason again can be counted without another look at
    /// whose it is, else 0.
    pub alike: u64,
    /// Byte offset of each [`Counter`] in the per-CPU array, [`NOWHERE`] if unknown.
    pub counters: [u64; Counter::COUNT],
    /// From a `struct bpf_array` to its table of per-CPU pointers, in bytes; [`NOWHERE`] if unknown.
    pub percpu_pointers: u64,
    /// What is shown.
    pub filter: Filter,
}

/// The offset of what this kernel does not have. Added to an address of the kernel's, or to NULL, it
/// leads to where the kernel has no memory, so that what is read there fails like any other read.
pub const NOWHERE: u64 = 1 << 62;

impl Config {
    /// A record of every event.
    pub const ALL_DETAIL: u64 = u64::MAX;

    /// Nothing resolved: what the object holds until userspace overrides it.
    pub const UNRESOLVED: Self = Self {
        watched: 0,
        detail: Self::ALL_DETAIL,
        whole: 0,
        cookies: 0,
        alike: 0,
        counters: [NOWHERE; Counter::COUNT],
        percpu_pointers: NOWHERE,
        filter: Filter::ALL,
    };

    /// The same with a filter, and a limit of records.
    ///
    /// Events of one reason are alike where nobody asks who the clients are, and where the end of
    /// any listener is seen: until then its address is its own.
    #[must_use]
    pub const fn showing(self, filter: Filter, detail: u64) -> Self {
        let ends = Milestones(self.watched).has(Milestone::ListenerEnded);
        let alike = ends
            && detail != Self::ALL_DETAIL
            && !filter.follows_clients()
            && !filter.asks_for_ends();
        Self { filter, detail, alike: alike as u64, ..self }
    }

    /// The bytes that replace the global in the object before load.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the struct is plain integers without padding (asserted below), so each of its
        // bytes is initialised; the slice borrows from it and is exactly as long.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }
}

// No byte of the global is padding: it is handed over as bytes.
const _: () = assert!(size_of::<Config>() == 8 * (6 + Counter::COUNT) + size_of::<Filter>());
