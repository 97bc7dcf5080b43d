//! A recording as a source: what `trace --json` wrote, through the same pipeline.
//!
//! What a recording says about its kernel's counters is taken as it stands. Its events are
//! counted anew, under today's filter; drops of which it has no event are taken from its summary
//! as long as no filter has to look at them.

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use ebpf_probes::{Counter, Filter};
use jiff::Timestamp;
use tokio::sync::mpsc::Receiver;

use super::{Event, Losses, NetnsCounter, Next, Occasion, Opening, Snapshot, Source, Total};
use crate::decode::Bucket;
use crate::filter::{self, OwnerFilter};
use crate::incident::Incident;
use crate::latency::AcceptLatency;
use crate::ndjson::SummaryLine;

mod error;
mod lines;
mod reader;
mod untold;

pub use error::ReplayError;
use reader::Item;

/// An open recording.
#[derive(Debug)]
pub struct Replay {
    name: String,
    opening: Opening,
    items: Receiver<Vec<Item>>,
    /// What was read before the opening was known.
    early: Vec<Item>,
    filter: Filter,
    owner: OwnerFilter,
    /// How many more drops are shown.
    left: u64,
    counts: HashMap<Bucket, u64>,
    lost: u64,
    /// Between which times the drops lie.
    span: Option<(Timestamp, Timestamp)>,
    summary: Option<SummaryLine<'static>>,
}

impl Replay {
    /// Opens a recording and reads until it makes sense. After `count` drops it counts as ended.
    ///
    /// # Errors
    /// If it cannot be read or never makes sense.
    pub async fn open(
        name: &str,
        reader: impl Read + Send + 'static,
        filter: Filter,
        count: Option<u64>,
    ) -> Result<Self, ReplayError> {
        let mut replay = Self {
            name: name.to_owned(),
            opening: Opening::default(),
            items: reader::start(reader),
            early: Vec::new(),
            filter,
            owner: OwnerFilter::default(),
            left: count.unwrap_or(u64::MAX),
            counts: HashMap::new(),
            lost: 0,
            span: None,
            summary: None,
        };
        while let Some(items) = replay.items.recv().await {
            replay.early.extend(items);
            let sense = replay.early.iter().position(|item| !matches!(item, Item::Damaged { .. }));
            let Some(at) = sense else { continue };
            match replay.early.remove(at) {
                Item::Header(opening) => replay.opening = *opening,
                Item::Failed(source) => {
                    return Err(ReplayError::Read { name: replay.name, source });
                }
                Item::Schema(found) => {
                    return Err(ReplayError::Schema { name: replay.name, found });
                }
                // That lines were left out is no sense by itself.
                Item::Note(_) => continue,
                item => {
                    let note = "the beginning is missing: no header tells of kernel and host";
                    replay.early.insert(at, item);
                    replay.early.insert(0, Item::Note(note.to_owned()));
                }
            }
            return Ok(replay);
        }
        Err(match replay.early.into_iter().next() {
            Some(Item::Damaged { line, why }) => {
                ReplayError::NoRecording { name: replay.name, line, why }
            }
            _ => ReplayError::Empty(replay.name),
        })
    }

    /// Shows only what was of listeners of these owners. A recording names one of each listener's.
    #[must_use]
    pub fn of_owner(mut self, owner: OwnerFilter) -> Self {
        self.owner = owner;
        self
    }

    fn take(&mut self, items: Vec<Item>, into: &mut Vec<Event>) -> Result<(), ReplayError> {
        for item in items {
            if self.left == 0 {
                break;
            }
            match item {
                Item::Header(_) => {}
                Item::Drop(incident) => self.count(incident, into),
                Item::Lost(lost) => {
                    self.lost = self.lost.saturating_add(lost.events);
                    into.push(Event::Lost(lost));
                }
                Item::Summary(summary) => self.summary = Some(*summary),
                Item::Damaged { line, why } => {
                    let name = &self.name;
                    into.push(Event::Note(format!("{name}: line {line} is left out: {why}")));
                }
                Item::Note(note) => into.push(Event::Note(format!("{}: {note}", self.name))),
                Item::Failed(source) => {
                    return Err(ReplayError::Read { name: self.name.clone(), source });
                }
                Item::Schema(found) => {
                    return Err(ReplayError::Schema { name: self.name.clone(), found });
                }
            }
        }
        Ok(())
    }
}

