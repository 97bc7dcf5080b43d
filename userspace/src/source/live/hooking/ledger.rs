//! What is still to be loaded and attached, and what comes next of it.

use std::borrow::Borrow;
use std::collections::VecDeque;

use crate::kernel::hooks::Kind;
use crate::kernel::{Attach, PlannedProbe};

/// What is attached before what. A later one is attached only once all of the earlier ones are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Milestone,
    Return,
    Entry,
}

impl Rank {
    fn of(hook: &impl Borrow<PlannedProbe>) -> Self {
        let probe = hook.borrow();
        match probe.kind {
            Kind::Entry if !probe.milestone => Self::Entry,
            _ if probe.milestone => Self::Milestone,
            Kind::Entry | Kind::Return => Self::Return,
        }
    }
}

/// How many shall wait to be attached before something is loaded that takes long: about so many are
/// attached meanwhile.
const AHEAD: usize = 3;

/// Hooks by how far they are.
pub(super) struct Ledger<H> {
    to_load: VecDeque<Numbered<H>>,
    /// Those that are being loaded.
    loading: Vec<&'static str>,
    /// Those that wait to be attached.
    loaded: Vec<Numbered<H>>,
    /// How many are being attached that keep a CPU busy, or must be attached one by one.
    alone: usize,
    /// How many things that keep a CPU busy may go on at once.
    cpus: usize,
    /// How many of each rank are not attached yet.
    left: [usize; 3],
    /// How many there are in all.
    all: usize,
}

/// A hook, and which one it is in the order of attaching.
pub(super) type Numbered<H> = (usize, H);

/// Something to be done.
pub(super) enum Job<H> {
    Load(Numbered<H>),
    Attach(H),
}

impl<H: Borrow<PlannedProbe>> Ledger<H> {
    /// Of hooks in the order of the plan, for so many CPUs.
    pub(super) fn new(mut hooks: Vec<H>, cpus: usize) -> Self {
        hooks.sort_by_key(Rank::of);
        let mut left = [0; 3];
        for hook in &hooks {
            left[Rank::of(hook) as usize] += 1;
        }
        let all = hooks.len();
        Self {
            to_load: hooks.into_iter().enumerate().collect(),
            loading: Vec::new(),
            loaded: Vec::new(),
            alone: 0,
            cpus,
            left,
            all,
        }
    }

    /// Whether all is attached.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.left, [0, 0, 0])
    }

    /// What can be done now, if anything can.
    pub(super) fn next(&mut self) -> Option<Job<H>> {
        if let Some(nth) = self.loaded.iter().position(|hook| self.may_attach(hook)) {
            let (_, hook) = self.loaded.swap_remove(nth);
            self.alone += usize::from(stands_alone(&hook));
            return Some(Job::Attach(hook));
        }
        if self.loading.len() + self.alone >= self.cpus {
            return None;
        }
        // Where little waits to be attached, what can be soonest is loaded next; or else what takes
        // longest, which are returns: they judge, and tell.
        let soonest = |hook: &Numbered<H>| self.is_next(Rank::of(&hook.1));
        let longest = |hook: &Numbered<H>| Rank::of(&hook.1) == Rank::Return;
        let nth = if self.loaded.iter().filter(|hook| soonest(hook)).count() >= AHEAD {
            self.to_load.iter().position(longest).unwrap_or(0)
        } else {
            self.to_load.iter().position(soonest).unwrap_or(0)
        };
        let hook = self.to_load.remove(nth)?;
        self.loading.push(hook.1.borrow().program);
        Some(Job::Load(hook))
    }

    /// It is loaded.
    pub(super) fn loaded(&mut self, hook: Numbered<H>) {
        self.loading.retain(|name| *name != hook.1.borrow().program);
        self.loaded.push(hook);
    }

    /// It is attached.
    pub(super) fn attached(&mut self, hook: &H) {
        self.left[Rank::of(hook) as usize] -= 1;
        self.alone -= usize::from(stands_alone(hook));
    }

    /// Whether all that is attached before such ones is.
    fn is_next(&self, rank: Rank) -> bool {
        self.left[..rank as usize].iter().all(|&left| left == 0)
    }

    /// Entries go one by one: a function that is judged by whether another one was entered comes
    /// after that.
    fn may_attach(&self, &(nth, ref hook): &Numbered<H>) -> bool {
        let rank = Rank::of(hook);
        self.is_next(rank)
            && (self.alone == 0 || !stands_alone(hook))
            && (rank != Rank::Entry || nth + self.left[rank as usize] == self.all)
            && hook.borrow().goes_on.is_none_or(|then| self.is_loaded(then.program))
    }

    fn is_loaded(&self, program: &str) -> bool {
        let mut to_load = self.to_load.iter().map(|(_, hook)| hook.borrow().program);
        !self.loading.contains(&program) && !to_load.any(|name| name == program)
    }
}

/// Whether nothing else that does, too, may be attached at the same time.
fn stands_alone(hook: &impl Borrow<PlannedProbe>) -> bool {
    hook.borrow().attach != Attach::Kprobe || Rank::of(hook) == Rank::Entry
}

