//! Where drops come from: the running kernel, or the recording of an earlier run.
//!
//! Both yield the same events, losses and totals, so that everything behind them can be tried
//! without a kernel.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use ebpf_probes::{Config, Counter, Filter, Reason};
use jiff::Timestamp;

use crate::cost::Cost;
use crate::decode::{Bucket, ListenerId, SynDrop};
use crate::incident::{Incident, Owner};
use crate::kernel::Choice;
use crate::kernel::hooks::Asked;
use crate::latency::AcceptLatency;

pub mod live;
pub mod replay;

/// What the probes shall do.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What is shown.
    pub filter: Filter,
    /// Records a second of each reason of a listener; `Config::ALL_DETAIL` sets no limit.
    pub detail: u64,
    /// Rows of the table of totals, if not as many as usual.
    pub rows: Option<u32>,
    /// What is watched beyond drops by a listener's own code.
    pub asked: Asked,
    /// By which kind of probe.
    pub attach: Choice,
    /// Whether the kernel shall measure how long the probes run.
    pub stats: bool,
    /// Whether the probes shall log their own diagnostics to stderr.
    pub verbose: bool,
}

impl Settings {
    /// Drops of a listener's own code, all of them told.
    pub const fn of(filter: Filter) -> Self {
        Self {
            filter,
            detail: Config::ALL_DETAIL,
            rows: None,
            asked: Asked {
                notices: 0,
                before_listener: false,
                accept_latency: false,
                listen_calls: false,
            },
            attach: Choice::Auto,
            stats: false,
            verbose: false,
        }
    }
}

/// A probe and whether it could be attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Name of the program.
    pub name: String,
    /// The kernel function.
    pub target: String,
    /// The kind of probe, if it is attached and that is known.
    pub attach: Option<String>,
    /// Whether it is attached.
    pub attached: bool,
}

/// What is known before the first drop. A recording may have lost its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Opening {
    /// When it began.
    pub time: Option<Timestamp>,
    /// Version of the syndrop that watched.
    pub version: Option<String>,
    /// Release of the kernel.
    pub kernel: Option<String>,
    /// Name of the host.
    pub host: Option<String>,
    /// The kind that most probes are of.
    pub attach: Option<String>,
    /// Every probe that was wanted.
    pub probes: Vec<Probe>,
    /// Reasons that this kernel does not let us tell.
    pub unobservable: Vec<Reason>,
    /// Reasons that are deduced from state, at least at times.
    pub inferred: Vec<Reason>,
    /// What the user should know about this run, one line each.
    pub notes: Vec<String>,
}

/// Something that happened. Those that the filter hides never become events.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly every event of a live run is the large one")]
pub enum Event {
    /// Fresh from the kernel, to be enriched.
    Drop(SynDrop),
    /// From a recording, with what was known then; today's processes say nothing about it.
    Recorded(Box<Incident>),
    /// Drops that are counted in the totals but have no event of their own.
    Lost(Lost),
    /// What the user should know, one line.
    Note(String),
}

/// A hole in the stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// How many drops have no event.
    pub events: u64,
    /// When the stream was last known to be whole.
    pub since: Timestamp,
}

/// Whether there is more to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask again.
    More,
    /// That was all; a recording ends, the kernel never does.
    End,
}

/// Drops of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// What was counted.
    pub bucket: Bucket,
    /// How often.
    pub count: u64,
    /// How many of them have no event because the rate of detail was used up.
    pub sampled_out: u64,
}

impl Total {
    /// All of which have, or had, an event.
    pub const fn whole(bucket: Bucket, count: u64) -> Self {
        Self { bucket, count, sampled_out: 0 }
    }
}

/// What did not get through, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// [`Loss::RingFull`](ebpf_probes::Loss::RingFull)
    pub ring_full: u64,
    /// [`Loss::TotalsFull`](ebpf_probes::Loss::TotalsFull)
    pub totals_full: u64,
    /// [`Loss::SlotClash`](ebpf_probes::Loss::SlotClash)
    pub slot_clash: u64,
    /// [`Loss::EntryMissed`](ebpf_probes::Loss::EntryMissed)
    pub entry_missed: u64,
    /// Probes that the kernel says it did not run.
    pub probes_not_run: u64,
    /// Records that could not be decoded.
    pub undecodable: u64,
    /// Events that the rate of detail held back.
    pub sampled_out: u64,
    /// Refused clients that the probes forgot, their table being full: those may come anew.
    pub clients_forgotten: u64,
    /// Refused clients that were not followed until they got in or gave up.
    pub clients_unfollowed: u64,
}

impl Losses {
    /// Drops that are in the totals but have no event, through no wish of the user.
    pub const fn events(&self) -> u64 {
        self.ring_full.saturating_add(self.undecodable)
    }

    /// Calls of a probe from which nothing could be learned. Each can have cost one event, or its
    /// right name, and not more.
    pub const fn probes(&self) -> u64 {
        self.slot_clash.saturating_add(self.entry_missed).saturating_add(self.probes_not_run)
    }
}

/// A counter of one network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetnsCounter {
    /// Inode number of the namespace.
    pub netns: u32,
    /// Which counter.
    pub counter: Counter,
    /// How far it moved since the start; `None` if it could not be read.
    pub kernel: Option<u64>,
    /// How much of that a recording explained; `None` where it is still to be computed.
    pub explained: Option<u64>,
    /// How much of that came at the very time when both were read, so that it may stand on one
    /// side only.
    pub in_flight: u64,
}

/// What was given to `listen()`, by address and inode of the listener, as far as calls were seen.
/// A recording has no addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlogs(pub HashMap<(u64, Option<u64>), u32>);

impl Backlogs {
    /// What the listener asked for, if its call was seen.
    pub fn of(&self, listener: &ListenerId) -> Option<u32> {
        self.0.get(&(listener.sock, listener.inode)).copied()
    }
}

/// Everything that was counted since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// How long it has been.
    pub duration: Duration,
    /// Drops by bucket, those that the filter hides included.
    pub totals: Vec<Total>,
    /// What did not get through.
    pub losses: Losses,
    /// The counters of every namespace in `totals`, of the one that syndrop runs in, and of those
    /// where the kernel refused something that no probe saw.
    pub counters: Vec<NetnsCounter>,
    /// How long connections waited for `accept()`, if that was asked for.
    pub latency: Option<AcceptLatency>,
    /// What the probes cost, if that was asked for.
    pub cost: Option<Cost>,
    /// What was given to `listen()`.
    pub backlogs: Backlogs,
    /// Who owned the listeners of a recording; `None` where today's processes are to be asked.
    pub owners: Option<HashMap<ListenerId, Owner>>,
}

/// When a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// It goes on.
    Interval,
    /// That was it.
    End,
}

/// Something that yields drops.
pub trait Source {
    /// What can go wrong on the way.
    type Error: std::error::Error + Send + Sync + 'static;

    /// What is known before the first drop. Every probe is attached by now.
    fn opening(&self) -> &Opening;

    /// Waits until something happened and appends it. To drop the future loses nothing: whatever
    /// was taken from the kernel is in `into` by then.
    ///
    /// # Errors
    /// If nothing more can be had; what is in `into` stays good.
    fn next(&mut self, into: &mut Vec<Event>) -> impl Future<Output = Result<Next, Self::Error>>;

    /// Counts up to now, and appends the events of what is counted that were not taken yet.
    ///
    /// # Errors
    /// If the totals cannot be had.
    fn snapshot(
        &mut self,
        occasion: Occasion,
        into: &mut Vec<Event>,
    ) -> Result<Snapshot, Self::Error>;
}
