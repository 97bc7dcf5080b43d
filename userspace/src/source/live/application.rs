//! What the probes noted of the applications behind listeners.

use std::collections::HashMap as Map;

use aya::Ebpf;
use aya::maps::{HashMap, MapData, PerCpuArray, PerCpuHashMap};
use ebpf_probes::{ListenerKey, Untimed, WaitCount, WaitKey};

use super::{LiveError, take};
use crate::decode::{self, ListenerId};
use crate::kernel::hooks::Asked;
use crate::latency::{AcceptLatency, Quantiles};
use crate::source::Backlogs;

/// Bytes of a value, as one that aya can read: the struct is so many words.
type Counted = [u64; size_of::<WaitCount>() / 8];

/// The maps of what was asked for.
pub(super) struct Application {
    times: Option<Times>,
    asked: Option<HashMap<MapData, [u8; size_of::<ListenerKey>()], u32>>,
}

struct Times {
    waits: PerCpuHashMap<MapData, [u8; size_of::<WaitKey>()], Counted>,
    untimed: PerCpuArray<MapData, u64>,
}

/// Maps of these names hold nothing unless it was asked for.
pub(crate) fn needless(asked: Asked) -> impl Iterator<Item = &'static str> {
    let times = (!asked.accept_latency).then_some(["QUEUED", "WAITS"]);
    let listens = (!asked.listen_calls).then_some(["LISTENING", "ASKED"]);
    times.into_iter().chain(listens).flatten()
}

impl Application {
    /// Takes the maps.
    pub(super) fn take(ebpf: &mut Ebpf, asked: Asked) -> Result<Self, LiveError> {
        let times = asked.accept_latency.then(|| Times::take(ebpf)).transpose()?;
        let asked = asked.listen_calls.then(|| {
            HashMap::try_from(take(ebpf, "ASKED")?)
                .map_err(|error| LiveError::Map("ASKED", Some(error)))
        });
        Ok(Self { times, asked: asked.transpose()? })
    }

    /// How long connections waited so far; `None` if nobody asked.
    pub(super) fn latency(&self) -> Result<Option<AcceptLatency>, LiveError> {
        self.times.as_ref().map(Times::read).transpose()
    }

    /// What was given to `listen()`, as far as it was seen.
    pub(super) fn backlogs(&self) -> Result<Backlogs, LiveError> {
        let mut found = Map::new();
        for row in self.asked.iter().flatten() {
            let (key, backlog) = row.map_err(|error| LiveError::Read("ASKED", error))?;
            found.insert(decode::listener_key(&key)?, backlog);
        }
        Ok(Backlogs(found))
    }
}

impl Times {
    fn take(ebpf: &mut Ebpf) -> Result<Self, LiveError> {
        let waits = PerCpuHashMap::try_from(take(ebpf, "WAITS")?)
            .map_err(|error| LiveError::Map("WAITS", Some(error)))?;
        let untimed = PerCpuArray::try_from(take(ebpf, "UNTIMED")?)
            .map_err(|error| LiveError::Map("UNTIMED", Some(error)))?;
        Ok(Self { waits, untimed })
    }

    fn read(&self) -> Result<AcceptLatency, LiveError> {
        let mut rows = Vec::new();
        for row in &self.waits {
            let (key, counts) = row.map_err(|error| LiveError::Read("WAITS", error))?;
            let counts: Vec<Vec<u8>> = counts
                .iter()
                .map(|counted| counted.iter().flat_map(|word| word.to_ne_bytes()).collect())
                .collect();
            rows.push(decode::wait_row(&key, counts.iter().map(Vec::as_slice))?);
        }
        let mut untimed = 0;
        for why in 0..Untimed::COUNT {
            let counts = self.untimed.get(&why, 0);
            let counts = counts.map_err(|error| LiveError::Read("UNTIMED", error))?;
            untimed += counts.iter().sum::<u64>();
        }
        Ok(AcceptLatency::of(rows, untimed))
    }
}

/// Drops so far by listener, and what was noted of applications.
#[derive(Debug, Default)]
pub struct SoFar {
    /// Drops of all reasons by address and inode of the listener.
    pub drops: Map<(u64, Option<u64>), u64>,
    /// How long connections waited, by the same, if that was asked for.
    pub waited: Option<Map<(u64, Option<u64>), Quantiles>>,
    /// What was given to `listen()`.
    pub backlogs: Backlogs,
}

impl SoFar {
    /// What tells a listener apart here.
    pub const fn key(listener: &ListenerId) -> (u64, Option<u64>) {
        (listener.sock, listener.inode)
    }
}
