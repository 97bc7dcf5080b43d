//! Where the counters stood at the start, and how far they moved since.

use std::collections::BTreeMap;

use super::{Namespaces, TcpExt};

/// The counters of all namespaces at the start.
#[derive(Debug)]
pub struct Baseline {
    /// `None` for one that was seen but could not be read.
    start: BTreeMap<u32, Option<TcpExt>>,
    complete: bool,
}

impl Baseline {
    /// Of what was read, namespace by namespace, after they were looked for.
    pub fn new(start: BTreeMap<u32, Option<TcpExt>>, namespaces: &Namespaces) -> Self {
        Self { start, complete: namespaces.complete() }
    }

    #[cfg(test)]
    pub(super) fn of(namespaces: &Namespaces) -> Self {
        let start = namespaces.inums().map(|netns| (netns, namespaces.counters(netns).ok()));
        Self::new(start.collect(), namespaces)
    }

    /// How far a namespace's counters moved from the start until now, or `None` if that is not
    /// known.
    ///
    /// A namespace that was not there at the start began at zero. That is only assumed where
    /// nothing kept the look around at the start from seeing all processes and names; it is wrong
    /// for a namespace that was there, but kept alive by an open file, a socket or one thread
    /// alone. It is not known either of a namespace that vanished, could not be read, or whose
    /// number was given to another one meanwhile, as far as its counters show it by being lower.
    pub fn delta(&self, now: &Namespaces, netns: u32) -> Option<TcpExt> {
        let start = match self.start.get(&netns) {
            Some(start) => (*start)?,
            None if self.complete => TcpExt::default(),
            None => return None,
        };
        now.counters(netns).ok()?.since(&start)
    }
}
