//! What a drop's record does not hold: the time on the wall clock, and who owns the listener.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::decode::{Listener, ListenerId, SynDrop};
use crate::filter::OwnerFilter;
use crate::incident::{Incident, Owner};
use crate::source::Total;

mod census;
mod cgroup;
mod chosen;
mod clock;
mod descriptors;
mod holders;

pub use census::{Census, Holder, Process};
pub use cgroup::Membership;

use chosen::Chosen;
use clock::WallClock;
use holders::Holders;

/// A listener and who holds it.
#[derive(Debug, Clone)]
pub struct OwnedListener {
    /// The listener.
    pub listener: Listener,
    /// Its holders, if any could be seen.
    pub holder: Option<Holder>,
}

impl OwnedListener {
    /// Whether a wanted process holds it.
    pub fn is_of(&self, wanted: &OwnerFilter) -> bool {
        let takes = |it: &Process| wanted.takes(Some(it.pid), Some(&it.comm));
        wanted.is_any() || self.holder.as_ref().is_some_and(|holder| holder.processes().any(takes))
    }
}

/// Finds out who holds each of these listeners now.
pub fn owned(listeners: Vec<Listener>) -> Vec<OwnedListener> {
    let sockets = listeners.iter().filter_map(|listener| listener.id.inode).collect();
    let census = Census::take(&sockets);
    let holder = |listener: &Listener| census.holder(listener.id.inode?).cloned();
    let owned = |listener| OwnedListener { listener, holder: holder(&listener) };
    listeners.into_iter().map(owned).collect()
}

/// Makes incidents of drops.
#[derive(Debug)]
pub struct Enricher {
    clock: WallClock,
    holders: Holders,
    chosen: Chosen,
    now: Instant,
}

impl Default for Enricher {
    fn default() -> Self {
        Self::of(OwnerFilter::default())
    }
}

impl Enricher {
    /// One that knows whose listeners are wanted.
    pub fn of(wanted: OwnerFilter) -> Self {
        let proc = PathBuf::from("/proc");
        Self {
            clock: WallClock::default(),
            holders: Holders::new(proc.clone()),
            chosen: Chosen::new(proc, wanted),
            now: Instant::now(),
        }
    }

    /// Whether a wanted process holds a listener, or did at an earlier look; `None` if it could not
    /// be found out.
    pub fn chooses(&mut self, listener: &ListenerId) -> Option<bool> {
        self.chosen.judge(listener, self.now)
    }

    /// Hides the totals of listeners that no wanted process holds.
    pub fn choose(&mut self, totals: &mut [Total]) {
        self.refresh();
        for total in totals.iter_mut().filter(|total| total.bucket.shown) {
            total.bucket.shown = self.chooses(&total.bucket.listener) == Some(true);
        }
    }

    /// Whether that was found out before.
    pub fn has_judged(&self, listener: &ListenerId) -> bool {
        self.chosen.has_judged(listener)
    }

    /// A new batch of drops begins: what was found out earlier is looked at afresh, once.
    pub fn refresh(&mut self) {
        self.clock.refresh();
        self.now = Instant::now();
    }

    /// Adds what the record does not hold.
    pub fn incident(&mut self, drop: SynDrop) -> Incident {
        let owner = self.owner(&drop.listener);
        Incident { time: self.clock.at(drop.boot_ns), drop, owner }
    }

    /// Who owns a listener now.
    pub fn owner(&mut self, listener: &ListenerId) -> Arc<Owner> {
        match listener.inode {
            Some(inode) => self.holders.of(inode, self.now),
            None => self.holders.nobody(),
        }
    }
}
