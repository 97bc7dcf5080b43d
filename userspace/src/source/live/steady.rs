//! Totals and the kernel's counters as of one moment, for each namespace.
//!
//! The two cannot be read at once. So both are read, and both again, until neither has moved: then
//! nothing came between. Where events never pause, how many came between is known, and nothing is
//! claimed of these.
//!
//! A packet whose function is under way can be in the counters and not yet in the totals, or the
//! other way round. So it is waited for between the two times: it shows then.

use std::collections::{BTreeMap, BTreeSet};

use ebpf_probes::Counter;

use super::LiveError;
use crate::kernel::TcpExt;
use crate::source::Total;

/// How far something moved each counter of a namespace.
type Moves = [u64; Counter::OF_DROPS.len()];

/// How much came between; namespaces where that is nothing are left out.
pub(super) type InFlight = BTreeMap<u32, Moves>;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Steady {
    /// The rows, those of each namespace as of the moment when its counters were read.
    pub(super) rows: Vec<Total>,
    /// The counters of each namespace, where they can be read.
    pub(super) counters: BTreeMap<u32, Option<TcpExt>>,
    /// What came between.
    pub(super) in_flight: InFlight,
}

/// What is read.
pub(super) trait Books {
    /// The totals, now.
    fn rows(&mut self) -> Result<Vec<Total>, LiveError>;

    /// A namespace's counters, now.
    fn counters(&mut self, netns: u32) -> Option<TcpExt>;

    /// Waits until whatever the kernel was in the middle of is done.
    fn settle(&mut self) -> Result<(), LiveError>;
}

