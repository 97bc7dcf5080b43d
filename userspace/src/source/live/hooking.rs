//! In which order probes come about, and how much of that goes on at once.
//!
//! The order matters, because packets arrive meanwhile. Milestones are attached first, so that no
//! judged call can have passed one unseen; then returns, then entries, so that an entry that is
//! seen has its return seen too.
//!
//! To load a program keeps a CPU busy, as the verifier computes for long. To attach one by fentry or
//! fexit does so too, but under a lock of the kernel's: one is enough at that, while others load. A
//! kprobe mostly waits until no CPU runs the function's old code any more, so many wait together.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use aya::Btf;

use super::hook::Hook;
use super::programs::ProgramsError;
use crate::kernel::hooks::Kind;
use crate::kernel::{Attach, PlannedProbe};

/// How many things are done at once at most.
pub(super) const WORKERS: usize = 8;

/// What is attached before what. A later one is attached only once all of the earlier ones are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Milestone,
    Return,
    Entry,
}

impl Rank {
    const fn of(probe: &PlannedProbe) -> Self {
        match probe.kind {
            _ if probe.milestone => Self::Milestone,
            Kind::Return => Self::Return,
            Kind::Entry => Self::Entry,
        }
    }
}

/// Loads and attaches these.
///
/// # Errors
/// The first refusal.
pub(super) fn hook(hooks: Vec<Hook<'_>>, types: &Btf) -> Result<(), ProgramsError> {
    let traced = hooks.iter().all(|hook| hook.probe.attach != Attach::Kprobe);
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let workers = if traced { cpus.clamp(2, WORKERS) } else { WORKERS };
    let site = Site { ledger: Mutex::new(Ledger::new(hooks)), news: Condvar::new() };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| site.work(types))).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    site.ledger.into_inner().unwrap_or_else(PoisonError::into_inner).failed.map_or(Ok(()), Err)
}

/// Where the work is done.
struct Site<'a> {
    ledger: Mutex<Ledger<'a>>,
    /// Something was done, so there may be something to do.
    news: Condvar,
}

/// What is still to be done.
struct Ledger<'a> {
    to_load: VecDeque<Numbered<'a>>,
    /// How many are not loaded yet that the kernel may refuse. Nothing is attached before they are,
    /// because all is to be done again then.
    untried: usize,
    /// Those that wait to be attached.
    loaded: Vec<Numbered<'a>>,
    /// Those that are being loaded.
    loading: Vec<&'static str>,
    /// How many there are in all.
    all: usize,
    /// How many of each rank are not attached yet.
    left: [usize; 3],
    /// How many are being attached that nobody may be beside.
    alone: usize,
    failed: Option<ProgramsError>,
}

/// A hook, and which one it is in the order of attaching.
type Numbered<'a> = (usize, Hook<'a>);

enum Job<'a> {
    Load(Numbered<'a>),
    Attach(Numbered<'a>),
}

impl<'a> Ledger<'a> {
    fn new(mut hooks: Vec<Hook<'a>>) -> Self {
        hooks.sort_by_key(|hook| Rank::of(hook.probe));
        let mut left = [0; 3];
        for hook in &hooks {
            left[Rank::of(hook.probe) as usize] += 1;
        }
        let all = hooks.len();
        let mut to_load: Vec<_> = hooks.into_iter().enumerate().collect();
        to_load.sort_by_key(|(_, hook)| hook.probe.ordinary);
        let untried = to_load.iter().take_while(|(_, hook)| !hook.probe.ordinary).count();
        Self {
            to_load: to_load.into(),
            untried,
            loaded: Vec::new(),
            loading: Vec::new(),
            all,
            left,
            alone: 0,
            failed: None,
        }
    }

    const fn is_over(&self) -> bool {
        matches!(self.left, [0, 0, 0]) || self.failed.is_some()
    }

    fn next(&mut self) -> Option<Job<'a>> {
        if let Some(nth) = self.loaded.iter().position(|hook| self.may_attach(hook)) {
            let hook = self.loaded.swap_remove(nth);
            self.alone += usize::from(stands_alone(hook.1.probe));
            return Some(Job::Attach(hook));
        }
        // Where nothing waits to be attached, what can be soonest is loaded next; or else what takes
        // longest, which are returns: they judge, and tell.
        let soonest = |hook: &Numbered<'_>| self.is_next(Rank::of(hook.1.probe));
        let longest = |hook: &Numbered<'_>| Rank::of(hook.1.probe) == Rank::Return;
        let nth = if self.untried != 0 {
            0
        } else if self.loaded.iter().any(soonest) {
            self.to_load.iter().position(longest).unwrap_or(0)
        } else {
            self.to_load.iter().position(soonest).unwrap_or(0)
        };
        let hook = self.to_load.remove(nth)?;
        self.loading.push(hook.1.probe.program);
        Some(Job::Load(hook))
    }

    /// Whether all that is attached before such ones is.
    fn is_next(&self, rank: Rank) -> bool {
        self.left[..rank as usize].iter().all(|&left| left == 0)
    }

    /// Entries go one by one: a function that is judged by whether another one was entered comes
    /// after that.
    fn may_attach(&self, &(nth, ref hook): &Numbered<'_>) -> bool {
        let rank = Rank::of(hook.probe);
        self.untried == 0
            && self.is_next(rank)
            && (self.alone == 0 || !stands_alone(hook.probe))
            && (rank != Rank::Entry || nth + self.left[rank as usize] == self.all)
            && hook.probe.goes_on.is_none_or(|then| self.is_loaded(then.program))
    }

    fn is_loaded(&self, program: &str) -> bool {
        let mut to_load = self.to_load.iter().map(|(_, hook)| hook.probe.program);
        !self.loading.contains(&program) && !to_load.any(|name| name == program)
    }
}

/// Whether nothing else that does, too, may be attached at the same time.
fn stands_alone(probe: &PlannedProbe) -> bool {
    probe.attach != Attach::Kprobe || Rank::of(probe) == Rank::Entry
}

impl<'a> Site<'a> {
    /// Does what is to be done until nothing is.
    fn work(&self, types: &Btf) {
        while let Some(job) = self.job() {
            match job {
                Job::Load((nth, mut hook)) => {
                    let done = hook.load(types);
                    self.note(done, |ledger| {
                        ledger.untried -= usize::from(!hook.probe.ordinary);
                        ledger.loading.retain(|name| *name != hook.probe.program);
                        ledger.loaded.push((nth, hook));
                    });
                }
                Job::Attach((_, mut hook)) => {
                    let done = hook.attach();
                    self.note(done, |ledger| {
                        ledger.left[Rank::of(hook.probe) as usize] -= 1;
                        ledger.alone -= usize::from(stands_alone(hook.probe));
                    });
                }
            }
        }
    }

    fn job(&self) -> Option<Job<'a>> {
        let mut ledger = self.ledger();
        loop {
            if ledger.is_over() {
                return None;
            }
            if let Some(job) = ledger.next() {
                return Some(job);
            }
            ledger = self.news.wait(ledger).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note(&self, done: Result<(), ProgramsError>, note: impl FnOnce(&mut Ledger<'a>)) {
        let mut ledger = self.ledger();
        match done {
            Ok(()) => note(&mut ledger),
            Err(error) => {
                ledger.failed.get_or_insert(error);
            }
        }
        drop(ledger);
        self.news.notify_all();
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<'a>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
