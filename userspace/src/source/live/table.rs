//! The probes' tables of totals: a row per listener and what happened to it, and rows of all those
//! that found no room there. A row says where it is counted, each CPU for itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use aya::maps::{HashMap as Rows, MapData, MapError, PerCpuArray, PerCpuValues, Queue};
use aya::{Ebpf, EbpfLoader};
use ebpf_probes::{BATCH_ROWS, BATCHES_MAX, PAGE_ROWS, TotalCounts, TotalKey, pages};

use super::{LiveError, take};
use crate::decode;
use crate::source::Total;

/// [`TotalCounts`], as numbers: events, those sampled out, and what is the probes' own affair.
type Counts = [u64; size_of::<TotalCounts>() / size_of::<u64>()];

/// A [`TotalPage`], as numbers.
type Page = [Counts; PAGE_ROWS as usize];

/// The number of the counts, from 1.
type Map = Rows<MapData, [u8; size_of::<TotalKey>()], u32>;

/// Room for the counts of all rows, where each of so many CPUs may have broken a batch of numbers
/// with softirqs off, and another one with softirqs on. Says how many batches that makes.
pub(super) fn make_room(loader: &mut EbpfLoader<'_>, cpus: usize) -> u32 {
    let broken = u32::try_from(2 * cpus).unwrap_or(u32::MAX);
    let batches = BATCHES_MAX.saturating_add(broken);
    loader.map_max_entries(BATCHES, batches).map_max_entries(COUNTS, pages(batches));
    batches
}

/// Gives the programs so many batches of numbers for their rows.
pub(super) fn number(ebpf: &mut Ebpf, batches: u32) -> Result<(), MapError> {
    let map = ebpf.map_mut(BATCHES).ok_or(MapError::InvalidName { name: BATCHES.to_owned() })?;
    let mut queue = Queue::try_from(map)?;
    (0..batches).try_for_each(|nth| queue.push(nth * BATCH_ROWS, 0))
}

const BATCHES: &str = "BATCHES";
const COUNTS: &str = "COUNTS";

/// Both tables, and what is counted.
pub(super) struct Table {
    own: Map,
    shared: Map,
    counts: PerCpuArray<MapData, Page>,
}

impl Table {
    /// Takes the maps.
    pub(super) fn take(ebpf: &mut Ebpf) -> Result<Self, LiveError> {
        let counts = PerCpuArray::try_from(take(ebpf, COUNTS)?)
            .map_err(|error| LiveError::Map(COUNTS, Some(error)))?;
        let mut table = |name: &'static str| {
            let map = take(ebpf, name)?;
            Rows::try_from(map).map_err(|error| LiveError::Map(name, Some(error)))
        };
        Ok(Self { own: table("TOTALS")?, shared: table("OVERFLOW")?, counts })
    }

    /// Every row, in no order. What is counted meanwhile is in it or not.
    pub(super) fn rows(&self) -> Result<Vec<Total>, LiveError> {
        let mut rows = Vec::new();
        let mut read = HashMap::new();
        for (name, map) in [("TOTALS", &self.own), ("OVERFLOW", &self.shared)] {
            for row in map {
                let (key, place) = row.map_err(|error| LiveError::Read(name, error))?;
                let mut total = Total::whole(decode::total_key(&key)?, 0);
                for [events, sampled_out, _] in self.counts(&mut read, place)? {
                    total.count += events;
                    total.sampled_out += sampled_out;
                }
                rows.push(total);
            }
        }
        Ok(rows)
    }

    /// What each CPU has counted at a place. What lies on that page is read at once, and kept for
    /// other rows.
    fn counts<'a>(
        &self,
        read: &'a mut HashMap<u32, PerCpuValues<Page>>,
        place: u32,
    ) -> Result<impl Iterator<Item = Counts> + use<'a>, LiveError> {
        let nth = place.wrapping_sub(1);
        let pages = match read.entry(nth / PAGE_ROWS) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let pages = self.counts.get(new.key(), 0);
                new.insert(pages.map_err(|error| LiveError::Read(COUNTS, error))?)
            }
        };
        Ok(pages.iter().map(move |page| page[(nth % PAGE_ROWS) as usize]))
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
