//! The running kernel as a source: what its probes saw, as events and as totals.
//!
//! Totals and counters belong together: what the kernel counted since the start is compared with
//! what the probes counted since the same moment.

use std::collections::HashMap;
use std::future::pending;
use std::time::Duration;

use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray, RingBuf};
use ebpf_probes::{Filter, Loss, Reason, WAKE_NS};
use jiff::Timestamp;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until};

use super::{Event, Losses, Next, Occasion, Opening, Settings, Snapshot, Source, Total};
use crate::cost::Cost;
use crate::filter;
use crate::kernel::{Ahead, Baseline, Namespaces};
use crate::latency::AcceptLatency;
use application::Application;
use books::{Opened, Running, moved};
use diagnostics::Diagnostics;
use programs::Attached;
use refused::{Clients, boot_ns};
use sampled::Sampled;
use steady::{InFlight, Steady};
use table::{Table, since};
use waiting::Waiting;

pub use application::SoFar;
use cost::Measuring;
pub use cost::object_sha256;
pub use error::LiveError;

pub(crate) mod application;
mod attaching;
mod books;
mod cost;
mod diagnostics;
mod error;
mod hook;
mod hooking;
mod kinds;
mod missed;
pub(crate) mod open;
mod opening;
pub(crate) mod programs;
mod reading;
mod refused;
mod sampled;
mod steady;
mod table;
mod waiting;

/// Records taken before the reader's turn ends, so that signals and timers are not starved.
const BATCH: usize = 512;

/// How long after an event it is looked whether the stream has a hole.
///
/// While a map is read, the kernel runs no program of a kprobe on that CPU
/// (`bpf_disable_instrumentation`, include/linux/bpf.h). So this is not done with every batch; and,
/// where events pause, not right after one, when other threads wait for the CPU: the kernel may let
/// them go first in the middle of it, and they may well be the ones that send or take packets.
const HOLES_AFTER: Duration = Duration::from_millis(250);

/// Batches after which whatever was in the ring is taken, even if more keeps coming.
const FULL_RING: usize = 16;

/// Readings of the totals until two agree. Under flood they may never.
const READINGS: usize = 6;

/// Within this time after a record, the probes may leave others in the ring without a word.
const LOOK_AGAIN: Duration = Duration::from_nanos(WAKE_NS + WAKE_NS / 10);

/// The probes, attached.
pub struct Live {
    opening: Opening,
    started: Instant,
    ring: AsyncFd<RingBuf<MapData>>,
    /// When to look into the ring unasked.
    look: Option<Instant>,
    table: Table,
    losses: PerCpuArray<MapData, u64>,
    clients: Clients,
    application: Application,
    /// What the user wants to see: the probes' filter may be wider.
    filter: Filter,
    /// Refused clients, if somebody wants to hear of those that give up.
    waiting: Option<Waiting>,
    /// What of that cannot be followed because it was sampled out.
    sampled: Sampled,
    diagnostics: Option<Diagnostics>,
    undecodable: u64,
    lost_told: u64,
    whole_since: Timestamp,
    /// When to look for a hole.
    look_for_holes: Option<Instant>,
    baseline: Baseline,
    before: Vec<Total>,
    /// What came while these were read.
    in_flight: InFlight,
    /// Keeps the kernel measuring, if that was asked for.
    measuring: Option<Measuring>,
    /// Holds the programs; they go with it.
    ebpf: Attached,
}

/// Attaches the probes, which takes the kernel's types.
///
/// # Errors
/// Missing rights, a kernel that lacks something, or a probe that it refuses. Nothing stays
/// attached then.
pub fn open(settings: &Settings, types: Ahead) -> Result<Live, LiveError> {
    let time = Timestamp::now();
    let prepared = attaching::prepare(settings.asked, settings.attach, types)?;
    let measuring = settings.stats.then(Measuring::start).transpose()?;
    let gone = filter::shows_reason(&settings.filter, Reason::ClientGone);
    let filter = settings.filter;
    let widened = if gone { refused::widened(&filter) } else { filter };
    let settings = Settings { filter: widened, ..*settings };
    let (plan, mut ebpf) = attaching::attach(prepared, &settings)?;
    let diagnostics = settings.verbose.then(|| Diagnostics::new(&mut ebpf)).flatten();
    let ring = RingBuf::try_from(take(&mut ebpf, "EVENTS")?)
        .map_err(|error| LiveError::Map("EVENTS", Some(error)))?;
    // SAFETY: the ring buffer owns its file descriptor and gives the same one until it is dropped,
    // which the AsyncFd that takes it does itself.
    let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }
        .map_err(|error| LiveError::Wait(error.into()))?;
    let table = Table::take(&mut ebpf)?;
    let losses = PerCpuArray::try_from(take(&mut ebpf, "LOSSES")?)
        .map_err(|error| LiveError::Map("LOSSES", Some(error)))?;
    let clients = Clients::take(&mut ebpf)?;
    let application = Application::take(&mut ebpf, settings.asked)?;
    let namespaces = Namespaces::enumerate();
    let mut opened = Opened { table: &table, namespaces: &namespaces, unarmed: Some(&mut ebpf) };
    let Steady { rows, counters, in_flight } =
        steady::read(&mut opened, namespaces.inums(), READINGS)?;
    let baseline = Baseline::new(counters, &namespaces);
    Ok(Live {
        opening: opening::describe(time, &plan),
        started: Instant::now(),
        ring,
        look: None,
        table,
        losses,
        clients,
        application,
        filter,
        waiting: gone.then(Waiting::default),
        sampled: Sampled::default(),
        diagnostics,
        undecodable: 0,
        lost_told: 0,
        whole_since: time,
        look_for_holes: None,
        baseline,
        before: rows,
        in_flight,
        measuring,
        ebpf,
    })
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, LiveError> {
    ebpf.take_map(name).ok_or(LiveError::Map(name, None))
}

