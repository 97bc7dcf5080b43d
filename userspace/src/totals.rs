//! How many, of what, where: exact totals by reason and by listener.
//!
//! Counts come from the side that saw every drop, the kernel's; events, of which some may be
//! missing, only add who the listeners are and how many clients there were.

use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use ebpf_probes::{Evidence, Reason};
use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

use crate::decode::{ListenerId, Packet};
use crate::incident::{Incident, Owner};
use crate::source::Snapshot;

/// Clients, and connections, that are told apart; some 4 and 8 MB.
const TOLD_APART: usize = 1 << 16;
/// Room for so many is there from the start: as many drops as are told in a second.
const AT_FIRST: usize = 1 << 10;

/// What events tell beyond the totals.
#[derive(Debug, Default)]
pub struct Tally {
    events: u64,
    clients: Distinct<IpAddr>,
    /// The client of the latest event.
    latest: Option<IpAddr>,
    connections: Distinct<Connection>,
    listeners: HashMap<ListenerId, Known>,
}

/// `::ffff:0.0.0.0`
const V4_MAPPED: u128 = 0xffff << 32;

/// A connection in a form that is told apart, and kept, for less than half of what addresses take.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Connection {
    netns: Option<u32>,
    /// Ports and IP versions.
    ends: u64,
    /// Addresses, IPv4 ones v4-mapped.
    local: u128,
    peer: u128,
}

impl Connection {
    fn new(netns: Option<u32>, packet: &Packet) -> Self {
        let [(local, one), (peer, other)] = [packet.local, packet.peer].map(|end| {
            let (ip, version) = match end.ip() {
                IpAddr::V4(ip) => (V4_MAPPED | u128::from(ip.to_bits()), 4),
                IpAddr::V6(ip) => (ip.to_bits(), 6),
            };
            (ip, version << 16 | u64::from(end.port()))
        });
        Self { netns, ends: one << 32 | other, local, peer }
    }
}

/// Different things, of which so many are told apart.
///
/// Clients choose them. What they would have to know to choose such as collide is drawn anew by every
/// run, and nothing of it shows outside.
#[derive(Debug)]
struct Distinct<T> {
    seen: HashSet<T>,
    left_out: bool,
}

impl<T> Default for Distinct<T> {
    fn default() -> Self {
        Self { seen: HashSet::with_capacity(AT_FIRST), left_out: false }
    }
}

impl<T: Eq + Hash> Distinct<T> {
    /// One of them, or one that is unknown.
    fn add(&mut self, one: Option<T>) {
        match one {
            Some(one) if self.seen.len() < TOLD_APART => _ = self.seen.insert(one),
            Some(one) => self.left_out = self.left_out || !self.seen.contains(&one),
            None => self.left_out = true,
        }
    }

    /// How many; `whole` says whether there was an event of each.
    fn count(&self, whole: bool) -> Number {
        Number { count: self.seen.len() as u64, exact: whole && !self.left_out }
    }
}

/// What the latest event of a listener said about it.
#[derive(Debug, Default, Clone)]
struct Known {
    cookie: Option<u64>,
    limit: Option<u32>,
    owner: Arc<Owner>,
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
    /// What was given to `listen()`, where the call was seen.
    pub asked: Option<u32>,
    /// Who holds it.
    pub owner: Owner,
    /// How many, most first.
    pub drops: Vec<ReasonTotal>,
    /// How many of them have no event because the rate of detail was used up.
    pub sampled_out: u64,
}

/// How many different ones there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number {
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
    /// Of how many clients, told apart by their addresses.
    pub clients: Number,
    /// Of how many connections, told apart by addresses and ports: a client that repeats its SYN
    /// is one.
    pub connections: Number,
    /// Notices, most first. They are no drops.
    pub notices: Vec<ReasonTotal>,
}

