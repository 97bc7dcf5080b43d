//! A listener as it is shown: its queues now, its drops so far.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use ebpf_probes::Reason;
use jiff::Timestamp;

use super::history::History;
use crate::decode::{AcceptQueue, Listener, ListenerId, SynDrop, Sysctls};
use crate::enrich::OwnedListener;
use crate::incident::{Incident, Owner};
use crate::totals::ReasonTotal;

/// Clients that are remembered of each listener.
const CLIENTS: usize = 32;

/// What tells rows apart: the most telling thing that is known of a listener. Drops and surveys
/// know an inode number of the same socket, whereas its address in the kernel is not told to
/// everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// The inode number of its socket, which no two sockets of a machine share.
    Inode(u64),
    /// Where its `struct sock` is.
    Sock(u64),
    /// Its network namespace and address; nothing at all for what is of no listener.
    Place(Option<u32>, Option<SocketAddr>),
}

impl From<&ListenerId> for Key {
    fn from(id: &ListenerId) -> Self {
        match (id.inode, id.sock) {
            (Some(inode), _) => Self::Inode(inode),
            (None, 0) => Self::Place(id.netns, id.bound),
            (None, sock) => Self::Sock(sock),
        }
    }
}

/// How a listener stands at the latest look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was looked at.
    Listens,
    /// It was there earlier.
    Closed,
    /// Only drops tell of it so far: it is out of sight, or ended at once.
    Unseen,
}

/// Drops of one reason.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReasonRow {
    /// Which, and how many since the start.
    pub total: ReasonTotal,
    /// How many a second lately.
    pub rate: f64,
}

/// One refused packet, or a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// When.
    pub time: Timestamp,
    /// What happened.
    pub drop: SynDrop,
}

/// A listener.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Which one.
    pub id: ListenerId,
    /// Whether it still listens.
    pub standing: Standing,
    /// Its accept queue, as it was seen last.
    pub accept: Option<AcceptQueue>,
    /// Requests in its SYN queue.
    pub syn_len: Option<u32>,
    /// Those of them whose SYN-ACK was not repeated yet.
    pub syn_young: Option<u32>,
    /// The settings of its namespace.
    pub sysctls: Sysctls,
    /// Who holds it.
    pub owner: Owner,
    /// How many more processes do.
    pub more_owners: usize,
    /// Its systemd unit.
    pub unit: Option<String>,
    /// How long a connection lately waited for `accept()`, if somebody measures it.
    pub accept_latency: Option<Duration>,
    /// Drops since the start, exactly.
    pub drops: u64,
    /// Drops a second lately.
    pub rate: f64,
    /// Of which reasons, most first.
    pub reasons: Vec<ReasonRow>,
    /// Drops of the latest intervals.
    pub history: History,
    /// The latest of its clients, the latest first.
    pub clients: VecDeque<Client>,
}

impl Row {
    pub(super) fn new(id: ListenerId) -> Self {
        Self {
            id,
            standing: Standing::Unseen,
            accept: None,
            syn_len: None,
            syn_young: None,
            sysctls: Sysctls::default(),
            owner: Owner::default(),
            more_owners: 0,
            unit: None,
            accept_latency: None,
            drops: 0,
            rate: 0.0,
            reasons: Vec::new(),
            history: History::default(),
            clients: VecDeque::new(),
        }
    }

    /// What tells it from others.
    pub fn key(&self) -> Key {
        Key::from(&self.id)
    }

    /// The listener as a survey tells of it.
    pub fn listener(&self) -> Listener {
        Listener {
            id: self.id,
            cookie: None,
            uid: None,
            accept: self.accept,
            syn_len: self.syn_len,
            syn_young: self.syn_young,
            sysctls: self.sysctls,
        }
    }

    /// A survey met it.
    pub(super) fn seen(&mut self, found: &OwnedListener) {
        let Listener { id, accept, syn_len, syn_young, sysctls, .. } = found.listener;
        self.id = id;
        self.standing = Standing::Listens;
        (self.accept, self.syn_len, self.syn_young, self.sysctls) =
            (accept, syn_len, syn_young, sysctls);
        let Some(holder) = &found.holder else { return };
        let process = &holder.first;
        self.owner = Owner {
            pid: Some(process.pid),
            comm: Some(process.comm.clone()),
            cgroup: process.membership.path.clone(),
            container: process.membership.container.clone(),
        };
        self.unit.clone_from(&process.membership.unit);
        self.more_owners = holder.pids.len().saturating_sub(1);
    }

    /// An event told of it. What a survey says of a listener that it sees is newer.
    pub(super) fn met(&mut self, incident: &Incident) {
        let drop = &incident.drop;
        if self.standing != Standing::Listens {
            self.accept = drop.accept.or(self.accept);
            self.syn_len = drop.syn_len.or(self.syn_len);
            self.syn_young = drop.syn_young.or(self.syn_young);
        }
        if self.owner == Owner::default() {
            self.owner.clone_from(&incident.owner);
        }
        self.clients.truncate(CLIENTS - 1);
        self.clients.push_front(Client { time: incident.time, drop: *drop });
    }

    /// So many drops were counted since the start, of which some since `elapsed`.
    pub(super) fn counted(&mut self, totals: &[ReasonTotal], elapsed: Duration) {
        let before = |reason: Reason| {
            let row = self.reasons.iter().find(|row| row.total.reason == reason);
            row.map_or(0, |row| row.total.count)
        };
        let reasons = totals.iter().map(|&total| {
            let more = total.count.saturating_sub(before(total.reason));
            ReasonRow { total, rate: per_second(more, elapsed) }
        });
        self.reasons = reasons.collect();
        let drops = totals.iter().map(|total| total.count).sum();
        let more = drops - self.drops.min(drops);
        self.history.push(more);
        self.rate = per_second(more, elapsed);
        self.drops = drops;
    }
}

/// So many in this time, as so many a second.
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub(super) fn per_second(count: u64, elapsed: Duration) -> f64 {
    if count == 0 { 0.0 } else { count as f64 / elapsed.as_secs_f64().max(0.001) }
}
