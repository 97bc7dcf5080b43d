//! Where drops come from: the running kernel, or the recording of an earlier run.
//!
//! Both yield the same events, losses and totals, so that everything behind them can be tried
//! without a kernel.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use ebpf_probes::{Counter, Filter, Reason};
use jiff::Timestamp;

use crate::decode::{Bucket, ListenerId, SynDrop};
use crate::incident::{Incident, Owner};
use crate::kernel::Choice;
use crate::kernel::hooks::Asked;

pub mod live;
pub mod replay;

/// What the probes shall do.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// What is shown.
    pub filter: Filter,
    /// What is watched beyond drops by a listener's own code.
    pub asked: Asked,
    /// By which kind of probe.
    pub attach: Choice,
    /// Whether the probes shall log their own diagnostics to stderr.
    pub verbose: bool,
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
    /// Events that a limit of the rate held back.
    pub sampled_out: u64,
    /// Refused clients that the probes forgot, their table being full: those may come anew.
    pub clients_forgotten: u64,
    /// Refused clients that were not followed until they got in or gave up.
    pub clients_unfollowed: u64,
}

impl Losses {
    /// Drops that are in the totals but have no event, through no wish of the user.
    pub const fn events(&self) -> u64 {
        self.ring_full + self.undecodable
    }

    /// Calls of a probe from which nothing could be learned.
    pub const fn probes(&self) -> u64 {
        self.slot_clash + self.entry_missed + self.probes_not_run
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
    /// The counters of every namespace in `totals` and of the one that syndrop runs in.
    pub counters: Vec<NetnsCounter>,
    /// Who owned the listeners of a recording; `None` where today's processes are to be asked.
    pub owners: Option<HashMap<ListenerId, Owner>>,
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
    fn snapshot(&mut self, into: &mut Vec<Event>) -> Result<Snapshot, Self::Error>;
}
