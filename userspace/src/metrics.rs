//! What Prometheus is told at a scrape: series with few labels, and counters that never go back.
//!
//! Counters are the kernel's own totals since the start, gauges are the listeners as they are now.
//! How many series there can be is bounded: the listeners beyond a maximum are summed up.

use std::collections::{BTreeMap, BTreeSet};

use ebpf_probes::Reason;

use crate::decode::{Listener, ListenerId};
use crate::enrich::OwnedListener;
use crate::reconcile::{Balance, reconcile};
use crate::source::Snapshot;

mod places;

pub use places::{OTHER, Place, Places};

/// Reasons that a listener has a series of from its beginning: the growth of a counter that was
/// not there before is not seen by `rate()`.
pub const FROM_THE_START: [Reason; 5] = [
    Reason::AcceptQueueFullSyn,
    Reason::AcceptQueueFullAck,
    Reason::CookieAckAcceptQueueFull,
    Reason::SynQueueFull,
    Reason::SynBacklogReserved,
];

/// Both queues of the listeners that share a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queues {
    /// Connections that wait for `accept()`, and the sum of the limits.
    pub accept: Option<(u64, u64)>,
    /// Half-open connections, and the sum of the limits.
    pub syn: Option<(u64, u64)>,
}

/// Who holds a listener.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// Which listener.
    pub place: Place,
    /// The name of the process.
    pub comm: String,
    /// Its cgroup; empty if unknown.
    pub cgroup: String,
    /// Its container; empty if there is none.
    pub container: String,
}

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct Scrape {
    /// Drops since the start.
    pub drops: BTreeMap<(Place, Reason), u64>,
    /// Notices since the start.
    pub notices: BTreeMap<(Place, Reason), u64>,
    /// Queues now.
    pub queues: BTreeMap<Place, Queues>,
    /// Owners now.
    pub owners: BTreeSet<Identity>,
    /// What the kernel counted and no drop explains, by namespace and counter.
    pub unexplained: BTreeMap<(u32, &'static str), u64>,
    /// Drops that found no room in the totals.
    pub uncounted: u64,
    /// Events that got lost; totals have them.
    pub lost: u64,
    /// Calls of probes of which nothing was learned.
    pub missed: u64,
    /// Seconds that each program ran, where the kernel measures it.
    pub run_seconds: Vec<(String, f64)>,
    /// Listeners that are summed up in [`OTHER`].
    pub folded: u64,
    /// Digest of the BPF object.
    pub object_sha256: &'static str,
}

/// What is kept from scrape to scrape.
#[derive(Debug)]
pub struct Gatherer {
    places: Places,
    /// What was left over of a counter the last time, and what was told of it.
    left: BTreeMap<(u32, &'static str), (u64, u64)>,
}

impl Gatherer {
    /// For so many listeners.
    pub fn new(listeners_max: usize) -> Self {
        Self { places: Places::new(listeners_max), left: BTreeMap::new() }
    }

    /// Puts together what was counted and what there is now.
    pub fn gather(&mut self, snapshot: &Snapshot, listeners: &[OwnedListener]) -> Scrape {
        let mut scrape = Scrape::default();
        let counted = snapshot.totals.iter().filter(|total| total.bucket.shown);
        let dropped: Vec<ListenerId> = counted.clone().map(|it| it.bucket.listener).collect();
        self.places.begin(&dropped, listeners.iter().map(|row| &row.listener.id));
        for total in counted {
            let (reason, place) = (total.bucket.reason, self.places.of(&total.bucket.listener));
            let of = if reason.is_notice() { &mut scrape.notices } else { &mut scrape.drops };
            *of.entry((place, reason)).or_default() += total.count;
        }
        for OwnedListener { listener, holder } in listeners {
            let place = self.places.of(&listener.id);
            for reason in FROM_THE_START {
                scrape.drops.entry((place.clone(), reason)).or_default();
            }
            add(scrape.queues.entry(place.clone()).or_default(), listener);
            if let Some(holder) = holder.as_ref().filter(|_| !place.is_other()) {
                let process = &holder.first;
                scrape.owners.insert(Identity {
                    place,
                    comm: process.comm.clone(),
                    cgroup: process.membership.path.clone().unwrap_or_default(),
                    container: process.membership.container.clone().unwrap_or_default(),
                });
            }
        }
        scrape.folded = self.places.folded();
        scrape.unexplained = self.unexplained(snapshot);
        scrape.uncounted = snapshot.losses.totals_full;
        scrape.lost = snapshot.losses.events();
        scrape.missed = snapshot.losses.probes();
        scrape
    }

    /// What is left over twice in a row. Under load the kernel may count between two readings, and
    /// a counter must not take back what it said.
    fn unexplained(&mut self, snapshot: &Snapshot) -> BTreeMap<(u32, &'static str), u64> {
        for line in reconcile(snapshot) {
            let left = match line.balance() {
                Balance::LeftOver(left) => left,
                Balance::Even | Balance::InFlight(_) | Balance::Excess(_) => 0,
                Balance::Unknown => continue,
            };
            let (before, told) =
                self.left.get(&(line.netns, line.counter.name())).copied().unwrap_or((0, 0));
            self.left.insert((line.netns, line.counter.name()), (left, told.max(left.min(before))));
        }
        self.left.iter().map(|(&key, &(_, told))| (key, told)).collect()
    }
}

fn add(queues: &mut Queues, listener: &Listener) {
    let limit = listener.accept.map(|queue| u64::from(queue.limit));
    let grown = |sum: Option<(u64, u64)>, len: u32, limit: u64| {
        let (lens, limits) = sum.unwrap_or_default();
        Some((lens + u64::from(len), limits + limit))
    };
    if let Some(queue) = listener.accept {
        queues.accept = grown(queues.accept, queue.len, queue.limit.into());
    }
    if let Some((len, limit)) = listener.syn_len.zip(limit) {
        queues.syn = grown(queues.syn, len, limit);
    }
}

#[cfg(test)]
mod tests;
