//! The running kernel as a source: what its probes saw, as events and as totals.
//!
//! Totals and counters belong together: what the kernel counted since the start is compared with
//! what the probes counted since the same moment.

use std::collections::HashMap;
use std::future::pending;
use std::thread;
use std::time::{Duration, Instant};

use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray, RingBuf};
use ebpf_probes::{Filter, Loss, Reason, WAKE_NS};
use jiff::Timestamp;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{sleep, sleep_until};

use super::{Event, Losses, Lost, Next, Occasion, Opening, Settings, Snapshot, Source, Total};
use crate::cost::Cost;
use crate::decode::{self, SynDrop};
use crate::filter;
use crate::kernel::fields::Need;
use crate::kernel::hooks::{self, Asked};
use crate::kernel::{
    Attach, Baseline, Choice, KernelBtf, Means, Namespaces, Plan, PlanError, Rights,
};
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
mod books;
mod cost;
mod diagnostics;
mod error;
mod kinds;
mod missed;
mod opening;
pub(crate) mod programs;
mod refused;
mod sampled;
mod steady;
mod table;
mod waiting;

/// Records taken before the reader's turn ends, so that signals and timers are not starved.
const BATCH: usize = 512;

/// How often it is looked whether the stream has a hole. While a map is read, the kernel runs no
/// program of a kprobe on that CPU (`bpf_disable_instrumentation`, include/linux/bpf.h), so this
/// is not done with every batch.
const HOLES_EVERY: Duration = Duration::from_millis(250);

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
    look: Option<tokio::time::Instant>,
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
    looked_for_holes: Instant,
    baseline: Baseline,
    before: Vec<Total>,
    /// What came while these were read.
    in_flight: InFlight,
    /// Keeps the kernel measuring, if that was asked for.
    measuring: Option<Measuring>,
    /// Holds the programs; they go with it.
    ebpf: Attached,
}

/// Attaches the probes.
///
/// # Errors
/// Missing rights, a kernel that lacks something, or a probe that it refuses. Nothing stays
/// attached then.
pub fn open(settings: &Settings) -> Result<Live, LiveError> {
    let time = Timestamp::now();
    Rights::read().check()?;
    let measuring = settings.stats.then(Measuring::start).transpose()?;
    let gone = filter::shows_reason(&settings.filter, Reason::ClientGone);
    let filter = settings.filter;
    let widened = if gone { refused::widened(&filter) } else { filter };
    let (plan, mut ebpf) = plan_and_attach(&Settings { filter: widened, ..*settings })?;
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
    let mut opened = Opened { table: &table, namespaces: &namespaces };
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
        looked_for_holes: Instant::now(),
        baseline,
        before: rows,
        in_flight,
        measuring,
        ebpf,
    })
}

/// Plans and attaches, and plans again without an optional hook that the kernel refused: the
/// probes must not believe in a milestone that nobody watches.
fn plan_and_attach(settings: &Settings) -> Result<(Plan, Attached), LiveError> {
    let mut means = Means::of_this_kernel(settings.attach);
    loop {
        let plan = thread::scope(|scope| {
            // aya tries out what this kernel knows of BPF; it keeps the answers.
            scope.spawn(aya::features);
            plan(settings.asked, &means)
        })?;
        let error = match programs::start(&plan, settings) {
            Ok(ebpf) => return Ok((plan, ebpf)),
            Err(error) => error,
        };
        let refused = error
            .refused()
            .and_then(|program| plan.probes.iter().find(|probe| probe.program == program));
        match refused {
            // Where fentry alone is wanted, and refused of what is nothing special, the kernel's own
            // answer says most.
            Some(probe)
                if probe.attach != Attach::Kprobe
                    && (means.choice == Choice::Auto || !probe.ordinary) =>
            {
                means.refuse(probe.ordinary);
            }
            Some(probe) if error.is_of_attaching() && optional(probe.program) => {
                means.excluded.push(probe.program);
            }
            _ => return Err(error.into()),
        }
    }
}

