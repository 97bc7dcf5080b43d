//! The line from source to output: the one place that knows every room.
//!
//! Events arrive in batches; each is written and flushed before the next is awaited, so that
//! what was said is out and a full disk or a reader that went away is noticed at once.

use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::pin::pin;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::enrich::Enricher;
use crate::filter::OwnerFilter;
use crate::incident::{Incident, Owner};
use crate::latency::AcceptLatency;
use crate::reconcile::reconcile;
use crate::render::{self, Render, Summary};
use crate::source::{Event, Next, Occasion, Snapshot, Source};
use crate::totals::{Tally, Totals};

/// Events of a batch that there is room for from the start. To make more takes a copy of them.
const ROOM: usize = 512;

/// Where everything goes.
pub struct Sinks<'a> {
    /// The format of the data.
    pub render: &'a mut dyn Render,
    /// The data.
    pub data: &'a mut dyn Write,
    /// The rest.
    pub status: &'a mut dyn Write,
}

/// When to end, apart from being stopped, and whose drops count at all.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    /// After so long.
    pub duration: Option<Duration>,
    /// After so many drops that are shown.
    pub count: Option<u64>,
    /// Of listeners of these owners only. What comes from a recording has been looked at there.
    pub owner: OwnerFilter,
    /// Not to end, but to say after each such time how it stands.
    pub interval: Option<Duration>,
}

/// Why the line broke.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError<E> {
    /// Nothing comes in any more.
    #[error(transparent)]
    Source(E),
    /// Nothing gets out any more.
    #[error("failed to write")]
    Write(#[source] io::Error),
}

/// Runs until the source ends, a limit is reached or `stop` resolves; then sums up, and hands back
/// what it summed up. That nobody reads the data any more is an end like others.
///
/// # Errors
/// If the source fails or the data cannot be written.
pub async fn run<S: Source>(
    source: &mut S,
    sinks: Sinks<'_>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<Summary, PipelineError<S::Error>> {
    let left = limits.count.unwrap_or(u64::MAX);
    let mut line = Line {
        sinks,
        left,
        enricher: Enricher::of(limits.owner.clone()),
        tally: Tally::default(),
        batch: Vec::with_capacity(ROOM),
    };
    match line.stream(source, limits, stop).await {
        Err(PipelineError::Write(error)) if error.kind() == ErrorKind::BrokenPipe => {
            let snapshot = source.snapshot(Occasion::End, &mut line.batch);
            let snapshot = snapshot.map_err(PipelineError::Source)?;
            Ok(line.sum_up(snapshot, Occasion::End))
        }
        ended => ended,
    }
}

struct Line<'a> {
    sinks: Sinks<'a>,
    left: u64,
    enricher: Enricher,
    tally: Tally,
    batch: Vec<Event>,
}

