//! Whether a run passes: so many drops, of these reasons, are one too many.

use ebpf_probes::Reason;

use crate::source::Losses;
use crate::totals::Totals;

/// What a run must keep to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gate {
    /// Drops that are let pass.
    pub allowed: u64,
    /// The reasons that count; all if it is empty.
    pub only: Vec<Reason>,
}

/// How a run kept to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Drops that count.
    pub counted: u64,
    /// Drops that were let pass.
    pub allowed: u64,
}

impl Gate {
    /// Whether drops of this reason count.
    pub fn counts(&self, reason: Reason) -> bool {
        self.only.is_empty() || self.only.contains(&reason)
    }

    /// Judges a run. Drops that found no room in the totals have no reason, and count: a gate that
    /// is in doubt stays shut.
    pub fn judge(&self, totals: &Totals, losses: &Losses) -> Verdict {
        let named = totals.drops.iter().filter(|total| self.counts(total.reason));
        let named = named.map(|total| total.count).fold(0, u64::saturating_add);
        Verdict { counted: named.saturating_add(losses.totals_full), allowed: self.allowed }
    }
}

impl Verdict {
    /// Whether the run passes.
    pub const fn passed(self) -> bool {
        self.counted <= self.allowed
    }
}

#[cfg(test)]
mod tests {
    use ebpf_probes::Reason;

    use super::Gate;
    use crate::render::sample::summary;
    use crate::source::Losses;

    fn passes(allowed: u64, only: &[Reason], totals_full: u64) -> bool {
        let gate = Gate { allowed, only: only.to_vec() };
        let losses = Losses { totals_full, ..Losses::default() };
        gate.judge(&summary().totals, &losses).passed()
    }

    #[test]
    fn as_many_as_allowed_pass_and_one_more_does_not() {
        let all: u64 = summary().totals.drops.iter().map(|total| total.count).sum();
        assert!(passes(all, &[], 0));
        assert!(!passes(all - 1, &[], 0));
        assert!(!passes(all, &[], 1), "one more is known only to have happened");
    }

    #[test]
    fn other_reasons_than_the_named_ones_do_not_count() {
        assert!(passes(0, &[Reason::SynNoRoute], 0));
        assert!(!passes(0, &[Reason::SynNoRoute, Reason::AcceptQueueFullSyn], 0));
        assert!(!passes(0, &[Reason::SynNoRoute], 1));
    }
}
