//! What `syndrop --json` recorded beside a lab, as far as labs are judged by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// Counters of the kernel that only move when a listener refuses something.
const OF_LISTENERS: [&str; 3] = ["ListenOverflows", "ListenDrops", "TCPReqQFullDrop"];

/// A recording: its lines, and the same as a person sees it.
#[derive(Debug, Deserialize)]
pub(super) struct Recording {
    lines: Vec<Line>,
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Drop(Event),
    Notice(Event),
    Summary(Summary),
    #[serde(other)]
    Other,
}

/// A refused packet, or what is worth knowing and no drop.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Event {
    pub(super) reason: String,
    pub(super) outcome: Option<String>,
    pub(super) local: End,
    pub(super) peer: End,
    pub(super) accept_queue: Queue,
    pub(super) syn_queue: Queue,
    pub(super) listener: Owner,
    pub(super) attempt: Option<u64>,
}

/// One end of a connection.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct End {
    pub(super) port: u16,
}

/// A queue's length and limit, where they could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) struct Queue {
    pub(super) len: Option<u32>,
    pub(super) limit: Option<u32>,
}

impl Queue {
    /// A queue that is so long, of so much.
    pub(super) fn is(self, len: u32, limit: u32) -> bool {
        (self.len, self.limit) == (Some(len), Some(limit))
    }
}

/// Who holds a listener.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Owner {
    pub(super) pid: Option<u32>,
    pub(super) comm: Option<String>,
}

/// The last line.
#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    pub(super) drops: BTreeMap<String, u64>,
    pub(super) notices: BTreeMap<String, u64>,
    pub(super) by_listener: Vec<Listener>,
    counters: Vec<Counter>,
    lost_events: u64,
    missed_probes: u64,
}

/// A listener's share of the summary.
#[derive(Debug, Deserialize)]
pub(super) struct Listener {
    pub(super) local: Option<End>,
    /// What was given to listen(), and whether that was cut.
    pub(super) asked: Option<u32>,
    pub(super) clipped: Option<bool>,
    #[serde(default)]
    pub(super) drops: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Counter {
    name: String,
    /// `None` where its namespace has gone.
    kernel: Option<u64>,
    explained: u64,
}

impl Recording {
    /// Every drop that was told, in order.
    pub(super) fn drops(&self) -> impl Iterator<Item = &Event> {
        self.lines
            .iter()
            .filter_map(|line| if let Line::Drop(event) = line { Some(event) } else { None })
    }

    /// Every notice that was told, in order.
    pub(super) fn notices(&self) -> impl Iterator<Item = &Event> {
        self.lines
            .iter()
            .filter_map(|line| if let Line::Notice(event) = line { Some(event) } else { None })
    }

    /// The last line, without which a recording is cut short.
    pub(super) fn summary(&self) -> Option<&Summary> {
        self.lines
            .iter()
            .find_map(|line| if let Line::Summary(it) = line { Some(it) } else { None })
    }

    /// Exact number of drops for a reason.
    pub(super) fn count(&self, reason: &str) -> u64 {
        self.summary().and_then(|it| it.drops.get(reason).copied()).unwrap_or(0)
    }

    /// Exact number of all drops.
    pub(super) fn total(&self) -> u64 {
        self.summary().map_or(0, |it| it.drops.values().sum())
    }

    /// Exact number of drops at the listener of a port.
    pub(super) fn total_at(&self, port: u16) -> u64 {
        let rows = self.summary().into_iter().flat_map(|it| &it.by_listener);
        rows.filter(|row| row.local.as_ref().is_some_and(|end| end.port == port))
            .flat_map(|row| row.drops.values())
            .sum()
    }

    /// What is said of the listener of a port.
    pub(super) fn listener(&self, port: u16) -> Option<&Listener> {
        let mut rows = self.summary()?.by_listener.iter();
        rows.find(|row| row.local.as_ref().is_some_and(|end| end.port == port))
    }

    /// The reasons for which packets from this port of the client were refused.
    pub(super) fn reasons_of_peer(&self, port: u16) -> BTreeSet<&str> {
        self.drops().filter(|it| it.peer.port == port).map(|it| it.reason.as_str()).collect()
    }

    /// A counter of the kernel, in all namespaces, and how much of it the drops explain.
    pub(super) fn counter(&self, name: &str) -> (u64, u64) {
        let rows = self.summary().into_iter().flat_map(|it| &it.counters);
        rows.filter(|row| row.name == name).fold((0, 0), |(kernel, explained), row| {
            (kernel + row.kernel.unwrap_or(0), explained + row.explained)
        })
    }

    /// What is wrong with it as evidence, if anything: lost events, or counters that drops do not
    /// explain to the last packet.
    pub(super) fn flaws(&self) -> Vec<String> {
        let Some(summary) = self.summary() else {
            return vec!["syndrop's recording has no summary".to_owned()];
        };
        let mut flaws = Vec::new();
        if (summary.lost_events, summary.missed_probes) != (0, 0) {
            let (lost, missed) = (summary.lost_events, summary.missed_probes);
            flaws.push(format!("syndrop lost {lost} events and missed {missed} probes"));
        }
        // The others count more than what listeners refuse, PAWSEstab for instance.
        for row in summary.counters.iter().filter(|row| OF_LISTENERS.contains(&row.name.as_str())) {
            let kernel = row.kernel.unwrap_or(row.explained);
            if kernel != row.explained {
                flaws.push(format!("{} of {kernel} {} explained", row.explained, row.name));
            }
        }
        flaws
    }
}
