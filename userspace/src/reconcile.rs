//! The proof: what the kernel counted against what the drops that were named explain.
//!
//! Each named drop moves certain counters by one. What then is left over of a counter, something
//! else moved, or a probe missed; it is said, never swept away. Drops that a filter hides explain
//! as much as shown ones.

use std::collections::BTreeMap;

use ebpf_probes::{Counter, Reason};

use crate::source::Snapshot;
use crate::totals::add;

/// One counter of one network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Inode number of the namespace.
    pub netns: u32,
    /// The counter.
    pub counter: Counter,
    /// How far the kernel moved it; `None` if unknown.
    pub kernel: Option<u64>,
    /// How far the named drops moved it.
    pub explained: u64,
    /// Drops in the namespace that could not be named and may have moved it too.
    pub unattributed: u64,
    /// How much came at the very time when both were read: as much may be missing on one side.
    pub in_flight: u64,
}

/// How a counter and its explanation agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// Entirely.
    Even,
    /// So much is on one side only, and came while both were read.
    InFlight(u64),
    /// So much is left over.
    LeftOver(u64),
    /// So much more is explained than the kernel counted: something is wrong.
    Excess(u64),
    /// The kernel's count is unknown.
    Unknown,
}

impl Line {
    /// How the two agree.
    pub const fn balance(&self) -> Balance {
        let Some(kernel) = self.kernel else { return Balance::Unknown };
        match (kernel.checked_sub(self.explained), self.explained.checked_sub(kernel)) {
            (Some(0), _) => Balance::Even,
            (Some(apart), _) | (None, Some(apart)) if apart <= self.in_flight => {
                Balance::InFlight(apart)
            }
            (Some(left), _) => Balance::LeftOver(left),
            (None, Some(excess)) => Balance::Excess(excess),
            (None, None) => Balance::Unknown,
        }
    }

    /// Whether there is anything to say.
    pub fn moved(&self) -> bool {
        self.explained > 0 || self.kernel.is_some_and(|kernel| kernel > 0)
    }
}

/// What else moves a counter without any of the reasons known here.
pub const fn other_sources(counter: Counter) -> &'static str {
    match counter {
        Counter::ListenDrops => "SMC, or a packet that came while probes were put in place",
        Counter::ListenOverflows => "a BPF or XDP program that makes SYN cookies, SMC",
        Counter::TcpReqQFullDrop => "a SYN that met the full queue where no probe was attached",
        Counter::SyncookiesFailed | Counter::TcpDeferAcceptDrop | Counter::EmbryonicRsts => {
            "a packet that came while probes were put in place"
        }
        Counter::TcpFastOpenListenOverflow => "a SYN that came while probes were put in place",
        Counter::PawsEstab | Counter::TsEcrRejected => {
            "old packets of established connections, which count there too"
        }
        Counter::SyncookiesRecv | Counter::TcpTimeouts => "what is no drop",
    }
}

/// Every counter that was read or that a named drop moved, by namespace.
pub fn reconcile(snapshot: &Snapshot) -> Vec<Line> {
    let mut explained: BTreeMap<(u32, usize), u64> = BTreeMap::new();
    let mut unattributed: BTreeMap<u32, u64> = BTreeMap::new();
    for total in &snapshot.totals {
        let Some(netns) = total.bucket.listener.netns else { continue };
        let reason = total.bucket.reason;
        if reason == Reason::Unattributed {
            add(unattributed.entry(netns).or_default(), total.count);
        }
        for &counter in Counter::OF_DROPS.iter().filter(|&&counter| total.bucket.moves.has(counter))
        {
            add(explained.entry((netns, counter as usize)).or_default(), total.count);
        }
    }
    let mut lines: BTreeMap<(u32, usize), Line> = BTreeMap::new();
    let mut line = |netns, counter: Counter, kernel, recorded: Option<u64>, in_flight| {
        let key = (netns, counter as usize);
        lines.entry(key).or_insert_with(|| Line {
            netns,
            counter,
            kernel,
            explained: recorded.or_else(|| explained.get(&key).copied()).unwrap_or(0),
            unattributed: unattributed.get(&netns).copied().unwrap_or(0),
            in_flight,
        });
    };
    for read in &snapshot.counters {
        line(read.netns, read.counter, read.kernel, read.explained, read.in_flight);
    }
    for &(netns, slot) in explained.keys() {
        line(netns, Counter::OF_DROPS[slot], None, None, 0);
    }
    lines.into_values().collect()
}

#[cfg(test)]
mod tests;
