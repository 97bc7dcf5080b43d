//! All reasons in one run, under load: two CPUs, each with clients and listeners of its own, both
//! at once. Totals must be exact whatever becomes of single events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::netns::{self, Home};
use crate::netstat::{Counters, Netstat};
use crate::peer::Peer;
use crate::report::{End, Report};
use crate::rig::Rig;
use crate::setting::pin;
use crate::storm::{self, Prepare, Storm};
use crate::sysctl;
use crate::trace::{Trace, Vantage};
use crate::verdict::RECONCILED;

/// What the project promises, in KiB.
const MEMORY_LIMIT: u64 = 30 << 10;

/// One CPU's share of a phase.
struct Share {
    reason: &'static str,
    family: Family,
    backlog: i32,
    packets: usize,
    prepare: Prepare,
}

/// Settings of the namespace, and what the two CPUs do under them.
struct Phase {
    sysctls: &'static [(&'static str, u32)],
    shares: [Share; 2],
}

const PHASES: &[Phase] = &[
    Phase {
        sysctls: &[("tcp_syncookies", 0), ("tcp_max_syn_backlog", 512)],
        shares: [
            Share {
                reason: "syn-queue-full",
                family: Family::V4,
                backlog: 8,
                packets: 2000,
                prepare: storm::syns,
            },
            Share {
                reason: "accept-queue-full-syn",
                family: Family::V6,
                backlog: 8,
                packets: 2000,
                prepare: storm::syns_to_full_accept_queue,
            },
        ],
    },
    Phase {
        sysctls: &[("tcp_max_syn_backlog", 8)],
        shares: [
            Share {
                reason: "accept-queue-full-ack",
                family: Family::Mapped,
                backlog: 8,
                packets: 2000,
                prepare: storm::acks_to_full_accept_queue,
            },
            Share {
                reason: "syn-backlog-reserved",
                family: Family::V4,
                backlog: 128,
                packets: 2000,
                prepare: storm::syns,
            },
        ],
    },
    Phase {
        sysctls: &[("tcp_max_syn_backlog", 512), ("tcp_abort_on_overflow", 1)],
        shares: [
            Share {
                reason: "syn-no-route",
                family: Family::V6,
                backlog: 8,
                packets: 2000,
                prepare: storm::syns_without_route,
            },
            Share {
                reason: "accept-queue-full-ack-rst",
                family: Family::V4,
                backlog: 128,
                packets: 100,
                prepare: storm::last_acks_to_full_accept_queue,
            },
        ],
    },
];

/// What one share came to.
struct Outcome {
    reason: &'static str,
    /// Stays open until the trace has ended: what waits for it is not to be dropped too.
    listener: Listener,
    refused: Vec<Flow>,
    cpu: u32,
}

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("all-reasons-on-two-cpus", all)]
}

fn all() -> Result<()> {
    let home = Home::here()?;
    netns::enter_fresh()?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    let before = Netstat::read()?;
    let mut peers = [Some(Peer::new(0)?), Some(Peer::new(1)?)];
    let mut outcomes = Vec::new();
    for (number, phase) in PHASES.iter().enumerate() {
        for (name, value) in phase.sysctls {
            sysctl::set(&format!("net.ipv4.{name}"), *value)?;
        }
        outcomes.extend(run(phase, 8000 + u16::try_from(number)? * 2, &mut peers)?);
    }
    let mut moved = Netstat::read()?.moved_since(&before);
    moved.retain(|name, _| RECONCILED.contains(&name.as_str()));
    let (start, peak) = (trace.start_time(), trace.peak_memory()?);
    eprintln!("ready after {start:?}, at most {peak} KiB of memory");
    judge(&outcomes, netns::inode()?, &moved, &trace.stop()?)?;
    ensure!(peak < MEMORY_LIMIT, "syndrop took {peak} KiB of memory, not < {MEMORY_LIMIT}");
    Ok(())
}

