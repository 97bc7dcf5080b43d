//! How many, of what, where: exact totals by reason and by listener.
//!
//! Counts come from the side that saw every drop, the kernel's; events, of which some may be
//! missing, only add who the listeners are and how many clients there were.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use ebpf_probes::{Evidence, Reason};

use crate::decode::ListenerId;
use crate::incident::{Incident, Owner};
use crate::source::Snapshot;

/// Clients that are told apart; some 4 MB.
const CLIENTS_MAX: usize = 1 << 16;

/// What events tell beyond the totals.
#[derive(Debug, Default)]
pub struct Tally {
    events: u64,
    clients: HashSet<IpAddr>,
    clients_left_out: bool,
    listeners: HashMap<ListenerId, Known>,
}

/// What the latest event of a listener said about it.
#[derive(Debug, Default, Clone)]
struct Known {
    cookie: Option<u64>,
    limit: Option<u32>,
    owner: Owner,
}

/// Drops of one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonTotal {
    /// The reason.
    pub reason: Reason,
    /// How many.
    pub count: u64,
    /// How many of them were inferred.
    pub inferred: u64,
}

/// Drops of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTotal {
    /// Which listener.
    pub id: ListenerId,
    /// Its cookie, once somebody asked the kernel for it.
    pub cookie: Option<u64>,
    /// The limit of its queues, where an event told it.
    pub limit: Option<u32>,
    /// Who holds it.
    pub owner: Owner,
    /// How many, most first.
    pub drops: Vec<ReasonTotal>,
}

/// How many different clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clients {
    /// How many were seen.
    pub count: u64,
    /// Whether there can be no more of them.
    pub exact: bool,
}

/// Everything that the filter shows, added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// By reason, most first.
    pub drops: Vec<ReasonTotal>,
    /// By listener, most first.
    pub by_listener: Vec<ListenerTotal>,
    /// From how many clients.
    pub clients: Clients,
}

impl Tally {
    /// Takes note of an event.
    pub fn add(&mut self, incident: &Incident) {
        self.events += 1;
        let drop = &incident.drop;
        match drop.packet {
            Some(packet) if self.clients.len() < CLIENTS_MAX => {
                self.clients.insert(packet.peer.ip());
            }
            Some(packet) => self.clients_left_out |= !self.clients.contains(&packet.peer.ip()),
            None => self.clients_left_out = true,
        }
        let room = self.listeners.len() < ebpf_probes::TOTALS_MAX as usize;
        if !room && !self.listeners.contains_key(&drop.listener) {
            return;
        }
        let known = self.listeners.entry(drop.listener).or_default();
        known.cookie = drop.cookie.or(known.cookie);
        known.limit = drop.accept.map(|queue| queue.limit).or(known.limit);
        if known.owner != incident.owner && incident.owner != Owner::default() {
            known.owner = incident.owner.clone();
        }
    }

    /// How many events there were.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Adds up what was counted. `owner` is asked about listeners that no event told of.
    pub fn totals(
        &self,
        snapshot: &Snapshot,
        mut owner: impl FnMut(&ListenerId) -> Owner,
    ) -> Totals {
        let mut drops = Vec::new();
        let mut listeners: HashMap<ListenerId, Vec<ReasonTotal>> = HashMap::new();
        for total in snapshot.totals.iter().filter(|total| total.bucket.shown) {
            let bucket = &total.bucket;
            let inferred = if bucket.evidence == Evidence::Inferred { total.count } else { 0 };
            let add = ReasonTotal { reason: bucket.reason, count: total.count, inferred };
            merge(&mut drops, add);
            merge(listeners.entry(bucket.listener).or_default(), add);
        }
        most_first(&mut drops);
        let by_listener = listeners.into_iter().map(|(id, mut drops)| {
            let mut known = self.listeners.get(&id).cloned().unwrap_or_default();
            if known.owner == Owner::default() {
                known.owner = owner(&id);
            }
            most_first(&mut drops);
            let Known { cookie, limit, owner } = known;
            ListenerTotal { id, cookie, limit, owner, drops }
        });
        let mut by_listener: Vec<ListenerTotal> = by_listener.collect();
        by_listener.sort_by_key(|it| (std::cmp::Reverse(it.count()), it.id.bound, it.id.inode));
        let counted: u64 = drops.iter().map(|total| total.count).sum();
        let whole = snapshot.losses.events() + snapshot.losses.sampled_out == 0;
        let clients = Clients {
            count: self.clients.len() as u64,
            exact: whole && !self.clients_left_out && self.events >= counted,
        };
        Totals { drops, by_listener, clients }
    }
}

impl ListenerTotal {
    /// Drops of all reasons.
    pub fn count(&self) -> u64 {
        self.drops.iter().map(|total| total.count).sum()
    }
}

impl Totals {
    /// Drops of all reasons.
    pub fn count(&self) -> u64 {
        self.drops.iter().map(|total| total.count).sum()
    }
}

fn merge(totals: &mut Vec<ReasonTotal>, add: ReasonTotal) {
    match totals.iter_mut().find(|total| total.reason == add.reason) {
        Some(total) => {
            total.count += add.count;
            total.inferred += add.inferred;
        }
        None => totals.push(add),
    }
}

fn most_first(totals: &mut [ReasonTotal]) {
    totals.sort_by_key(|total| (std::cmp::Reverse(total.count), total.reason));
}

#[cfg(test)]
mod tests;