#[cfg(test)]
mod tests {
    use super::{Job, Ledger};
    use crate::kernel::hooks::Kind::{self, Entry, Return};
    use crate::kernel::{Attach, GoesOn, PlannedProbe};

    const FENTRY: Attach = Attach::Fentry { id: 1 };

    fn probe(program: &'static str, kind: Kind, milestone: bool) -> PlannedProbe {
        let (target, attach) = (program.to_owned(), FENTRY);
        PlannedProbe { program, target, kind, attach, milestone, goes_on: None }
    }

    /// Some of each rank in the worst order, one that goes on with another among them.
    fn probes() -> Vec<PlannedProbe> {
        let goes_on = Some(GoesOn { program: "long return", map: "" });
        vec![
            probe("entry", Entry, false),
            PlannedProbe { goes_on, ..probe("short return", Return, false) },
            probe("long return", Return, false),
            probe("last entry", Entry, false),
            probe("milestone", Return, true),
            probe("other milestone", Entry, true),
        ]
    }

    /// What is loaded and attached, by so many workers, of which `pick` says whose job ends next.
    fn play(
        probes: Vec<PlannedProbe>,
        workers: usize,
        mut pick: impl FnMut(usize) -> usize,
    ) -> Vec<(&'static str, &'static str)> {
        let mut ledger = Ledger::new(probes, workers);
        let (mut busy, mut done) = (Vec::new(), Vec::new());
        while !ledger.is_done() {
            while busy.len() < workers
                && let Some(job) = ledger.next()
            {
                busy.push(job);
            }
            let over = busy.swap_remove(pick(busy.len()));
            match over {
                Job::Load(hook) => {
                    done.push(("load", hook.1.program));
                    ledger.loaded(hook);
                }
                Job::Attach(hook) => {
                    done.push(("attach", hook.program));
                    ledger.attached(&hook);
                }
            }
        }
        done
    }

    #[test]
    fn whoever_is_quicker_the_order_is_kept() {
        for workers in 1..6 {
            for step in 0..5 {
                let done = play(probes(), workers, |busy| step % busy);
                let at = |what, program| {
                    done.iter().position(|it| *it == (what, program)).expect("it is done")
                };
                let attached = |program| at("attach", program);
                assert_eq!(done.len(), 12, "each is loaded and attached once");
                for milestone in ["milestone", "other milestone"] {
                    for later in ["short return", "long return"] {
                        assert!(attached(milestone) < attached(later), "{done:?}");
                    }
                }
                for early in ["short return", "long return"] {
                    assert!(attached(early) < attached("entry"), "{done:?}");
                }
                assert!(attached("entry") < attached("last entry"), "{done:?}");
                assert!(at("load", "long return") < attached("short return"), "{done:?}");
            }
        }
    }

    #[test]
    fn what_takes_long_is_loaded_once_enough_waits_to_be_attached() {
        let milestones = ["a", "b", "c", "d", "e"].map(|name| probe(name, Entry, true));
        let mut ledger =
            Ledger::new([vec![probe("long", Return, false)], milestones.into()].concat(), 2);
        let load = |ledger: &mut Ledger<PlannedProbe>| {
            let Some(Job::Load(hook)) = ledger.next() else { panic!("there is a CPU to load it") };
            let name = hook.1.program;
            ledger.loaded(hook);
            name
        };
        assert_eq!(load(&mut ledger), "a", "it can be attached soonest");
        assert!(matches!(ledger.next(), Some(Job::Attach(_))));
        assert_eq!([(); 4].map(|()| load(&mut ledger)), ["b", "c", "d", "long"]);
    }

    /// All of these loaded, by so many CPUs.
    fn loaded(attach: Attach, cpus: usize) -> Ledger<PlannedProbe> {
        let milestones =
            ["a", "b", "c"].map(|name| PlannedProbe { attach, ..probe(name, Return, true) });
        let mut ledger = Ledger::new(milestones.to_vec(), cpus);
        let loads: Vec<_> = std::iter::from_fn(|| ledger.next()).collect();
        assert_eq!(loads.len(), cpus);
        for job in loads {
            let Job::Load(hook) = job else { panic!("nothing is loaded yet") };
            ledger.loaded(hook);
        }
        ledger
    }

    #[test]
    fn what_keeps_a_cpu_busy_goes_one_by_one_and_what_waits_together() {
        let attaching = |ledger: &mut Ledger<PlannedProbe>| {
            let jobs = std::iter::from_fn(|| ledger.next());
            jobs.filter(|job| matches!(job, Job::Attach(_))).count()
        };
        assert_eq!(attaching(&mut loaded(Attach::Kprobe, 3)), 3);
        assert_eq!(attaching(&mut loaded(FENTRY, 3)), 1);
    }

    #[test]
    fn no_more_is_loaded_at_once_than_there_are_cpus() {
        let mut ledger = Ledger::new(probes(), 2);
        assert!(matches!(ledger.next(), Some(Job::Load(_))));
        assert!(matches!(ledger.next(), Some(Job::Load(_))));
        assert!(ledger.next().is_none());
    }
}