/// Both shares prepare, wait for each other, and then send their packets at the same time.
fn run(phase: &Phase, port: u16, peers: &mut [Option<Peer>; 2]) -> Result<Vec<Outcome>> {
    let start = Barrier::new(2);
    let mut outcomes = Vec::new();
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for (cpu, (share, peer)) in (0..).zip(phase.shares.iter().zip(&mut *peers)) {
            let mine = peer.take().context("a peer was lost with an earlier phase")?;
            let start = &start;
            let port = port + u16::try_from(cpu)?;
            threads.push((peer, scope.spawn(move || besiege(share, mine, cpu, port, start))));
        }
        for (place, thread) in threads {
            let (peer, outcome) = thread.join().map_err(|_| anyhow!("a thread panicked"))??;
            *place = Some(peer);
            outcomes.push(outcome);
        }
        Ok(outcomes)
    })
}

fn besiege(
    share: &Share,
    peer: Peer,
    cpu: u32,
    port: u16,
    start: &Barrier,
) -> Result<(Peer, Outcome)> {
    let prepared = prepare(share, peer, cpu, port);
    // Even one that failed has to come, or the other would wait for ever.
    start.wait();
    let (mut rig, mut storm) = prepared.context(share.reason)?;
    let refused = storm(&mut rig).context(share.reason)?;
    let few = refused.len() < share.packets / 2;
    ensure!(!few, "{}: only {} of {} were refused", share.reason, refused.len(), share.packets);
    Ok((rig.peer, Outcome { reason: share.reason, listener: rig.listener, refused, cpu }))
}

fn prepare(share: &Share, peer: Peer, cpu: u32, port: u16) -> Result<(Rig, Storm)> {
    pin(cpu)?;
    let listener = Listener::new(share.family, share.family.any(), port, share.backlog)?;
    let mut rig = Rig::new(peer, listener, share.family);
    let storm = (share.prepare)(&mut rig, share.packets)?;
    Ok((rig, storm))
}

fn judge(outcomes: &[Outcome], netns: u64, moved: &Counters, report: &Report) -> Result<()> {
    let summary = &report.summary;
    let mut totals = BTreeMap::new();
    let mut by_listener = BTreeMap::new();
    let mut flows = BTreeSet::new();
    for outcome in outcomes {
        let refused = u64::try_from(outcome.refused.len())?;
        totals.insert(outcome.reason.to_owned(), refused);
        let bound = End::from(outcome.listener.bound());
        by_listener.insert(Some(bound), BTreeMap::from([(outcome.reason.to_owned(), refused)]));
        let ends = outcome.refused.iter().map(|flow| (flow.client.into(), flow.server.into()));
        flows.extend(ends.map(|(peer, local)| (outcome.reason, outcome.cpu, peer, local)));
    }
    ensure!(summary.drops == totals, "totals {:?}, not {totals:?}", summary.drops);
    let told = summary.by_listener.iter().map(|line| (line.local, line.drops.clone()));
    let told: BTreeMap<_, _> = told.collect();
    ensure!(told == by_listener, "by listener {told:?}, not {by_listener:?}");

    let told = u64::try_from(report.drops.len())? + summary.lost_events + summary.sampled_out;
    ensure!(told == summary.total(), "{told} told, lost or left out of {}", summary.total());
    let lost: u64 = report.lost.iter().map(|line| line.events).sum();
    ensure!(lost == summary.lost_events, "{lost} lost on the way: {:?}", report.lost);
    ensure!(summary.uncounted_drops == 0, "{} drops not counted", summary.uncounted_drops);
    ensure!(summary.missed_probes == 0, "{} probes missed", summary.missed_probes);
    for event in &report.drops {
        let known = (event.reason.as_str(), event.cpu, event.peer, event.local);
        let known = flows.contains(&known);
        ensure!(known, "nothing like this was refused: {event:?}");
    }
    let kernel = summary.kernel(netns);
    ensure!(kernel == *moved, "the kernel's counters are {moved:?}, not {kernel:?}");
    summary.ensure_explained()
}
