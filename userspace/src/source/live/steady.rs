//! Totals and the kernel's counters as of one moment, for each namespace.
//!
//! The two cannot be read at once. So the counters of a namespace are read between two readings of
//! the totals, until what both explain is the same: then nothing came between. Where events never
//! pause, how many came between is known, and nothing is claimed of these.
//!
//! A packet whose function is under way can be in the counters and not yet in the totals, or the
//! other way round. So it is waited for, on both sides of the counters.

use std::collections::{BTreeMap, BTreeSet};

use ebpf_probes::Counter;

use super::LiveError;
use crate::source::Total;

/// How far the named events moved each counter of a namespace.
type Explained = [u64; Counter::OF_DROPS.len()];

/// How much was explained by what came between; namespaces where that is nothing are left out.
pub(super) type InFlight = BTreeMap<u32, Explained>;

/// What was read.
#[derive(Debug)]
pub(super) struct Steady<T> {
    /// The rows, those of each namespace as of the moment when its counters were read.
    pub(super) rows: Vec<Total>,
    /// The counters of each namespace.
    pub(super) counters: BTreeMap<u32, T>,
    /// What came between.
    pub(super) in_flight: InFlight,
}

/// What is read.
pub(super) trait Books {
    /// The counters of a namespace.
    type Counters;

    /// The totals, now.
    fn rows(&mut self) -> Result<Vec<Total>, LiveError>;

    /// A namespace's counters, now.
    fn counters(&mut self, netns: u32) -> Self::Counters;

    /// Waits until whatever the kernel was in the middle of is done.
    fn settle(&mut self) -> Result<(), LiveError>;
}

/// Reads the counters of these namespaces, and of each that the totals name, so many times at most.
///
/// # Errors
/// If the totals cannot be read.
pub(super) fn read<B: Books>(
    books: &mut B,
    namespaces: impl IntoIterator<Item = u32>,
    readings: usize,
) -> Result<Steady<B::Counters>, LiveError> {
    let mut before = books.rows()?;
    let mut pending: BTreeSet<u32> = namespaces.into_iter().collect();
    pending.extend(before.iter().filter_map(|row| row.bucket.listener.netns));
    let mut steady =
        Steady { rows: Vec::new(), counters: BTreeMap::new(), in_flight: BTreeMap::new() };
    for reading in 1..=readings {
        books.settle()?;
        let read: Vec<_> = pending.iter().map(|&netns| (netns, books.counters(netns))).collect();
        books.settle()?;
        let after = books.rows()?;
        let (was, is) = (explained(&before), explained(&after));
        for (netns, counters) in read {
            let [was, is] = [&was, &is].map(|by| by.get(&netns).copied().unwrap_or_default());
            if was != is && reading < readings {
                continue;
            }
            if was != is {
                let between = std::array::from_fn(|nth| is[nth].saturating_sub(was[nth]));
                steady.in_flight.insert(netns, between);
            }
            let own = |row: &&Total| row.bucket.listener.netns == Some(netns);
            steady.rows.extend(before.iter().filter(own));
            steady.counters.insert(netns, counters);
            pending.remove(&netns);
        }
        // One may have dropped its first packet just now.
        let named = after.iter().filter_map(|row| row.bucket.listener.netns);
        pending.extend(named.filter(|netns| !steady.counters.contains_key(netns)));
        before = after;
        if pending.is_empty() {
            break;
        }
    }
    steady.rows.extend(before.iter().filter(|row| {
        let netns = row.bucket.listener.netns;
        netns.is_none_or(|netns| !steady.counters.contains_key(&netns))
    }));
    Ok(steady)
}

fn explained(rows: &[Total]) -> BTreeMap<u32, Explained> {
    let mut explained: BTreeMap<u32, Explained> = BTreeMap::new();
    for row in rows {
        let Some(netns) = row.bucket.listener.netns else { continue };
        let sums = explained.entry(netns).or_default();
        for &counter in Counter::OF_DROPS.iter().filter(|&&counter| row.bucket.moves.has(counter)) {
            sums[counter as usize] += row.count;
        }
    }
    explained
}

#[cfg(test)]
mod tests {
    use ebpf_probes::{Counter, Evidence, Reason, Stage};

    use super::{Books, LiveError, Steady, read};
    use crate::decode::{Bucket, ListenerId};
    use crate::source::Total;

    const READINGS: usize = 6;

    fn row(netns: Option<u32>, count: u64) -> Total {
        let reason = Reason::AcceptQueueFullSyn;
        let bucket = Bucket {
            listener: ListenerId { sock: 1, inode: Some(1), netns, bound: None },
            reason,
            stage: Stage::Syn,
            evidence: Evidence::Observed,
            shown: true,
            moves: reason.moves(),
        };
        Total::whole(bucket, count)
    }

    /// Namespaces 7 and 8, of which 8 is flooded for the first readings of the totals. Each counter
    /// is what the kernel counted by the latest of these.
    #[derive(Default)]
    struct Noise {
        until: u64,
        readings: u64,
        looks: u64,
    }

    impl Books for Noise {
        type Counters = u64;

        fn rows(&mut self) -> Result<Vec<Total>, LiveError> {
            self.readings += 1;
            let loud = 100 * self.readings.min(self.until);
            Ok(vec![row(Some(7), 5), row(Some(8), loud), row(None, 3)])
        }

        fn counters(&mut self, netns: u32) -> u64 {
            self.looks += 1;
            if netns == 8 { 100 * self.readings.min(self.until) } else { 5 }
        }

        fn settle(&mut self) -> Result<(), LiveError> {
            Ok(())
        }
    }

    fn with_noise(until: u64) -> (Steady<u64>, u64) {
        let mut noise = Noise { until, ..Noise::default() };
        let steady = read(&mut noise, [7], READINGS).unwrap();
        (steady, noise.looks)
    }

    fn count(steady: &Steady<u64>, netns: Option<u32>) -> u64 {
        let own = steady.rows.iter().filter(|row| row.bucket.listener.netns == netns);
        own.map(|row| row.count).sum()
    }

    #[test]
    fn a_quiet_machine_is_read_once() {
        let (steady, looks) = with_noise(0);
        assert_eq!(looks, 2, "once per namespace");
        assert!(steady.in_flight.is_empty());
        assert_eq!(steady.rows.len(), 3);
    }

    #[test]
    fn a_namespace_is_read_again_until_nothing_comes_between() {
        let (steady, looks) = with_noise(3);
        assert!(steady.in_flight.is_empty());
        assert_eq!((count(&steady, Some(8)), steady.counters[&8]), (300, 300));
        assert_eq!(looks, 4, "7 once, 8 until it paused");
    }

    #[test]
    fn what_comes_between_is_told_where_it_never_ends() {
        let (steady, _) = with_noise(u64::MAX);
        let last = 100 * READINGS as u64;
        assert_eq!((count(&steady, Some(8)), steady.counters[&8]), (last, last));
        assert_eq!(steady.in_flight[&8][Counter::ListenDrops as usize], 100);
        assert_eq!(steady.in_flight[&8][Counter::TcpReqQFullDrop as usize], 0);
        assert_eq!(steady.in_flight.len(), 1, "7 is quiet");
        assert_eq!((count(&steady, Some(7)), count(&steady, None)), (5, 3));
    }
}
