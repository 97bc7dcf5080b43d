//! What a recording tells of an incident, in bounded memory: bins of time, listeners, clients.
//!
//! Events go in one by one; what comes out has a size that does not grow with their number. Totals
//! stay exact elsewhere (`totals`); here is what only events know: when, how full, how long.

use std::collections::HashMap;

use ebpf_probes::Reason;
use jiff::Timestamp;

use crate::decode::ListenerId;
use crate::incident::{Incident, Owner};
use crate::source::Lost;

mod clients;
mod timeline;

pub use clients::{Client, Clients, DELAYS_S, Delays};
pub use timeline::{Bin, Queues, Timeline};

/// Listeners that are followed; some 4 MB.
const FOLLOWED_MAX: usize = 1024;

/// The longest that a queue was seen, and its limit at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peak {
    /// How many waited.
    pub len: u32,
    /// The limit.
    pub limit: Option<u32>,
}

impl Peak {
    /// The longer of two; of equals the later one, whose limit is newer.
    fn longer(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) if one.len > other.len => Some(one),
            (one, other) => other.or(one),
        }
    }
}

/// What happened at one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// Which listener.
    pub id: ListenerId,
    /// Who held it, as the latest event said.
    pub owner: Owner,
    /// Drops that have an event.
    pub drops: u64,
    /// The longest accept queue.
    pub accept: Option<Peak>,
    /// The longest SYN queue; it has the accept queue's limit.
    pub syn: Option<Peak>,
    /// Connections that were refused and got in later.
    pub delays: Delays,
    /// Connections that were refused and given up.
    pub gone: u64,
}

/// When drops of one reason came, and how full the queues were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The first.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// The longest accept queue that they met.
    pub accept: Option<Peak>,
    /// The longest SYN queue that they met.
    pub syn: Option<Peak>,
}

/// All that is kept of the events.
#[derive(Debug, Default)]
pub struct Report {
    /// Drops and queues over time.
    pub timeline: Timeline,
    /// Every listener that is followed, in the order of their first events.
    pub listeners: Vec<Story>,
    /// Who was refused.
    pub clients: Clients,
    /// When each reason occurred.
    pub occurrences: HashMap<Reason, Occurrence>,
    /// Drops that have an event.
    pub events: u64,
    /// Drops of listeners that are not followed.
    pub unfollowed: u64,
    places: HashMap<ListenerId, usize>,
}

impl Report {
    /// A report of a recording that began at `time`.
    pub fn new(time: Option<Timestamp>) -> Self {
        Self { timeline: Timeline::new(time), ..Self::default() }
    }

    /// Takes note of a drop or a notice.
    pub fn add(&mut self, incident: &Incident) {
        let (drop, time) = (&incident.drop, incident.time);
        let place = self.place(incident);
        self.clients.add(incident);
        if drop.reason.is_notice() {
            if let Some(story) = place.and_then(|place| self.listeners.get_mut(place)) {
                match (drop.reason, drop.refused_ns) {
                    (Reason::ClientRecovered, Some(after_ns)) => story.delays.add(after_ns),
                    (Reason::ClientGone, _) => story.gone += 1,
                    _ => {}
                }
            }
            return;
        }
        self.events += 1;
        let limit = drop.accept.map(|queue| queue.limit);
        let accept = drop.accept.map(|queue| Peak { len: queue.len, limit });
        let syn = drop.syn_len.map(|len| Peak { len, limit });
        match place.and_then(|place| self.listeners.get_mut(place)) {
            Some(story) => {
                story.drops += 1;
                story.accept = Peak::longer(story.accept, accept);
                story.syn = Peak::longer(story.syn, syn);
            }
            None => self.unfollowed += 1,
        }
        let new = Occurrence { first: time, last: time, accept: None, syn: None };
        let seen = self.occurrences.entry(drop.reason).or_insert(new);
        seen.first = seen.first.min(time);
        seen.last = seen.last.max(time);
        seen.accept = Peak::longer(seen.accept, accept);
        seen.syn = Peak::longer(seen.syn, syn);
        let bin = self.timeline.at(time);
        *bin.drops.entry(drop.reason).or_default() += 1;
        if let Some(place) = place {
            bin.queues.entry(place).or_default().add(&Queues { accept, syn, drops: 1 });
        }
    }

    /// Takes note of a hole.
    pub fn lost(&mut self, lost: &Lost) {
        self.timeline.at(lost.since).lost += lost.events;
    }

    /// Followed listeners with the most drops first, each with its place in [`Bin::queues`].
    pub fn most_first(&self) -> Vec<(usize, &Story)> {
        let mut stories: Vec<_> = self.listeners.iter().enumerate().collect();
        stories.sort_by_key(|(place, story)| (std::cmp::Reverse(story.drops), *place));
        stories
    }

    /// What is known of a listener, if it is followed.
    pub fn story(&self, listener: &ListenerId) -> Option<&Story> {
        self.places.get(listener).map(|&place| &self.listeners[place])
    }

    fn place(&mut self, incident: &Incident) -> Option<usize> {
        let id = incident.drop.listener;
        let place = match self.places.get(&id) {
            Some(&place) => place,
            None if self.listeners.len() < FOLLOWED_MAX => {
                self.listeners.push(Story {
                    id,
                    owner: Owner::default(),
                    drops: 0,
                    accept: None,
                    syn: None,
                    delays: Delays::default(),
                    gone: 0,
                });
                self.places.insert(id, self.listeners.len() - 1);
                self.listeners.len() - 1
            }
            None => return None,
        };
        let story = &mut self.listeners[place];
        if story.owner != *incident.owner && *incident.owner != Owner::default() {
            story.owner.clone_from(&incident.owner);
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests;
