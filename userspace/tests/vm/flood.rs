//! More packets than anybody reads, and packets at every moment: what is lost is counted, what is
//! counted is exact, and no packet is misnamed because probes are just coming or going.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::netns::Home;
use crate::rig::Rig;
use crate::scenario::Scenario;
use crate::scenarios::ACCEPT_QUEUE_FULL_SYN;
use crate::setting::Setting;
use crate::trace::{Trace, Vantage};
use crate::verdict;

/// More drops than the ring buffer has room for.
const FLOOD: Scenario = Scenario { count: 7000, ..ACCEPT_QUEUE_FULL_SYN };
/// Packets between two looks at whether to go on.
const ROUND: usize = 100;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("reader-stopped-while-flooded", stopped),
        Case::new("flooded-at-start-and-end", throughout),
    ]
}

/// The reader sleeps while the ring buffer overflows: the totals do not care.
fn stopped() -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(&FLOOD, Family::V4)?;
    let trace = Trace::start(Vantage::Host(&home), &["--detail", "all"])?;
    trace.signal(Signal::STOP)?;
    let played = setting.play(&FLOOD)?;
    trace.signal(Signal::CONT)?;
    let report = trace.stop()?;

    verdict::counters(&FLOOD, &played)?;
    let summary = &report.summary;
    let (flood, told) = (u64::try_from(FLOOD.count)?, u64::try_from(report.drops.len())?);
    ensure!(summary.total() == flood, "{} counted of {flood}", summary.total());
    let lost = summary.lost_events;
    ensure!(lost > 0, "nothing was lost, so nothing was tried");
    ensure!(told + lost == flood, "{told} told and {lost} lost of {flood}");
    let holes: u64 = report.lost.iter().map(|line| line.events).sum();
    ensure!(holes == lost, "{holes} lost on the way, {lost} in the end");
    ensure!(!summary.clients_exact, "clients of lost events are known");
    let missed = (summary.sampled_out, summary.missed_probes, summary.uncounted_drops);
    ensure!(missed == (0, 0, 0), "sampled out, missed, not counted: {missed:?}");
    summary.ensure_explained()
}

/// Probes are attached one after the other; a packet that only some of them see is told rightly
/// or not at all. The same when they go.
fn throughout() -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(&ACCEPT_QUEUE_FULL_SYN, Family::V4)?;
    setting.rig.fill_accept_queue()?;
    let (enough, (rounds, round)) = (AtomicBool::new(false), sync_channel(0));
    let report = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            // Owned by this thread: when it fails, nobody waits for its next round.
            let rounds = rounds;
            flood(&mut setting.rig, &enough, &rounds)
        });
        let watch = || {
            let trace = Trace::start(Vantage::Host(&home), &[])?;
            for _ in 0..5 {
                round.recv().context("the flood has ended")?;
            }
            trace.stop()
        };
        let report = watch();
        enough.store(true, Ordering::Relaxed);
        flood.join().map_err(|_| anyhow!("the flood panicked"))??;
        report
    })?;

    let told = report.drops.len();
    ensure!(told >= 3 * ROUND, "only {told} events of a flood");
    for event in &report.drops {
        let known = event.reason == ACCEPT_QUEUE_FULL_SYN.reason && event.evidence == "observed";
        ensure!(known, "misnamed: {event:?}");
    }
    let named: Vec<_> = report.summary.drops.keys().collect();
    ensure!(named == [ACCEPT_QUEUE_FULL_SYN.reason], "reasons {named:?}");
    let missed = report.summary.missed_probes;
    ensure!(missed == 0, "{missed} probes missed");
    Ok(())
}

/// SYNs to a full accept queue until it is enough; every round is told to whoever waits for one.
fn flood(rig: &mut Rig, enough: &AtomicBool, rounds: &SyncSender<()>) -> Result<()> {
    let flows: Vec<Flow> = (0..ROUND).map(|_| rig.newcomer()).collect();
    while !enough.load(Ordering::Relaxed) {
        for flow in &flows {
            rig.peer.syn(flow)?;
        }
        // Full means that nobody waits right now.
        let _ = rounds.try_send(());
    }
    rig.peer.settle()
}
