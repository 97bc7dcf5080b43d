//! Which listener has series of its own: as many as there is room for, first come, first served.
//!
//! Whatever has dropped something keeps its place for good, because its counters stay. A listener
//! that never did gives its place back when it is gone.

use std::collections::{BTreeMap, BTreeSet};

use crate::decode::ListenerId;

/// The label of all that have no place of their own.
pub const OTHER: &str = "other";

/// A listener as labels name it: all sockets that are bound to the same address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Address and port, or [`OTHER`].
    pub listener: String,
    /// Inode number of the network namespace, or [`OTHER`].
    pub netns: String,
}

impl Place {
    /// The place of those that have none.
    pub fn other() -> Self {
        Self { listener: OTHER.to_owned(), netns: OTHER.to_owned() }
    }

    /// Whether it is that one.
    pub fn is_other(&self) -> bool {
        self.listener == OTHER
    }

    fn own(listener: &ListenerId) -> Self {
        let unknown = || "unknown".to_owned();
        Self {
            listener: listener.bound.map_or_else(unknown, |bound| bound.to_string()),
            netns: listener.netns.map_or_else(unknown, |netns| netns.to_string()),
        }
    }
}

/// Places that are taken.
#[derive(Debug)]
pub struct Places {
    max: usize,
    /// Whether counters hold it.
    taken: BTreeMap<Place, bool>,
    /// Those that dropped something while there was no room: their counts are in [`OTHER`] for
    /// good, and to move them would make a counter go back. As many as the totals can hold.
    folded: BTreeSet<Place>,
    /// Those that there is no room for now.
    waiting: BTreeSet<Place>,
}

impl Places {
    /// So many.
    pub const fn new(max: usize) -> Self {
        Self { max, taken: BTreeMap::new(), folded: BTreeSet::new(), waiting: BTreeSet::new() }
    }

    /// A new look: those that dropped something, and those that there are.
    pub fn begin<'a>(
        &mut self,
        dropped: &[ListenerId],
        there: impl Iterator<Item = &'a ListenerId>,
    ) {
        let there: BTreeSet<Place> = there.map(Place::own).collect();
        self.taken.retain(|place, counted| *counted || there.contains(place));
        for place in dropped.iter().map(Place::own).collect::<BTreeSet<_>>() {
            let room = self.taken.len() < self.max;
            if self.folded.contains(&place) {
                continue;
            }
            match self.taken.get_mut(&place) {
                Some(counted) => *counted = true,
                None if room => _ = self.taken.insert(place, true),
                None => _ = self.folded.insert(place),
            }
        }
        self.waiting.clear();
        for place in there {
            if self.taken.contains_key(&place) || self.folded.contains(&place) {
                continue;
            }
            if self.taken.len() < self.max {
                self.taken.insert(place, false);
            } else {
                self.waiting.insert(place);
            }
        }
    }

    /// The place of a listener.
    pub fn of(&self, listener: &ListenerId) -> Place {
        let own = Place::own(listener);
        if self.taken.contains_key(&own) { own } else { Place::other() }
    }

    /// How many have none.
    pub fn folded(&self) -> u64 {
        (self.folded.len() + self.waiting.len()) as u64
    }
}
