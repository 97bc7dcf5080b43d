//! The running kernel as a source: what its probes saw, as events and as totals.
//!
//! Totals and counters belong together: what the kernel counted since the start is compared with
//! what the probes counted since the same moment. Both are read until two readings of the totals
//! agree, so that a drop between them cannot count on one side only.

use std::collections::BTreeSet;
use std::future::pending;
use std::thread;
use std::time::{Duration, Instant};

use aya::Ebpf;
use aya::maps::{MapData, PerCpuArray, PerCpuHashMap, RingBuf};
use ebpf_probes::{Counter, Filter, Loss, Reason, TotalKey};
use jiff::Timestamp;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::sleep;

use super::{Event, Losses, Lost, NetnsCounter, Next, Opening, Settings, Snapshot, Source, Total};
use crate::decode::{self, SynDrop};
use crate::filter;
use crate::kernel::fields::Need;
use crate::kernel::hooks;
use crate::kernel::{
    Attach, Baseline, Choice, KernelBtf, Means, Namespaces, Plan, PlanError, Rights,
};
use diagnostics::Diagnostics;
use programs::Attached;
use refused::{Clients, boot_ns};
use waiting::Waiting;

pub use error::LiveError;

mod diagnostics;
mod error;
mod kinds;
mod missed;
mod opening;
pub(crate) mod programs;
mod refused;
mod waiting;

/// Records taken before the reader's turn ends, so that signals and timers are not starved.
const BATCH: usize = 512;

/// Batches after which whatever was in the ring is taken, even if more keeps coming.
const FULL_RING: usize = 16;

/// Readings of the totals until two agree. Under flood they may never.
const READINGS: usize = 8;

type Totals = PerCpuHashMap<MapData, [u8; size_of::<TotalKey>()], u64>;

/// The probes, attached.
pub struct Live {
    opening: Opening,
    started: Instant,
    ring: AsyncFd<RingBuf<MapData>>,
    totals: Totals,
    losses: PerCpuArray<MapData, u64>,
    clients: Clients,
    /// What the user wants to see: the probes' filter may be wider.
    filter: Filter,
    /// Refused clients, if somebody wants to hear of those that give up.
    waiting: Option<Waiting>,
    diagnostics: Option<Diagnostics>,
    undecodable: u64,
    lost_told: u64,
    whole_since: Timestamp,
    baseline: Baseline,
    before: Vec<Total>,
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
    let totals = PerCpuHashMap::try_from(take(&mut ebpf, "TOTALS")?)
        .map_err(|error| LiveError::Map("TOTALS", Some(error)))?;
    let losses = PerCpuArray::try_from(take(&mut ebpf, "LOSSES")?)
        .map_err(|error| LiveError::Map("LOSSES", Some(error)))?;
    let clients = Clients::take(&mut ebpf)?;
    let (baseline, before) = steady(&totals, |_| Baseline::take())?;
    Ok(Live {
        opening: opening::describe(time, &plan),
        started: Instant::now(),
        ring,
        totals,
        losses,
        clients,
        filter,
        waiting: gone.then(Waiting::default),
        diagnostics,
        undecodable: 0,
        lost_told: 0,
        whole_since: time,
        baseline,
        before,
        ebpf,
    })
}

