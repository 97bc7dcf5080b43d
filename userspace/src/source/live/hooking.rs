//! In which order probes come about, and how much of that goes on at once.
//!
//! The order matters, because packets arrive meanwhile. Milestones are attached first, so that no
//! judged call can have passed one unseen; then returns, then entries, so that an entry that is
//! seen has its return seen too.
//!
//! To load a program keeps a CPU busy, as the verifier computes for long. To attach one by fentry or
//! fexit does so too, but under a lock of the kernel's: one is enough at that, while others load. A
//! kprobe mostly waits until no CPU runs the function's old code any more, so many wait together.

use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use aya::Btf;

use super::hook::Hook;
use super::programs::ProgramsError;
use ledger::{Job, Ledger};

mod ledger;

/// How many things are done at once at most; most of them wait.
pub(super) const WORKERS: usize = 8;

/// Loads and attaches these.
///
/// # Errors
/// The first refusal.
pub(super) fn hook(hooks: Vec<Hook<'_>>, types: &Btf) -> Result<(), ProgramsError> {
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let state = State { ledger: Ledger::new(hooks, cpus.clamp(2, WORKERS)), failed: None };
    let site = Site { state: Mutex::new(state), news: Condvar::new() };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| site.work(types))).collect();
        for worker in workers {
            worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        }
    });
    site.state.into_inner().unwrap_or_else(PoisonError::into_inner).failed.map_or(Ok(()), Err)
}

/// Where the work is done.
struct Site<'a> {
    state: Mutex<State<'a>>,
    /// Something was done, so there may be something to do.
    news: Condvar,
}

struct State<'a> {
    ledger: Ledger<Hook<'a>>,
    failed: Option<ProgramsError>,
}

impl<'a> Site<'a> {
    /// Does what is to be done until nothing is.
    fn work(&self, types: &Btf) {
        while let Some(job) = self.job() {
            match job {
                Job::Load((nth, mut hook)) => {
                    let done = hook.load(types);
                    self.note(done, |ledger| ledger.loaded((nth, hook)));
                }
                Job::Attach(mut hook) => {
                    let done = hook.attach();
                    self.note(done, |ledger| ledger.attached(&hook));
                }
            }
        }
    }

    fn job(&self) -> Option<Job<Hook<'a>>> {
        let mut state = self.state();
        loop {
            if state.ledger.is_done() || state.failed.is_some() {
                return None;
            }
            if let Some(job) = state.ledger.next() {
                return Some(job);
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn note(&self, done: Result<(), ProgramsError>, note: impl FnOnce(&mut Ledger<Hook<'a>>)) {
        let mut state = self.state();
        match done {
            Ok(()) => note(&mut state.ledger),
            Err(error) => {
                state.failed.get_or_insert(error);
            }
        }
        drop(state);
        self.news.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State<'a>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