impl Replay {
    fn count(&mut self, mut incident: Box<Incident>, into: &mut Vec<Event>) {
        let drop = &mut incident.drop;
        let owner = &incident.owner;
        drop.shown =
            filter::shows(&self.filter, drop) && self.owner.takes(owner.pid, owner.comm.as_deref());
        let (shown, reason) = (drop.shown, drop.reason);
        let bucket = Bucket {
            listener: drop.listener,
            reason,
            stage: drop.stage,
            evidence: drop.evidence,
            shown,
            // What they explained is in the recording's summary.
            moves: reason.moves(),
        };
        *self.counts.entry(bucket).or_default() += 1;
        let (first, last) = self.span.unwrap_or((incident.time, incident.time));
        self.span = Some((first.min(incident.time), last.max(incident.time)));
        if shown {
            if !reason.is_notice() {
                self.left -= 1;
            }
            into.push(Event::Recorded(incident));
        }
    }

    /// How long connections waited, of the listeners that the filter by owner shows. Any other
    /// would have had to look at each connection.
    fn latency(&self, summary: &SummaryLine, into: &mut Vec<Event>) -> Option<AcceptLatency> {
        let recorded = summary.accept_latency.as_ref()?;
        if self.filter.asks_for_ends() {
            let note = "how long connections waited for accept() was not recorded for each, so this \
                        filter leaves it out";
            into.push(Event::Note(format!("{}: {note}", self.name)));
            return None;
        }
        let mut latency = lines::latency(recorded);
        latency.listeners.retain(|it| self.owner.takes(it.owner.pid, it.owner.comm.as_deref()));
        Some(latency)
    }

    fn duration(&self) -> Duration {
        let recorded = self.summary.as_ref().map(|summary| summary.duration_s);
        let recorded = recorded.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let seen = || {
            let (first, last) = self.span?;
            last.duration_since(self.opening.time.unwrap_or(first)).try_into().ok()
        };
        recorded.or_else(seen).unwrap_or_default()
    }
}

impl Source for Replay {
    type Error = ReplayError;

    fn opening(&self) -> &Opening {
        &self.opening
    }

    async fn next(&mut self, into: &mut Vec<Event>) -> Result<Next, ReplayError> {
        let items = if self.early.is_empty() {
            match self.items.recv().await {
                Some(items) => items,
                None => return Ok(Next::End),
            }
        } else {
            std::mem::take(&mut self.early)
        };
        self.take(items, into)?;
        Ok(if self.left == 0 { Next::End } else { Next::More })
    }

    fn snapshot(&mut self, _: Occasion, into: &mut Vec<Event>) -> Result<Snapshot, ReplayError> {
        let mut totals: Vec<Total> =
            self.counts.iter().map(|(&bucket, &count)| Total::whole(bucket, count)).collect();
        let duration = self.duration();
        let Some(summary) = &self.summary else {
            let losses = Losses { ring_full: self.lost, ..Losses::default() };
            let (counters, owners) = (Vec::new(), Some(HashMap::new()));
            return Ok(Snapshot {
                duration,
                totals,
                losses,
                counters,
                owners,
                ..Snapshot::default()
            });
        };
        let missing = self.without_event(summary);
        if filter::shows_every_drop(&self.filter) {
            totals.extend(missing);
            if self.owner.is_any() {
                totals.extend(self.notices_without_event(summary));
            }
        } else if !missing.is_empty() {
            let counts = missing.iter().map(|total| total.count);
            let count = counts.fold(0, u64::saturating_add);
            let note = format!(
                "{}: {count} drops were counted that have no event here; no filter can judge \
                 them, so all counts are lower bounds",
                self.name
            );
            into.push(Event::Note(note));
        }
        let losses = Losses {
            ring_full: summary.lost_events,
            totals_full: summary.uncounted_drops,
            probes_not_run: summary.missed_probes,
            sampled_out: summary.sampled_out,
            clients_forgotten: summary.forgotten_clients,
            clients_unfollowed: summary.unfollowed_clients,
            ..Losses::default()
        };
        let counter = |name: &str| Counter::OF_DROPS.iter().copied().find(|it| it.name() == name);
        let counters = summary.counters.iter().filter_map(|line| {
            Some(NetnsCounter {
                netns: line.netns,
                counter: counter(&line.name)?,
                kernel: line.kernel,
                explained: Some(line.explained),
                in_flight: line.in_flight,
            })
        });
        let owners = summary
            .by_listener
            .iter()
            .map(|line| (lines::total_listener(line), line.listener.clone().into()));
        let (counters, owners) = (counters.collect(), Some(owners.collect()));
        let latency = self.latency(summary, into);
        let backlogs = lines::backlogs(summary);
        let cost = summary.probe_cost.as_ref().map(|line| lines::cost(line, duration));
        Ok(Snapshot { duration, totals, losses, counters, latency, cost, backlogs, owners })
    }
}

#[cfg(test)]
mod tests;
