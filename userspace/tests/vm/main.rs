//! The kernel tests: real drops of real packets, and what syndrop says about them.
//!
//! This program runs as root inside a guest (`cargo xtask test --vm`), with `syndrop` beside it
//! (`SYNDROP_BIN`, else `/usr/bin/syndrop`). Each case provokes drops in a network namespace of
//! its own and compares syndrop's events and totals with what the clients saw and with the
//! kernel's own counters.

mod application;
mod bpf;
mod branches;
mod bystander;
mod campaign;
mod case;
mod clients;
mod crowd;
mod denial;
mod doctor;
mod endings;
mod evicted;
mod famine;
mod filters;
mod fire;
mod flood;
mod flow;
mod gates;
mod halfopen;
mod healthy;
mod hold;
mod icmp;
mod inetdiag;
mod leftovers;
mod listener;
mod listeners;
mod lockdown;
mod metrics;
mod mixed;
mod netns;
mod netstat;
mod nobody;
mod option;
mod peer;
mod process;
mod provoke;
mod pty;
mod report;
mod rig;
mod rtnetlink;
mod run;
mod scarcity;
mod scenario;
mod scenarios;
mod segment;
mod setting;
mod signature;
mod skips;
mod soak;
mod sockopt;
mod stats;
mod storm;
mod sysctl;
mod text;
mod timewait;
mod top;
mod trace;
mod tun;
mod usage;
mod variants;
mod verdict;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use case::Case;

fn main() -> ExitCode {
    if netns::Resident::live() {
        return ExitCode::SUCCESS;
    }
    if branches::asked() {
        return case::end(branches::list());
    }
    let mut cases = [
        scenarios::cases(),
        variants::cases(),
        timewait::cases(),
        healthy::cases(),
        mixed::cases(),
        flood::cases(),
        fire::cases(),
        filters::cases(),
        clients::cases(),
        text::cases(),
        endings::cases(),
        usage::cases(),
        gates::cases(),
        listeners::cases(),
        application::cases(),
        leftovers::cases(),
        run::cases(),
        evicted::cases(),
        doctor::cases(),
        stats::cases(),
        nobody::cases(),
        metrics::cases(),
        top::cases(),
        // The kernel stays as this leaves it.
        lockdown::cases(),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    if let Some(name) = case::chosen() {
        cases.extend(fire::full());
        cases.extend(healthy::full());
        cases.extend(soak::cases());
        cases.extend([bystander::case(), campaign::case(), crowd::case()]);
        return case::perform(&cases, &name);
    }
    // Cases change settings of the whole guest and use its CPUs: one at a time.
    let arguments = Arguments { test_threads: Some(1), ..Arguments::from_args() };
    // They take minutes, so they run only where they are named.
    let named = |name: &str| arguments.filter.as_deref().is_some_and(|it| it.starts_with(name));
    if named("full") {
        cases.extend(fire::full());
        cases.extend(healthy::full());
    }
    if named("soak") {
        cases.extend(soak::cases());
    }
    let trials = campaign::trials(&arguments).into_iter();
    let trials = trials.chain(cases.into_iter().map(Case::trial)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