/// Waits until then, or forever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

impl Live {
    fn lost(&self, loss: Loss) -> Result<u64, LiveError> {
        let counts = self.losses.get(&(loss as u32), 0);
        counts.map(|counts| counts.iter().sum()).map_err(|e| LiveError::Read("LOSSES", e))
    }

    fn losses(&self) -> Result<Losses, LiveError> {
        Ok(Losses {
            ring_full: self.lost(Loss::RingFull)?,
            totals_full: self.lost(Loss::TotalsFull)?,
            slot_clash: self.lost(Loss::SlotClash)?,
            entry_missed: self.lost(Loss::EntryMissed)?,
            probes_not_run: missed::runs(),
            undecodable: self.undecodable,
            clients_unfollowed: self.waiting.as_ref().map_or(0, Waiting::unfollowed),
            ..Losses::default()
        })
    }

    /// What is known of each listener by now, without any look at counters and events.
    ///
    /// # Errors
    /// If a map cannot be read.
    pub fn so_far(&self) -> Result<SoFar, LiveError> {
        let mut drops = HashMap::new();
        for total in since(&self.before, self.table.rows()?) {
            if total.bucket.shown && !total.bucket.reason.is_notice() {
                *drops.entry(SoFar::key(&total.bucket.listener)).or_default() += total.count;
            }
        }
        let by_key = |latency: AcceptLatency| {
            let rows = latency.listeners.into_iter();
            rows.map(|it| (SoFar::key(&it.id), it.quantiles)).collect()
        };
        let waited = self.application.latency()?.map(by_key);
        Ok(SoFar { drops, waited, backlogs: self.application.backlogs()? })
    }
}

impl Source for Live {
    type Error = LiveError;

    fn opening(&self) -> &Opening {
        &self.opening
    }

    async fn next(&mut self, into: &mut Vec<Event>) -> Result<Next, LiveError> {
        loop {
            let drained = self.drain(into)?;
            let now = Instant::now();
            if self.look_for_holes.is_some_and(|time| time <= now) {
                self.holes(into)?;
            }
            if drained {
                self.look = Some(now + LOOK_AGAIN);
                self.look_for_holes.get_or_insert(now + HOLES_AFTER);
            }
            if drained || !into.is_empty() {
                return Ok(Next::More);
            }
            let look = until(self.look);
            let look_for_holes = until(self.look_for_holes);
            let due = self.waiting.as_ref().and_then(Waiting::next_due);
            let due = due.map(|due| now + Duration::from_nanos(due.saturating_sub(boot_ns())));
            let due = until(due);
            tokio::select! {
                ready = self.ring.readable_mut() => ready.map_err(LiveError::Wait)?.clear_ready(),
                () = due => {}
                () = look => self.look = None,
                () = look_for_holes => {}
            }
        }
    }

    fn snapshot(
        &mut self,
        occasion: Occasion,
        into: &mut Vec<Event>,
    ) -> Result<Snapshot, LiveError> {
        let namespaces = Namespaces::enumerate();
        // On the way it is soon said again.
        let readings = if occasion == Occasion::End { READINGS } else { READINGS / 3 };
        let inums: Vec<u32> = namespaces.inums().collect();
        let mut running = Running { live: self, namespaces: &namespaces, into };
        let now = steady::read(&mut running, inums, readings)?;
        self.empty(into)?;
        self.holes(into)?;
        let counters = moved(&namespaces, &self.in_flight, &now);
        let mut totals = since(&self.before, now.rows);
        if let Some(waiting) = &mut self.waiting {
            self.sampled.forget(&self.clients, &self.table, waiting)?;
            totals.extend(waiting.totals());
            if occasion == Occasion::End {
                into.extend(refused::still(waiting.len()));
                into.extend(self.sampled.note());
            }
        }
        for total in &mut totals {
            let (reason, stage) = (total.bucket.reason, total.bucket.stage);
            total.bucket.shown &= filter::shows_kind(&self.filter, reason, stage);
        }
        let shown = totals.iter().filter(|total| total.bucket.shown);
        let sampled_out = shown.map(|total| total.sampled_out).sum();
        let clients_forgotten = self.clients.forgotten()?;
        let duration = self.started.elapsed();
        Ok(Snapshot {
            duration,
            totals,
            losses: Losses { sampled_out, clients_forgotten, ..self.losses()? },
            counters,
            latency: self.application.latency()?,
            cost: self.measuring.as_ref().map(|_| Cost::of(duration, self.program_costs())),
            backlogs: self.application.backlogs()?,
            owners: None,
        })
    }
}
