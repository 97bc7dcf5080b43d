//! The books balance under fire: two CPUs flood at once, and totals, counters and detail agree
//! with what was sent.
//!
//! The cases in `full` are the same with all that an incident has of it; they run only where a
//! filter of the command line names them, as they take minutes.

use std::time::Duration;

use crate::case::Case;

mod balance;
mod namespaces;
mod reader;
mod restarts;
pub(crate) mod siege;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// SYNs of each of the two CPUs.
    syns: usize,
    /// Listeners that come and go meanwhile.
    visitors: usize,
    /// Listeners that stay and refuse one client each.
    crowd: u16,
    namespaces: usize,
    /// How often syndrop is started and ended.
    restarts: u64,
    /// And how often killed. The kernel takes its time for each end.
    kills: u64,
    /// SYNs while nobody reads: more than pipe and ring hold together.
    unread: usize,
    /// How long nobody reads after that.
    silence: Duration,
    /// The most memory that syndrop may have: some 13 MB, and what rows and names take.
    memory_kib: u64,
}

const SMALL: Size = Size {
    syns: 20_000,
    visitors: 50,
    crowd: 20,
    namespaces: 24,
    restarts: 2,
    kills: 2,
    unread: 12_000,
    silence: Duration::from_secs(1),
    memory_kib: 40_000,
};

const FULL: Size = Size {
    syns: 500_000,
    visitors: 1000,
    crowd: 5000,
    namespaces: 200,
    restarts: 50,
    kills: 10,
    unread: 1_000_000,
    silence: Duration::from_secs(10),
    memory_kib: 60_000,
};

/// Only a guard.
const FULL_PATIENCE: Duration = Duration::from_secs(3000);

pub(crate) fn cases() -> Vec<Case> {
    all("fire", SMALL)
}

/// The large ones.
pub(crate) fn full() -> Vec<Case> {
    let besieged = || namespaces::besieged(FULL);
    let mut cases = all("full", FULL);
    cases.push(Case::new("full::namespaces-under-siege", besieged));
    cases.into_iter().map(|case| case.with_patience(FULL_PATIENCE)).collect()
}

fn all(group: &str, size: Size) -> Vec<Case> {
    let case = |name: &str, body: fn(Size) -> anyhow::Result<()>| {
        Case::new(format!("{group}::{name}"), move || body(size))
    };
    vec![
        case("two-cpus", balance::two_cpus),
        case("namespaces-come-and-go", namespaces::come_and_go),
        case("nobody-reads", reader::nobody_reads),
        case("started-and-killed", restarts::started_and_killed),
    ]
}