impl Tally {
    /// Takes note of an event.
    pub fn add(&mut self, incident: &Incident) {
        let drop = &incident.drop;
        if !drop.reason.is_notice() {
            self.events += 1;
            let (packet, netns) = (drop.packet, drop.listener.netns);
            let client = packet.map(|packet| packet.peer.ip());
            // Once is enough for who comes again and again.
            if client.is_none() || client != self.latest {
                self.clients.add(client);
                self.latest = client;
            }
            self.connections.add(packet.map(|packet| Connection::new(netns, &packet)));
        }
        let room = self.listeners.len() < ebpf_probes::TOTALS_MAX as usize;
        let known = match self.listeners.get_mut(&drop.listener) {
            Some(known) => known,
            None if room => self.listeners.entry(drop.listener).or_default(),
            None => return,
        };
        known.cookie = drop.cookie.or(known.cookie);
        known.limit = drop.accept.map(|queue| queue.limit).or(known.limit);
        if known.owner != incident.owner && *incident.owner != Owner::default() {
            known.owner = Arc::clone(&incident.owner);
        }
    }

    /// How many events of drops there were.
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// Adds up what was counted. `owner` is asked about listeners that no event told of.
    pub fn totals(
        &self,
        snapshot: &Snapshot,
        mut owner: impl FnMut(&ListenerId) -> Owner,
    ) -> Totals {
        let (mut drops, mut notices) = (Vec::new(), Vec::new());
        let mut listeners: HashMap<ListenerId, (Vec<ReasonTotal>, u64)> = HashMap::new();
        for total in snapshot.totals.iter().filter(|total| total.bucket.shown) {
            let bucket = &total.bucket;
            let inferred = if bucket.evidence == Evidence::Inferred { total.count } else { 0 };
            let add = ReasonTotal { reason: bucket.reason, count: total.count, inferred };
            if bucket.reason.is_notice() {
                merge(&mut notices, add);
                continue;
            }
            merge(&mut drops, add);
            let (drops, sampled_out) = listeners.entry(bucket.listener).or_default();
            merge(drops, add);
            self::add(sampled_out, total.sampled_out);
        }
        most_first(&mut drops);
        most_first(&mut notices);
        let by_listener = listeners.into_iter().map(|(id, (mut drops, sampled_out))| {
            let mut known = self.listeners.get(&id).cloned().unwrap_or_default();
            if *known.owner == Owner::default() {
                known.owner = owner(&id).into();
            }
            most_first(&mut drops);
            let Known { cookie, limit, owner } = known;
            let owner = Arc::unwrap_or_clone(owner);
            let asked = snapshot.backlogs.of(&id);
            ListenerTotal { id, cookie, limit, asked, owner, drops, sampled_out }
        });
        let mut by_listener: Vec<ListenerTotal> = by_listener.collect();
        by_listener.sort_by_key(|it| (std::cmp::Reverse(it.count()), it.id.bound, it.id.inode));
        let counted = sum(drops.iter().map(|total| total.count));
        let lost = snapshot.losses.events().saturating_add(snapshot.losses.sampled_out);
        let whole = lost == 0 && self.events >= counted;
        let (clients, connections) = (self.clients.count(whole), self.connections.count(whole));
        Totals { drops, by_listener, clients, connections, notices }
    }
}

impl ListenerTotal {
    /// Whether `somaxconn` clipped what was given to `listen()`; `None` if that is not known.
    pub fn clipped(&self) -> Option<bool> {
        self.asked.zip(self.limit).map(|(asked, limit)| asked > limit)
    }

    /// Drops of all reasons.
    pub fn count(&self) -> u64 {
        sum(self.drops.iter().map(|total| total.count))
    }
}

impl Totals {
    /// Drops of all reasons.
    pub fn count(&self) -> u64 {
        sum(self.drops.iter().map(|total| total.count))
    }
}

/// Adds to a count. No kernel counts as far, but a recording can say anything.
pub(crate) const fn add(to: &mut u64, count: u64) {
    *to = to.saturating_add(count);
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn merge(totals: &mut Vec<ReasonTotal>, add: ReasonTotal) {
    match totals.iter_mut().find(|total| total.reason == add.reason) {
        Some(total) => {
            self::add(&mut total.count, add.count);
            self::add(&mut total.inferred, add.inferred);
        }
        None => totals.push(add),
    }
}

fn most_first(totals: &mut [ReasonTotal]) {
    totals.sort_by_key(|total| (std::cmp::Reverse(total.count), total.reason));
}

#[cfg(test)]
mod tests;
