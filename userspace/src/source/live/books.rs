//! Both sides of the books: what the probes counted, and what the kernel did, which is read while
//! packets keep coming.

use std::collections::BTreeSet;

use ebpf_probes::Counter;
use rustix::thread::{MembarrierCommand, membarrier};

use super::programs::Attached;
use super::steady::{Books, InFlight, Steady};
use super::table::Table;
use super::{Live, LiveError};
use crate::kernel::{Namespaces, TcpExt};
use crate::source::{Event, NetnsCounter, Total};

/// What moves in a namespace only where a listener refuses something.
const REFUSALS: [Counter; 3] =
    [Counter::ListenDrops, Counter::ListenOverflows, Counter::TcpReqQFullDrop];

/// The books at the start.
pub(super) struct Opened<'a> {
    pub(super) table: &'a Table,
    pub(super) namespaces: &'a Namespaces,
    /// The probes, if they are still to be armed: that comes before the counters are read.
    pub(super) unarmed: Option<&'a mut Attached>,
}

impl Books for Opened<'_> {
    fn rows(&mut self) -> Result<Vec<Total>, LiveError> {
        self.table.rows()
    }

    fn counters(&mut self, netns: u32) -> Option<TcpExt> {
        self.namespaces.counters(netns).ok()
    }

    fn settle(&mut self) -> Result<(), LiveError> {
        settle();
        if let Some(attached) = self.unarmed.take() {
            attached.arm()?;
        }
        Ok(())
    }
}

/// The books later. The ring is emptied meanwhile, as this takes its time.
pub(super) struct Running<'a> {
    pub(super) live: &'a mut Live,
    pub(super) namespaces: &'a Namespaces,
    pub(super) into: &'a mut Vec<Event>,
}

impl Books for Running<'_> {
    fn rows(&mut self) -> Result<Vec<Total>, LiveError> {
        self.live.table.rows()
    }

    fn counters(&mut self, netns: u32) -> Option<TcpExt> {
        self.live.baseline.delta(self.namespaces, netns)
    }

    fn settle(&mut self) -> Result<(), LiveError> {
        settle();
        self.live.empty(self.into)
    }
}

/// Waits until every CPU is done with the packet that it is at: the network stack's code runs
/// within RCU's read-side sections, and this command waits for all of these. Where the kernel does
/// not know it (CPUs without ticks), the next look at the totals still comes a moment later.
fn settle() {
    let _ = membarrier(MembarrierCommand::Global);
}

/// How far the counters moved: of our own namespace, of each where something was dropped, and of
/// each where the kernel refused connections without any probe having seen it.
pub(super) fn moved(namespaces: &Namespaces, before: &InFlight, now: &Steady) -> Vec<NetnsCounter> {
    let dropped = now.rows.iter().filter_map(|row| row.bucket.listener.netns);
    let dropped: BTreeSet<u32> = dropped.chain(namespaces.own()).collect();
    let refused = |delta: &TcpExt| REFUSALS.iter().any(|&counter| delta.get(counter) > 0);
    let told = now
        .counters
        .iter()
        .filter(|(netns, delta)| dropped.contains(netns) || delta.as_ref().is_some_and(refused));
    let rows = told.flat_map(|(&netns, &delta)| {
        Counter::OF_DROPS.iter().map(move |&counter| {
            let slot = counter as usize;
            let between = [before, &now.in_flight].map(|by| by.get(&netns));
            NetnsCounter {
                netns,
                counter,
                kernel: delta.map(|delta| delta.get(counter)),
                explained: None,
                in_flight: between.into_iter().flatten().map(|by| by[slot]).sum(),
            }
        })
    });
    // One that not every kernel has is news only where it moved.
    let told =
        |row: &NetnsCounter| row.counter.is_everywhere() || row.kernel.is_some_and(|by| by > 0);
    rows.filter(told).collect()
}
