//! Tables of facts and the verdict that each must give.

use super::Verdict;
use crate::counter::Counter;
use crate::facts::{Facts, Milestone, Milestones};
use crate::reason::{Evidence, Reason};

mod ack;
mod before;
mod cookie;
mod request;
mod syn;

/// As on a kernel where every hook is attached and counters are read.
fn seen(passed: &[Milestone], moved: &[Counter]) -> Facts {
    let mut facts =
        Facts { passed: set(passed), watched: set(Milestone::ALL), counted: 1, ..Facts::default() };
    for counter in moved {
        facts.moved[*counter as usize] = 1;
    }
    facts
}

fn set(milestones: &[Milestone]) -> Milestones {
    milestones.iter().fold(Milestones::default(), |set, milestone| set.with(*milestone))
}

fn without(facts: Facts, unwatched: &[Milestone]) -> Facts {
    Facts { watched: Milestones(facts.watched.0 & !set(unwatched).0), ..facts }
}

fn uncounted(facts: Facts) -> Facts {
    Facts { counted: 0, ..facts }
}

fn brief(verdict: Option<Verdict>) -> Option<(Reason, Evidence)> {
    verdict.map(|verdict| (verdict.reason, verdict.evidence))
}
