//! How much happened in each of the latest intervals.

use std::collections::VecDeque;

/// Intervals that are remembered: more than a line has columns.
const LENGTH: usize = 240;

/// The latest intervals, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History(VecDeque<u64>);

impl History {
    /// Another interval went by.
    pub(super) fn push(&mut self, count: u64) {
        // Nothing before the first that was something says nothing.
        if count == 0 && self.0.is_empty() {
            return;
        }
        if self.0.len() == LENGTH {
            self.0.pop_front();
        }
        self.0.push_back(count);
    }

    /// At most so many of the latest, the oldest of them first.
    pub fn latest(&self, at_most: usize) -> impl ExactSizeIterator<Item = u64> {
        self.0.iter().copied().skip(self.0.len().saturating_sub(at_most))
    }
}

#[cfg(test)]
mod tests {
    use super::{History, LENGTH};

    #[test]
    fn the_latest_are_remembered_from_the_first_that_was_something() {
        let mut history = History::default();
        history.push(0);
        assert_eq!(history.latest(3).len(), 0);
        for count in 1..=LENGTH as u64 + 2 {
            history.push(count);
        }
        assert_eq!(history.latest(usize::MAX).len(), LENGTH);
        assert_eq!(history.latest(2).collect::<Vec<_>>(), [LENGTH as u64 + 1, LENGTH as u64 + 2]);
    }
}
