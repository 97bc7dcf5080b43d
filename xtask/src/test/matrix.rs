//! The kernel tests on every kernel of the matrix, each in a guest of its own.
//!
//! Some guests run at once: a test waits for the kernel's timers more than it computes.

mod candidate;
mod coverage;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::Result;

use self::candidate::{Candidate, Ground};
use self::coverage::Coverage;
use super::branches;
use super::libtest::{Run, Skip};
use super::tally::Tally;
use crate::cli::Test;
use crate::interrupt::Interrupted;
use crate::kernels::{self, Kernel};

/// Cases that no kernel changes: what they are about happens above it, so in the whole matrix one
/// kernel is enough for each, and no kernel has all of them.
const SAME_EVERYWHERE: [(&str, &str); 12] = [
    ("campaign::by-kprobes", "6.1"),
    ("filter::", "6.1"),
    ("text::", "6.1"),
    ("run::", "6.18"),
    ("ends::", "7.3"),
    ("usage::", "7.3"),
    ("doctor::", "7.3"),
    ("stats::", "5.10"),
    ("metrics::", "6.12"),
    ("top::", "6.12"),
    ("fire::namespaces-come-and-go", "6.12"),
    ("fire::nobody-reads", "6.12"),
];

/// The kind of probe that traces take on a kernel of the whole matrix, where it is not the one that
/// syndrop chooses.
const ATTACH: [(&str, &str); 1] = [("6.18", "kprobe")];

/// Runs the matrix to its end, whatever fails in between, and adds it all to `tally`.
///
/// # Errors
/// Only when interrupted; everything else is a failure in `tally`.
pub(crate) fn run(options: &Test, tally: &mut Tally) -> Result<()> {
    eprintln!("== building syndrop and the kernel tests");
    let ground = match Ground::lay() {
        Ok(ground) => ground,
        Err(error) => {
            tally.step("kernel tests", Err(error));
            return Ok(());
        }
    };
    let mut branches = match ground.branches() {
        Ok(branches) => branches,
        Err(error) => {
            tally.step("reasons by kernel", Err(error));
            return Ok(());
        }
    };
    let mut candidates = VecDeque::new();
    for (name, kernel) in kernels(options) {
        let mut arguments = options.arguments.clone();
        let only_branches = options.only_branches(name);
        let elsewhere = SAME_EVERYWHERE
            .iter()
            .filter(|(_, kernel)| only_branches || options.is_whole_matrix() && *kernel != name);
        let besides = branches::BESIDES.iter().filter(|_| only_branches);
        let skipped = elsewhere.map(|(cases, _)| cases).chain(besides);
        arguments.extend(skipped.map(|cases| format!("--skip={cases}")));
        let attach = ATTACH.iter().find(|(kernel, _)| options.is_whole_matrix() && *kernel == name);
        let attach = attach.map(|(_, kind)| *kind);
        let packed = kernel.and_then(|kernel| ground.pack(name, kernel, &arguments, attach));
        match packed {
            Ok(candidate) => candidates.push_back(candidate),
            Err(error) => tally.fail(format!("kernel {name}: {error:#}")),
        }
    }
    let mut coverage = Coverage::default();
    for (candidate, cases, outcome) in boot_all(&ground, candidates) {
        let place = format!("kernel {}", candidate.name());
        match outcome {
            Ok(succeeded) => {
                cases.add_to(tally, &place, succeeded);
                if options.makes_table()
                    && let Err(error) = branches.add(candidate.name(), &cases)
                {
                    tally.fail(format!("{error:#}"));
                }
            }
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                tally.pass(cases.passed.len());
                tally.fail(format!("{place}: {error:#}"));
            }
        }
        coverage.add(cases);
    }
    branches.settle(tally);
    // Only the whole matrix can say that a case runs nowhere.
    if options.is_whole_matrix() {
        for Skip { name, reason } in coverage.never_run() {
            tally.fail(format!("no kernel of the matrix runs {name}: {reason}"));
        }
    }
    Ok(())
}

/// The kernels of this run by name, fetched one after the other.
fn kernels(options: &Test) -> Vec<(&str, Result<Kernel>)> {
    if options.own.is_given() {
        return vec![("of yours", options.own.provide())];
    }
    options.series().into_iter().map(|series| (series, kernels::fetch(series))).collect()
}

/// What became of a guest: its cases, and whether the harness said that all is well.
type Outcome = (Candidate, Run, Result<bool>);

/// Boots them all, some at a time; the outcomes are in the order of `candidates`.
fn boot_all(ground: &Ground, candidates: VecDeque<Candidate>) -> Vec<Outcome> {
    let cpus = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers = candidates.len().min(cpus * 2);
    let waiting = Mutex::new(candidates.into_iter().enumerate().collect::<VecDeque<_>>());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((place, candidate)) = next() {
                    let mut cases = Run::default();
                    let outcome = candidate.test(ground, &mut cases);
                    let outcome = (place, (candidate, cases, outcome));
                    done.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}