impl Line<'_> {
    async fn stream<S: Source>(
        &mut self,
        source: &mut S,
        limits: Limits,
        stop: impl Future<Output = ()>,
    ) -> Result<Summary, PipelineError<S::Error>> {
        let deadline = async {
            match limits.duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        let (mut stop, mut deadline) = (pin!(stop), pin!(deadline));
        let mut ticks = limits.interval.map(ticks);
        self.opening(source).map_err(PipelineError::Write)?;
        while self.left > 0 {
            let next = tokio::select! {
                biased;
                () = &mut stop => break,
                () = &mut deadline => break,
                () = tick(&mut ticks) => {
                    self.interval(source)?;
                    continue;
                }
                next = source.next(&mut self.batch) => next,
            };
            // What came before an error is as good as any.
            self.write_batch().map_err(PipelineError::Write)?;
            if next.map_err(PipelineError::Source)? == Next::End {
                break;
            }
            // A source that always has something must not keep timers from being looked at.
            tokio::task::yield_now().await;
        }
        let snapshot = source.snapshot(Occasion::End, &mut self.batch);
        let snapshot = snapshot.map_err(PipelineError::Source)?;
        self.write_batch().map_err(PipelineError::Write)?;
        self.summary(snapshot).map_err(PipelineError::Write)
    }

    fn interval<S: Source>(&mut self, source: &mut S) -> Result<(), PipelineError<S::Error>> {
        let snapshot = source.snapshot(Occasion::Interval, &mut self.batch);
        let snapshot = snapshot.map_err(PipelineError::Source)?;
        self.write_batch().map_err(PipelineError::Write)?;
        let summary = self.sum_up(snapshot, Occasion::Interval);
        let Sinks { render, data, .. } = &mut self.sinks;
        let written = render.interval(data, Timestamp::now(), &summary);
        written.and_then(|()| data.flush()).map_err(PipelineError::Write)
    }

    fn opening<S: Source>(&mut self, source: &S) -> io::Result<()> {
        self.sinks.render.opening(self.sinks.data, source.opening())?;
        self.sinks.data.flush()
    }

    fn write_batch(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.enricher.refresh();
        let mut batch = std::mem::take(&mut self.batch);
        for event in batch.drain(..) {
            match event {
                Event::Drop(drop) if self.enricher.chooses(&drop.listener) != Some(true) => {}
                Event::Drop(drop) => {
                    let incident = self.enricher.incident(drop);
                    self.show(&incident)?;
                }
                Event::Recorded(incident) => self.show(&incident)?,
                Event::Lost(lost) => self.sinks.render.lost(self.sinks.data, &lost)?,
                Event::Note(note) => {
                    self.sinks.data.flush()?;
                    // Nobody is told that stderr is gone.
                    let _ = render::note(self.sinks.status, &note);
                    self.sinks.render.note(&note);
                }
            }
        }
        // Its room serves again.
        self.batch = batch;
        self.sinks.data.flush()
    }

    fn show(&mut self, incident: &Incident) -> io::Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        if !incident.drop.reason.is_notice() {
            self.left -= 1;
        }
        self.tally.add(incident);
        self.sinks.render.incident(self.sinks.data, incident)
    }

    fn totals(&mut self, snapshot: &Snapshot) -> Totals {
        let Self { tally, enricher, .. } = self;
        tally.totals(snapshot, |listener| match &snapshot.owners {
            None => Owner::clone(&enricher.owner(listener)),
            Some(recorded) => recorded.get(listener).cloned().unwrap_or_default(),
        })
    }

    /// Hides what is not of the wanted owners; how many drops are hidden because their listener's
    /// owner could not be found.
    fn choose(&mut self, snapshot: &mut Snapshot) -> u64 {
        if snapshot.owners.is_some() {
            return 0;
        }
        self.enricher.refresh();
        let mut unknown = 0;
        for total in snapshot.totals.iter_mut().filter(|total| total.bucket.shown) {
            let listener = &total.bucket.listener;
            let is_known = self.enricher.has_judged(listener);
            total.bucket.shown = self.enricher.chooses(listener) == Some(true);
            if total.bucket.shown || is_known || total.bucket.reason.is_notice() {
                continue;
            }
            // No event told of it while it existed.
            if *self.enricher.owner(listener) == Owner::default() {
                unknown += total.count;
            }
        }
        unknown
    }

    /// Adds who owns the listeners, and leaves out those of other owners than the wanted ones.
    fn owned(&mut self, mut latency: AcceptLatency, snapshot: &Snapshot) -> AcceptLatency {
        if snapshot.owners.is_none() {
            latency.listeners.retain(|it| self.enricher.chooses(&it.id) == Some(true));
            for it in &mut latency.listeners {
                it.owner = Owner::clone(&self.enricher.owner(&it.id));
            }
        }
        latency
    }

    fn sum_up(&mut self, mut snapshot: Snapshot, occasion: Occasion) -> Summary {
        let unknown = self.choose(&mut snapshot);
        if unknown > 0 && occasion == Occasion::End {
            let note =
                format!("{unknown} drops of listeners whose owner could not be found are left out");
            // Nobody is told that stderr is gone.
            let _ = render::note(self.sinks.status, &note);
        }
        let latency = snapshot.latency.take().map(|latency| self.owned(latency, &snapshot));
        let snapshot = &snapshot;
        Summary {
            duration: snapshot.duration,
            totals: self.totals(snapshot),
            counters: reconcile(snapshot),
            losses: snapshot.losses,
            latency,
            cost: snapshot.cost.clone(),
        }
    }

    fn summary(&mut self, snapshot: Snapshot) -> io::Result<Summary> {
        let summary = self.sum_up(snapshot, Occasion::End);
        self.sinks.render.summary(self.sinks.data, &summary)?;
        self.sinks.data.flush()?;
        Ok(summary)
    }
}

/// A tick after each such time, the first one included. One that is late shifts the next ones.
fn ticks(every: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn tick(ticks: &mut Option<Interval>) {
    match ticks {
        Some(ticks) => _ = ticks.tick().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
