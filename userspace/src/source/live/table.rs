//! The probes' tables of totals: a row per listener and what happened to it, and rows of all those
//! that found no room there. A row says where each CPU counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray, PerCpuHashMap, PerCpuValues};
use ebpf_probes::{PAGE_ROWS, TotalCounts, TotalKey};

use super::{LiveError, take};
use crate::decode;
use crate::source::Total;

/// [`TotalCounts`], as numbers: events, those sampled out, and what is the probes' own affair.
type Counts = [u64; size_of::<TotalCounts>() / size_of::<u64>()];

/// A [`TotalPage`], as numbers.
type Page = [Counts; PAGE_ROWS as usize];

/// For each CPU the number of its counts, from 1; 0 where it has not counted anything there yet.
type Map = PerCpuHashMap<MapData, [u8; size_of::<TotalKey>()], u64>;

/// Both tables, and what is counted.
pub(super) struct Table {
    own: Map,
    shared: Map,
    counts: PerCpuArray<MapData, Page>,
}

impl Table {
    /// Takes the maps.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, LiveError> {
        const COUNTS: &str = "COUNTS";
        let counts = PerCpuArray::try_from(take(ebpf, COUNTS)?)
            .map_err(|error| LiveError::Map(COUNTS, Some(error)))?;
        let mut table = |name: &'static str| {
            let map = take(ebpf, name)?;
            PerCpuHashMap::try_from(map).map_err(|error| LiveError::Map(name, Some(error)))
        };
        Ok(Self { own: table("TOTALS")?, shared: table("OVERFLOW")?, counts })
    }

    /// Every row, in no order. What is counted meanwhile is in it or not.
    pub(super) fn rows(&self) -> Result<Vec<Total>, LiveError> {
        let mut rows = Vec::new();
        let mut read = HashMap::new();
        for (name, map) in [("TOTALS", &self.own), ("OVERFLOW", &self.shared)] {
            for row in map {
                let (key, places) = row.map_err(|error| LiveError::Read(name, error))?;
                let bucket = decode::total_key(&key)?;
                let mut total = Total::whole(bucket, 0);
                for (cpu, &place) in places.iter().enumerate() {
                    let [events, sampled_out, _] = self.counts(&mut read, cpu, place)?;
                    total.count += events;
                    total.sampled_out += sampled_out;
                }
                rows.push(total);
            }
        }
        Ok(rows)
    }

    /// What a CPU has counted at a place. What lies on that page on each CPU is read at once, and
    /// kept for other rows.
    fn counts(
        &self,
        read: &mut HashMap<u32, PerCpuValues<Page>>,
        cpu: usize,
        place: u64,
    ) -> Result<Counts, LiveError> {
        const NOTHING: Counts = [0; 3];
        let Some(nth) = place.checked_sub(1) else { return Ok(NOTHING) };
        let Ok(nth) = u32::try_from(nth) else { return Ok(NOTHING) };
        let (page, row) = (nth / PAGE_ROWS, (nth % PAGE_ROWS) as usize);
        let pages = match read.entry(page) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let pages = self.counts.get(&page, 0);
                new.insert(pages.map_err(|error| LiveError::Read("COUNTS", error))?)
            }
        };
        Ok(pages.get(cpu).map_or(NOTHING, |page| page[row]))
    }
}

/// What was counted after the rows `before` were read.
pub(super) fn since(before: &[Total], now: Vec<Total>) -> Vec<Total> {
    let before: HashMap<_, _> = before.iter().map(|total| (total.bucket, *total)).collect();
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
