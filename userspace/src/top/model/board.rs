//! All listeners and totals at one moment.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::history::History;
use super::row::{Key, Row, Standing, per_second};
use crate::cost::{Cost, each};
use crate::enrich::OwnedListener;
use crate::incident::{Incident, Owner};
use crate::reconcile::{Line, reconcile};
use crate::source::{Losses, Snapshot};
use crate::totals::{Number, ReasonTotal, Tally};

/// Listeners that are kept in view after their end, and the notes.
const CLOSED: usize = 1000;
const NOTES: usize = 20;

/// What was found at one moment.
#[derive(Debug)]
pub struct Look<'a> {
    /// When.
    pub time: Timestamp,
    /// Every listener that is to be shown.
    pub listeners: &'a [OwnedListener],
    /// What was counted.
    pub snapshot: &'a Snapshot,
    /// What the events told beside it.
    pub tally: &'a Tally,
}

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct Board {
    /// Name of this machine.
    pub host: String,
    /// Release of its kernel.
    pub kernel: String,
    /// Between two looks.
    pub interval: Duration,
    /// What the user should know, the latest last.
    pub notes: Vec<String>,
    /// When the latest look was.
    pub time: Option<Timestamp>,
    /// How long it has been going on by then.
    pub duration: Duration,
    /// Drops since the start, those of listeners that nobody saw included.
    pub drops: u64,
    /// Drops a second lately.
    pub rate: f64,
    /// Drops of the latest intervals.
    pub history: History,
    /// Of how many clients.
    pub clients: Option<Number>,
    /// Of how many connections.
    pub connections: Option<Number>,
    /// The kernel's counters, and how far they are explained.
    pub counters: Vec<Line>,
    /// What did not get through.
    pub losses: Losses,
    /// What the probes cost lately, if somebody measures it.
    pub cost: Option<LatelyCost>,
    cost_so_far: Cost,
    rows: HashMap<Key, Row>,
}

/// What the probes cost between the two latest looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatelyCost {
    /// How often one of them ran, a second.
    pub rate: f64,
    /// How long each run took, on average.
    pub each: Duration,
    /// How much of the time of one CPU that was.
    pub share: f64,
}

impl Board {
    /// Nothing is known yet but where this is, how often it will be looked at, and what the user
    /// should know from the start.
    pub fn new(host: String, kernel: String, interval: Duration, notes: Vec<String>) -> Self {
        Self { host, kernel, interval, notes, ..Self::default() }
    }

    /// All rows, in no order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    pub(super) fn note(&mut self, note: String) {
        if self.notes.last() != Some(&note) {
            self.notes.push(note);
        }
        let surplus = self.notes.len().saturating_sub(NOTES);
        self.notes.drain(..surplus);
    }

    pub(super) fn incident(&mut self, incident: &Incident) {
        let id = &incident.drop.listener;
        self.rows.entry(Key::from(id)).or_insert_with(|| Row::new(*id)).met(incident);
    }

    pub(super) fn accept_latency(&mut self, latencies: &HashMap<Key, Duration>) {
        for (key, row) in &mut self.rows {
            row.accept_latency = latencies.get(key).copied();
        }
    }

    pub(super) fn look(&mut self, look: &Look<'_>) {
        let snapshot = look.snapshot;
        let elapsed = snapshot.duration.saturating_sub(self.duration);
        for row in self.rows.values_mut().filter(|row| row.standing == Standing::Listens) {
            row.standing = Standing::Closed;
        }
        for found in look.listeners {
            let id = &found.listener.id;
            self.rows.entry(Key::from(id)).or_insert_with(|| Row::new(*id)).seen(found);
        }
        // Owners are told by surveys and events.
        let totals = look.tally.totals(snapshot, |_| Owner::default());
        let mut counted: HashMap<Key, Vec<ReasonTotal>> = HashMap::new();
        for listener in &totals.by_listener {
            let key = Key::from(&listener.id);
            self.rows.entry(key).or_insert_with(|| Row::new(listener.id));
            add(counted.entry(key).or_default(), &listener.drops);
        }
        for (key, row) in &mut self.rows {
            row.counted(counted.get(key).map_or(&[], Vec::as_slice), elapsed);
        }
        self.forget();

        let drops = totals.count();
        let more = drops.saturating_sub(self.drops);
        self.history.push(more);
        self.rate = per_second(more, elapsed);
        self.drops = drops;
        (self.clients, self.connections) = (Some(totals.clients), Some(totals.connections));
        self.counters = reconcile(snapshot).into_iter().filter(Line::moved).collect();
        self.losses = snapshot.losses;
        self.cost = snapshot.cost.as_ref().map(|cost| lately(&self.cost_so_far, cost, elapsed));
        self.cost_so_far = snapshot.cost.clone().unwrap_or_default();
        self.time = Some(look.time);
        self.duration = snapshot.duration;
    }

    /// What ended without a drop is of no interest any more, nor is what ended long ago.
    fn forget(&mut self) {
        let gone = |row: &Row| row.standing != Standing::Listens;
        self.rows.retain(|_, row| !gone(row) || row.drops > 0 || !row.clients.is_empty());
        let closed = self.rows.values().filter(|row| gone(row));
        let mut closed: Vec<_> = closed.map(|row| (row.drops, row.key())).collect();
        if closed.len() > CLOSED {
            closed.sort_unstable();
            for (_, key) in &closed[..closed.len() - CLOSED] {
                self.rows.remove(key);
            }
        }
    }
}

fn lately(before: &Cost, now: &Cost, elapsed: Duration) -> LatelyCost {
    let runs = now.runs().saturating_sub(before.runs());
    let time = now.time().saturating_sub(before.time());
    let share = if elapsed.is_zero() { 0.0 } else { time.as_secs_f64() / elapsed.as_secs_f64() };
    LatelyCost { rate: per_second(runs, elapsed), each: each(time, runs), share }
}

/// Several identities can be one listener's, of which more is known at one time than at another.
fn add(into: &mut Vec<ReasonTotal>, drops: &[ReasonTotal]) {
    for drop in drops {
        match into.iter_mut().find(|it| it.reason == drop.reason) {
            Some(total) => {
                total.count += drop.count;
                total.inferred += drop.inferred;
            }
            None => into.push(*drop),
        }
    }
    into.sort_by_key(|total| (std::cmp::Reverse(total.count), total.reason));
}
