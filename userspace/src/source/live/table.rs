//! The probes' tables of totals: a row per listener and what happened to it, and rows of all those
//! that found no room there.

use aya::Ebpf;
use aya::maps::{MapData, PerCpuHashMap};
use ebpf_probes::{TotalCounts, TotalKey};

use super::{LiveError, take};
use crate::decode;
use crate::source::Total;

/// [`TotalCounts`], as numbers: events, those sampled out, and what is the probes' own affair.
type Counts = [u64; size_of::<TotalCounts>() / size_of::<u64>()];

type Map = PerCpuHashMap<MapData, [u8; size_of::<TotalKey>()], Counts>;

/// Both tables.
pub(super) struct Table {
    own: Map,
    shared: Map,
}

impl Table {
    /// Takes both maps.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, LiveError> {
        let mut table = |name: &'static str| {
            let map = take(ebpf, name)?;
            PerCpuHashMap::try_from(map).map_err(|error| LiveError::Map(name, Some(error)))
        };
        Ok(Self { own: table("TOTALS")?, shared: table("OVERFLOW")? })
    }

    /// Every row, in no order. What is counted meanwhile is in it or not.
    pub(super) fn rows(&self) -> Result<Vec<Total>, LiveError> {
        let mut rows = Vec::new();
        for (name, map) in [("TOTALS", &self.own), ("OVERFLOW", &self.shared)] {
            for row in map {
                let (key, counts) = row.map_err(|error| LiveError::Read(name, error))?;
                let bucket = decode::total_key(&key)?;
                let mut total = Total::whole(bucket, 0);
                for [events, sampled_out, _] in counts.iter() {
                    total.count += events;
                    total.sampled_out += sampled_out;
                }
                rows.push(total);
            }
        }
        Ok(rows)
    }
}

/// What was counted after the rows `before` were read.
pub(super) fn since(before: &[Total], now: Vec<Total>) -> Vec<Total> {
    let before: std::collections::HashMap<_, _> =
        before.iter().map(|total| (total.bucket, *total)).collect();
    let moved = now.into_iter().map(|total| {
        let earlier = before.get(&total.bucket).copied();
        let earlier = earlier.unwrap_or(Total::whole(total.bucket, 0));
        Total {
            count: total.count.saturating_sub(earlier.count),
            sampled_out: total.sampled_out.saturating_sub(earlier.sampled_out),
            ..total
        }
    });
    moved.filter(|total| total.count != 0).collect()
}