/// Reads the counters of these namespaces, and of each that the totals name, so many times at most.
///
/// # Errors
/// If the totals cannot be read.
pub(super) fn read(
    books: &mut impl Books,
    namespaces: impl IntoIterator<Item = u32>,
    readings: usize,
) -> Result<Steady, LiveError> {
    let mut steady = Steady::default();
    let mut before = books.rows()?;
    let mut pending: BTreeSet<u32> = namespaces.into_iter().chain(named(&before)).collect();
    let mut counted: BTreeMap<u32, Option<TcpExt>> = BTreeMap::new();
    for reading in 1..=readings {
        for &netns in &pending {
            counted.entry(netns).or_insert_with(|| books.counters(netns));
        }
        books.settle()?;
        let after = books.rows()?;
        let again: BTreeMap<_, _> =
            counted.keys().map(|&netns| (netns, books.counters(netns))).collect();
        let (was, is) = (explained(&before), explained(&after));
        for (&netns, &counters) in &counted {
            let [was, is] = [&was, &is].map(|by| by.get(&netns).copied().unwrap_or_default());
            let kernel = moves(counters, again.get(&netns).copied().flatten());
            let between =
                std::array::from_fn(|nth| kernel[nth].max(is[nth].saturating_sub(was[nth])));
            if between != Moves::default() {
                if reading < readings {
                    continue;
                }
                steady.in_flight.insert(netns, between);
            }
            let own = |row: &&Total| row.bucket.listener.netns == Some(netns);
            steady.rows.extend(before.iter().filter(own));
            steady.counters.insert(netns, counters);
            pending.remove(&netns);
        }
        // One may have dropped its first packet just now.
        pending.extend(named(&after).filter(|netns| !steady.counters.contains_key(netns)));
        (before, counted) = (after, again);
        counted.retain(|netns, _| pending.contains(netns));
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

/// The namespaces of these rows.
fn named(rows: &[Total]) -> impl Iterator<Item = u32> {
    rows.iter().filter_map(|row| row.bucket.listener.netns)
}

/// How far counters moved; what cannot be read has not. What not listeners alone move may well do so
/// without end; it is moved before the totals are, so these tell of it.
fn moves(then: Option<TcpExt>, now: Option<TcpExt>) -> Moves {
    let moved = now.zip(then).and_then(|(now, then)| now.since(&then));
    let moved = moved.unwrap_or_default();
    std::array::from_fn(|nth| {
        let counter = Counter::OF_DROPS[nth];
        if counter.is_of_listeners() { moved.get(counter) } else { 0 }
    })
}

fn explained(rows: &[Total]) -> BTreeMap<u32, Moves> {
    let mut explained: BTreeMap<u32, Moves> = BTreeMap::new();
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

    use super::{Books, LiveError, Steady, TcpExt, read};
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
        /// How far the kernel is ahead.
        unexplained: u64,
        /// For how many settlings it gets one further ahead.
        unseen: u64,
    }

    impl Books for Noise {
        fn rows(&mut self) -> Result<Vec<Total>, LiveError> {
            self.readings += 1;
            let loud = 100 * self.readings.min(self.until);
            Ok(vec![row(Some(7), 5), row(Some(8), loud), row(None, 3)])
        }

        fn counters(&mut self, netns: u32) -> Option<TcpExt> {
            self.looks += 1;
            let drops = if netns == 8 { 100 * self.readings.min(self.until) } else { 5 };
            let mut counters = [0; Counter::OF_DROPS.len()];
            counters[Counter::ListenDrops as usize] = drops + self.unexplained;
            // Established connections move it all the time.
            counters[Counter::PawsEstab as usize] = self.looks;
            Some(TcpExt::from(counters))
        }

        fn settle(&mut self) -> Result<(), LiveError> {
            self.unexplained += u64::from(self.unseen > 0);
            self.unseen = self.unseen.saturating_sub(1);
            Ok(())
        }
    }

    fn with_noise(until: u64) -> (Steady, u64) {
        with(Noise { until, ..Noise::default() })
    }

    fn with(mut noise: Noise) -> (Steady, u64) {
        let steady = read(&mut noise, [7], READINGS).unwrap();
        (steady, noise.looks)
    }

    fn drops(steady: &Steady, netns: u32) -> Option<u64> {
        Some(steady.counters.get(&netns)?.as_ref()?.get(Counter::ListenDrops))
    }

    fn count(steady: &Steady, netns: Option<u32>) -> u64 {
        let own = steady.rows.iter().filter(|row| row.bucket.listener.netns == netns);
        own.map(|row| row.count).sum()
    }

    #[test]
    fn a_quiet_machine_is_read_twice() {
        let (steady, looks) = with_noise(0);
        assert_eq!(looks, 4, "twice per namespace");
        assert!(steady.in_flight.is_empty());
        assert_eq!(steady.rows.len(), 3);
    }

    #[test]
    fn a_namespace_is_read_again_until_nothing_comes_between() {
        let (steady, looks) = with_noise(3);
        assert!(steady.in_flight.is_empty());
        assert_eq!((count(&steady, Some(8)), drops(&steady, 8)), (300, Some(300)));
        assert_eq!(looks, 6, "7 twice, 8 until it paused");
    }

    #[test]
    fn what_comes_between_is_told_where_it_never_ends() {
        let (steady, _) = with_noise(u64::MAX);
        let last = 100 * READINGS as u64;
        assert_eq!((count(&steady, Some(8)), drops(&steady, 8)), (last, Some(last)));
        assert_eq!(steady.in_flight[&8][Counter::ListenDrops as usize], 100);
        assert_eq!(steady.in_flight[&8][Counter::TcpReqQFullDrop as usize], 0);
        assert_eq!(steady.in_flight.len(), 1, "7 is quiet");
        assert_eq!((count(&steady, Some(7)), count(&steady, None)), (5, 3));
    }

    #[test]
    fn what_only_the_kernel_counted_is_no_less_movement() {
        let (steady, looks) = with(Noise { unseen: 2, ..Noise::default() });
        assert!(steady.in_flight.is_empty());
        assert_eq!((drops(&steady, 7), looks), (Some(7), 8), "read until it paused");
        let (steady, _) = with(Noise { unseen: u64::MAX, ..Noise::default() });
        assert_eq!(steady.in_flight[&7][Counter::ListenDrops as usize], 1);
        assert_eq!((count(&steady, Some(7)), count(&steady, None)), (5, 3));
    }
}
