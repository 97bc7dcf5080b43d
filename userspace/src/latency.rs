//! How long connections waited in the accept queue: direct evidence of a slow application.
//!
//! The probes count times in buckets, each with the longest time in it. A quantile is the longest
//! time of the bucket that it falls into: never below the truth, and at most an eighth above it.

use std::collections::HashMap;
use std::time::Duration;

use crate::decode::{ListenerId, WaitRow};
use crate::incident::Owner;

/// Of 1000: the quantiles that are told.
const QUANTILES: [u64; 3] = [500, 900, 990];

/// How long connections of one listener waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quantiles {
    /// How many were accepted.
    pub accepted: u64,
    /// Half of them waited no longer than this.
    pub p50: Duration,
    /// Nine of ten.
    pub p90: Duration,
    /// 99 of a hundred.
    pub p99: Duration,
    /// All.
    pub max: Duration,
}

/// A listener and how long its connections waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerLatency {
    /// Which listener.
    pub id: ListenerId,
    /// Who holds it.
    pub owner: Owner,
    /// How long.
    pub quantiles: Quantiles,
}

/// What is known of all listeners.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceptLatency {
    /// By listener, the slowest first.
    pub listeners: Vec<ListenerLatency>,
    /// Connections that were accepted and not timed: they waited already when tracing began, or
    /// there was no room for them.
    pub untimed: u64,
}

impl AcceptLatency {
    /// Adds up rows of the probes' table. Nobody's owner is known yet.
    pub fn of(rows: Vec<WaitRow>, untimed: u64) -> Self {
        let mut listeners: HashMap<ListenerId, Vec<WaitRow>> = HashMap::new();
        for row in rows {
            listeners.entry(row.listener).or_default().push(row);
        }
        let listeners = listeners.into_iter().map(|(id, rows)| ListenerLatency {
            id,
            owner: Owner::default(),
            quantiles: Quantiles::of(rows),
        });
        let mut latency = Self { listeners: listeners.collect(), untimed };
        latency.slowest_first();
        latency
    }

    fn slowest_first(&mut self) {
        self.listeners.sort_by_key(|it| {
            let slow = (it.quantiles.p99, it.quantiles.max);
            (std::cmp::Reverse(slow), it.id.bound, it.id.inode)
        });
    }
}

impl Quantiles {
    fn of(mut rows: Vec<WaitRow>) -> Self {
        rows.sort_by_key(|row| row.bucket);
        let accepted: u64 = rows.iter().map(|row| row.count).sum();
        let at = |per_mille: u64| {
            let rank = u128::from(accepted) * u128::from(per_mille);
            let mut below = 0;
            let row = rows.iter().find(|row| {
                below += u128::from(row.count);
                below * 1000 >= rank
            });
            Duration::from_nanos(row.map_or(0, |row| row.max_ns))
        };
        let [p50, p90, p99] = QUANTILES.map(at);
        let max = rows.iter().map(|row| row.max_ns).max().unwrap_or(0);
        Self { accepted, p50, p90, p99, max: Duration::from_nanos(max) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use ebpf_probes::wait_bucket;

    use super::AcceptLatency;
    use crate::decode::{ListenerId, WaitRow};

    /// As the probes would count these times, in ns.
    fn rows(sock: u64, times: impl Iterator<Item = u64>) -> Vec<WaitRow> {
        let listener = ListenerId { sock, inode: Some(9), netns: Some(1), bound: None };
        let mut rows: HashMap<usize, (u64, u64)> = HashMap::new();
        for ns in times {
            let (count, max) = rows.entry(wait_bucket(ns)).or_default();
            (*count, *max) = (*count + 1, ns.max(*max));
        }
        let row = |(bucket, (count, max_ns))| WaitRow { listener, bucket, count, max_ns };
        rows.into_iter().map(row).collect()
    }

    #[test]
    fn a_quantile_is_never_below_the_truth_and_hardly_above() {
        let latency = AcceptLatency::of(rows(1, (1..=10_000).map(|us| us * 1000)), 3);
        let found = latency.listeners[0].quantiles;
        assert_eq!((found.accepted, latency.untimed), (10_000, 3));
        assert_eq!(found.max, Duration::from_millis(10));
        for (quantile, truth) in [(found.p50, 5000), (found.p90, 9000), (found.p99, 9900)] {
            let truth = Duration::from_micros(truth);
            assert!(truth <= quantile && quantile <= truth * 9 / 8, "{quantile:?} for {truth:?}");
        }
    }

    #[test]
    fn one_connection_is_all_quantiles() {
        let found = AcceptLatency::of(rows(1, [77_000].into_iter()), 0).listeners[0].quantiles;
        let one = Duration::from_micros(77);
        assert_eq!([found.p50, found.p90, found.p99, found.max], [one; 4]);
        assert!(AcceptLatency::of(Vec::new(), 0).listeners.is_empty());
    }

    #[test]
    fn the_slowest_listener_comes_first() {
        let all = [rows(1, [1000].into_iter()), rows(2, [9_000_000].into_iter())].concat();
        let latency = AcceptLatency::of(all, 0);
        let socks: Vec<u64> = latency.listeners.iter().map(|it| it.id.sock).collect();
        assert_eq!(socks, [2, 1]);
    }
}