/// Plans and attaches, and plans again without an optional hook that the kernel refused: the
/// probes must not believe in a milestone that nobody watches.
fn plan_and_attach(settings: &Settings) -> Result<(Plan, Attached), LiveError> {
    let btf = thread::scope(|scope| {
        // aya tries out what this kernel knows of BPF; it keeps the answers.
        scope.spawn(aya::features);
        KernelBtf::open(&Plan::wanted())
    });
    let btf = btf.map_err(PlanError::from)?;
    let mut means = Means::of_this_kernel(settings.attach);
    loop {
        let plan = Plan::resolve(&btf, settings.asked, &means)?;
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

fn optional(program: &str) -> bool {
    hooks::all()
        .filter(|hook| hook.programs.iter().any(|(name, _)| *name == program))
        .all(|hook| hook.need == Need::Optional)
}

fn take(ebpf: &mut Ebpf, name: &'static str) -> Result<aya::maps::Map, LiveError> {
    ebpf.take_map(name).ok_or(LiveError::Map(name, None))
}

/// Reads the counters between two readings of the totals that agree.
fn steady<T>(
    totals: &Totals,
    counters: impl Fn(&[Total]) -> T,
) -> Result<(T, Vec<Total>), LiveError> {
    let mut before = read(totals)?;
    for _ in 1..READINGS {
        let counted = counters(&before);
        let after = read(totals)?;
        if after == before {
            return Ok((counted, after));
        }
        before = after;
    }
    Ok((counters(&before), before))
}

fn read(totals: &Totals) -> Result<Vec<Total>, LiveError> {
    let mut rows = Vec::new();
    for row in totals {
        let (key, counts) = row.map_err(|error| LiveError::Read("TOTALS", error))?;
        let bucket = decode::total_key(&key)?;
        rows.push(Total { bucket, count: counts.iter().sum() });
    }
    Ok(rows)
}

impl Live {
    fn losses(&self) -> Result<Losses, LiveError> {
        let count = |loss: Loss| {
            let counts = self.losses.get(&(loss as u32), 0);
            counts.map(|counts| counts.iter().sum()).map_err(|e| LiveError::Read("LOSSES", e))
        };
        Ok(Losses {
            ring_full: count(Loss::RingFull)?,
            totals_full: count(Loss::TotalsFull)?,
            slot_clash: count(Loss::SlotClash)?,
            entry_missed: count(Loss::EntryMissed)?,
            probes_not_run: missed::runs(&self.ebpf),
            undecodable: self.undecodable,
            clients_unfollowed: self.waiting.as_ref().map_or(0, Waiting::unfollowed),
            ..Losses::default()
        })
    }

    /// Passes an event on, unless the user did not ask for it.
    fn show(&self, drop: &SynDrop, into: &mut Vec<Event>) {
        if self.waiting.is_none() || filter::shows(&self.filter, drop) {
            into.push(Event::Drop(*drop));
        }
    }

    /// Takes what is in the ring; says whether there was anything.
    fn drain(&mut self, into: &mut Vec<Event>) -> bool {
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
        if taken < BATCH
            && let Some(waiting) = &mut self.waiting
        {
            for gone in waiting.expire(boot_ns()) {
                taken += 1;
                self.show(&gone, into);
            }
        }
        if let Some(diagnostics) = &mut self.diagnostics {
            diagnostics.flush();
        }
        taken != 0
    }

    /// Says where the stream has a hole since the last time.
    fn holes(&mut self, into: &mut Vec<Event>) -> Result<(), LiveError> {
        let lost = self.losses()?.events();
        if lost > self.lost_told {
            into.push(Event::Lost(Lost { events: lost - self.lost_told, since: self.whole_since }));
            self.lost_told = lost;
            if let Some(waiting) = &mut self.waiting {
                waiting.hole();
            }
        }
        self.whole_since = Timestamp::now();
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
            if self.drain(into) {
                self.holes(into)?;
                return Ok(Next::More);
            }
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
            }
        }
    }

    fn snapshot(&mut self, into: &mut Vec<Event>) -> Result<Snapshot, LiveError> {
        let (counters, now) = steady(&self.totals, |rows| moved(&self.baseline, rows))?;
        for _ in 0..FULL_RING {
            if !self.drain(into) {
                break;
            }
        }
        self.holes(into)?;
        let mut totals = since(&self.before, now);
        if let Some(waiting) = &self.waiting {
            totals.extend(waiting.totals());
            into.extend(refused::still(waiting.len()));
        }
        for total in &mut totals {
            let (reason, stage) = (total.bucket.reason, total.bucket.stage);
            total.bucket.shown &= filter::shows_kind(&self.filter, reason, stage);
        }
        Ok(Snapshot {
            duration: self.started.elapsed(),
            totals,
            losses: Losses { clients_forgotten: self.clients.forgotten()?, ..self.losses()? },
            counters,
            owners: None,
        })
    }
}

/// How far the counters moved, of each namespace that dropped something and of our own.
fn moved(baseline: &Baseline, totals: &[Total]) -> Vec<NetnsCounter> {
    let namespaces = Namespaces::enumerate();
    let dropped = totals.iter().filter_map(|total| total.bucket.listener.netns);
    let wanted: BTreeSet<u32> = dropped.chain(namespaces.own()).collect();
    let rows = wanted.into_iter().flat_map(|netns| {
        let delta = baseline.delta(&namespaces, netns);
        Counter::ALL.iter().map(move |&counter| NetnsCounter {
            netns,
            counter,
            kernel: delta.map(|delta| delta.get(counter)),
            explained: None,
        })
    });
    // One that not every kernel has is news only where it moved.
    let told =
        |row: &NetnsCounter| row.counter.is_everywhere() || row.kernel.is_some_and(|by| by > 0);
    rows.filter(told).collect()
}

/// What was counted after the baseline was taken.
fn since(before: &[Total], now: Vec<Total>) -> Vec<Total> {
    let earlier =
        |total: &Total| before.iter().find(|b| b.bucket == total.bucket).map_or(0, |b| b.count);
    now.into_iter()
        .map(|total| Total { count: total.count - earlier(&total), ..total })
        .filter(|total| total.count != 0)
        .collect()
}
