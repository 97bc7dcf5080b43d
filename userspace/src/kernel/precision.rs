//! Which reasons can be named surely on this kernel.
//!
//! Nothing is listed by hand: for each reason the facts that a kernel with every hook would leave
//! behind are cut down to what is watched here, and the decision tables that run in the kernel
//! are asked what they make of them.

use ebpf_probes::{Counter, Evidence, Facts, Milestone, Milestones, Reason, Verdict};

/// What becomes less sure.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Precision {
    /// Reasons that are deduced from state, at least at times.
    pub inferred: Vec<Reason>,
    /// Reasons that are called otherwise, or nothing, at least at times.
    pub unobservable: Vec<Reason>,
}

impl Precision {
    /// What concerns these reasons.
    #[must_use]
    pub fn only(mut self, wanted: impl Fn(&Reason) -> bool) -> Self {
        self.inferred.retain(&wanted);
        self.unobservable.retain(&wanted);
        self
    }
}

/// One way in which a drop happens.
struct Case {
    reason: Reason,
    judge: fn(&Facts) -> Option<Verdict>,
    passed: &'static [Milestone],
    moved: &'static [Counter],
    /// Length of the accept queue and of the SYN queue, where the limit of both is [`LIMIT`].
    lengths: (u32, u32),
    syncookies: u32,
}

const LIMIT: u32 = 8;

/// What most cases have in common.
const USUAL: Case = Case {
    reason: Reason::Unattributed,
    judge: ebpf_probes::conn_request,
    passed: &[],
    moved: &[],
    lengths: (0, 0),
    syncookies: 0,
};

mod ack;
mod before;
mod cookie;
mod request;
mod syn;

/// Every way in which each reason shows.
const CASES: &[&[Case]] = &[syn::CASES, ack::CASES, cookie::CASES, request::CASES, before::CASES];

impl Case {
    fn verdict(&self, watched: u64, counted: bool) -> Option<Verdict> {
        let passed = self.passed.iter().fold(0, |bits, milestone| bits | milestone.bit());
        let mut facts = Facts {
            passed: Milestones(passed & watched),
            watched: Milestones(watched),
            counted: u32::from(counted),
            accept_len: self.lengths.0,
            accept_limit: LIMIT,
            syn_len: self.lengths.1,
            syncookies: self.syncookies,
            ..Facts::default()
        };
        if counted {
            for &counter in self.moved {
                facts.moved[counter as usize] = 1;
            }
        }
        (self.judge)(&facts)
    }
}

/// The precision where these milestones are watched, with or without the kernel's counters.
pub fn of(watched: u64, counted: bool) -> Precision {
    let mut precision = Precision::default();
    for &reason in Reason::ALL {
        let verdicts =
            CASES.iter().copied().flatten().filter(|case| case.reason == reason).map(|case| {
                case.verdict(watched, counted).filter(|verdict| verdict.reason == reason)
            });
        let mut inferred = false;
        let mut unobservable = false;
        for verdict in verdicts {
            match verdict.map(|verdict| verdict.evidence) {
                Some(Evidence::Observed) => {}
                Some(Evidence::Inferred) => inferred = true,
                None => unobservable = true,
            }
        }
        if unobservable {
            precision.unobservable.push(reason);
        } else if inferred {
            precision.inferred.push(reason);
        }
    }
    precision
}