/// The kernel's types are let go with this: while programs are loaded, others take their memory.
fn plan(asked: Asked, means: &Means) -> Result<Plan, PlanError> {
    Plan::resolve(&KernelBtf::open(&Plan::wanted())?, asked, means)
}

fn optional(program: &str) -> bool {
    hooks::all()
        .filter(|hook| hook.programs.iter().any(|(name, _)| *name == program))
        .all(|hook| hook.need == Need::Optional)
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, LiveError> {
    ebpf.take_map(name).ok_or(LiveError::Map(name, None))
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

    /// Passes an event on, unless the user did not ask for it.
    fn show(&self, drop: &SynDrop, into: &mut Vec<Event>) {
        if self.waiting.is_none() || filter::shows(&self.filter, drop) {
            into.push(Event::Drop(*drop));
        }
    }

    /// Takes what is in the ring; says whether there was anything.
    fn drain(&mut self, into: &mut Vec<Event>) -> Result<bool, LiveError> {
        let mut taken = 0;
        while taken < BATCH {
            let record = self.ring.get_mut().next().map(|record| decode::record(&record));
            let Some(decoded) = record else { break };
            taken += 1;
            match decoded {
                Ok(drop) => {
                    let gone = self.waiting.as_mut().and_then(|waiting| waiting.see(&drop));
                    self.show(&drop, into);
                    if let Some(gone) = gone {
                        self.show(&gone, into);
                    }
                }
                Err(_) => self.undecodable += 1,
            }
        }
        // What is in the ring may say that a client got in, which therefore comes first.
        if taken < BATCH {
            taken += self.expire(into)?;
        }
        if let Some(diagnostics) = &mut self.diagnostics {
            diagnostics.flush();
        }
        Ok(taken != 0)
    }

    /// Tells of clients that are gone by now; says of how many.
    fn expire(&mut self, into: &mut Vec<Event>) -> Result<usize, LiveError> {
        let Some(waiting) = &mut self.waiting else { return Ok(0) };
        let now = boot_ns();
        if waiting.next_due().is_none_or(|due| due > now) {
            return Ok(0);
        }
        self.sampled.forget(&self.table, waiting)?;
        let gone = waiting.expire(now);
        for gone in &gone {
            self.show(gone, into);
        }
        Ok(gone.len())
    }

    /// Takes all that is in the ring, or as much as it holds if more keeps coming.
    fn empty(&mut self, into: &mut Vec<Event>) -> Result<(), LiveError> {
        for _ in 0..FULL_RING {
            if !self.drain(into)? {
                break;
            }
        }
        Ok(())
    }

    /// Says where the stream has a hole since the last time.
    fn holes(&mut self, into: &mut Vec<Event>) -> Result<(), LiveError> {
        let lost = self.lost(Loss::RingFull)? + self.undecodable;
        if lost > self.lost_told {
            into.push(Event::Lost(Lost { events: lost - self.lost_told, since: self.whole_since }));
            self.lost_told = lost;
            if let Some(waiting) = &mut self.waiting {
                waiting.hole();
            }
        }
        self.whole_since = Timestamp::now();
        self.looked_for_holes = Instant::now();
        Ok(())
    }
}

impl Source for Live {
    type Error = LiveError;

    fn opening(&self) -> &Opening {
        &self.opening
    }

    async fn next(&mut self, into: &mut Vec<Event>) -> Result<Next, LiveError> {
        loop {
            if self.drain(into)? {
                if self.looked_for_holes.elapsed() >= HOLES_EVERY {
                    self.holes(into)?;
                }
                self.look = Some(tokio::time::Instant::now() + LOOK_AGAIN);
                return Ok(Next::More);
            }
            let look = self.look;
            let look = async {
                match look {
                    Some(time) => sleep_until(time).await,
                    None => pending().await,
                }
            };
            let due = self.waiting.as_ref().and_then(Waiting::next_due);
            let due = async {
                match due {
                    Some(due) => sleep(Duration::from_nanos(due.saturating_sub(boot_ns()))).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                ready = self.ring.readable_mut() => ready.map_err(LiveError::Wait)?.clear_ready(),
                () = due => {}
                () = look => self.look = None,
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
            self.sampled.forget(&self.table, waiting)?;
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
