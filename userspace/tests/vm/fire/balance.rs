//! Two CPUs at once against three listeners, while others come and go, under the eyes of two
//! syndrops: one with all its rows and default detail, one with next to no rows and no detail.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Size;
use super::siege::{
    ACCEPT_QUEUE_FULL, Besieger, Castle, LAST_QUARTER, REASONS, Refused, add, everywhere,
};
use crate::flow::Family;
use crate::listener::Listener;
use crate::netns::Home;
use crate::netstat::Netstat;
use crate::report::{Report, Summary};
use crate::trace::{Trace, Vantage};

/// Where visitors listen, in turn.
const VISITORS: u16 = 9000;
/// Where those stay that refuse one client each.
const CROWD: u16 = 20_000;
/// Of 40,000 events and more.
const MISSED_AT_MOST: u64 = 100;
/// Rows of the second syndrop.
const ROWS: &str = "2";
const RECONCILED: [&str; 3] = ["ListenDrops", "ListenOverflows", "TCPReqQFullDrop"];

pub(super) fn two_cpus(size: Size) -> Result<()> {
    let home = Home::here()?;
    let mut castle = Castle::build()?;
    let whole = Trace::start(Vantage::Host(&home), &["--interval", "3s"])?;
    let an_interval_later = Instant::now() + Duration::from_secs(4);
    let narrow = ["--detail", "none", "--totals-rows", ROWS];
    let narrow = Trace::start(Vantage::Host(&home), &narrow)?;

    let before = Netstat::read()?;
    let crowd = crowd(&mut castle, size.crowd)?;
    let [first, second] = &mut castle.peers;
    let refused = thread::scope(|scope| {
        let visited = scope.spawn(|| {
            let mut besieger = Besieger::on(0, first)?;
            for nth in 0..size.syns {
                besieger.strike(size.syns)?;
                if nth % (size.syns / size.visitors) == 0 {
                    besieger.visit(VISITORS + u16::try_from(nth % 1000)?)?;
                }
            }
            besieger.refused()
        });
        let other = scope.spawn(|| {
            let mut besieger = Besieger::on(1, second)?;
            for _ in 0..size.syns {
                besieger.strike(size.syns)?;
            }
            besieger.refused()
        });
        let mut refused = Refused::new();
        for part in [visited, other] {
            add(&mut refused, part.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok::<_, anyhow::Error>(refused)
    })?;
    // On a quick machine all is over before the first interval is.
    thread::sleep(an_interval_later.saturating_duration_since(Instant::now()));
    let moved = Netstat::read()?.moved_since(&before);
    let once = size.visitors as u64 + u64::from(size.crowd);

    let memory = whole.peak_memory()?;
    let (whole, narrow) = (whole.stop()?, narrow.stop()?);
    drop(crowd);
    eprintln!(
        "{refused:?}, and {once} once; {} told, {} sampled out; {} KiB",
        whole.drops.len(),
        whole.summary.sampled_out,
        memory
    );
    for report in [&whole, &narrow] {
        by_reason(&report.summary, &refused, once)?;
        let missed = report.summary.missed_probes;
        for line in &report.summary.counters {
            let kernel = line.kernel.unwrap_or_default();
            ensure!(falls_short(line.explained, kernel, missed), "left over: {line:?}");
        }
        let mut kernel = report.summary.kernel(castle.netns);
        kernel.retain(|name, _| RECONCILED.contains(&name.as_str()));
        let mut moved = moved.clone();
        moved.retain(|name, _| RECONCILED.contains(&name.as_str()));
        ensure!(kernel == moved, "the kernel's counters are {moved:?}, not {kernel:?}");
        let summary = &report.summary;
        ensure!(missed < MISSED_AT_MOST, "{missed} probes missed");
        ensure!(summary.uncounted_drops == 0, "{} not counted", summary.uncounted_drops);
        let told = u64::try_from(report.drops.len())?;
        let accounted = told + summary.sampled_out + summary.lost_events;
        ensure!(accounted == summary.total(), "{accounted} of {}", summary.total());
    }
    by_listener(&whole.summary, &refused, once)?;
    detail(&whole, &refused, once)?;
    intervals(&whole)?;
    overflow(&narrow, &refused, once)?;
    ensure!(memory < size.memory_kib, "{memory} KiB resident");
    Ok(())
}

/// Whether a count is what it should be, but for what the kernel says that its probes missed: it
/// runs none of a kprobe on a CPU that is reading a map, and two syndrops read theirs.
pub(super) fn falls_short(counted: u64, expected: u64, missed: u64) -> bool {
    counted <= expected && counted + missed >= expected
}

/// Listeners that refuse a client each, while both syndrops watch.
fn crowd(castle: &mut Castle, count: u16) -> Result<Vec<Listener>> {
    let peer = &mut castle.peers[0];
    let mut crowd = Vec::new();
    for port in CROWD..CROWD + count {
        crowd.push(Listener::new(Family::Mapped, everywhere(), port, 0)?);
        let guest = peer.flow(Family::V4, 60_001, port);
        peer.handshake(&guest)?;
        let refused = peer.flow(Family::V6, 60_002, port);
        peer.syn(&refused)?;
    }
    Ok(crowd)
}

fn expected(refused: &Refused, once: u64) -> BTreeMap<&'static str, u64> {
    let mut expected = BTreeMap::new();
    for (port, reason) in REASONS {
        let more = if port == ACCEPT_QUEUE_FULL { once } else { 0 };
        expected.insert(reason, refused.get(&port).copied().unwrap_or(0) + more);
    }
    expected
}

fn by_reason(summary: &Summary, refused: &Refused, once: u64) -> Result<()> {
    for (reason, expected) in expected(refused, once) {
        let counted = summary.drops.get(reason).copied().unwrap_or(0);
        let missed = summary.missed_probes;
        ensure!(
            falls_short(counted, expected, missed) && expected > 0,
            "{reason}: {counted} of {expected}; {:?}; {missed} probes missed; {:?}",
            summary.drops,
            summary.counters.iter().filter(|line| line.kernel != Some(0)).collect::<Vec<_>>(),
        );
    }
    Ok(())
}

fn by_listener(summary: &Summary, refused: &Refused, once: u64) -> Result<()> {
    for (port, reason) in REASONS {
        let here =
            summary.by_listener.iter().filter(|line| line.local.is_some_and(|it| it.port == port));
        let counted: u64 = here.filter_map(|line| line.drops.get(reason)).sum();
        let exact = falls_short(counted, refused[&port], summary.missed_probes);
        ensure!(exact, "port {port}: {counted} of {}", refused[&port]);
    }
    let besieged = |port| REASONS.iter().any(|(besieged, _)| *besieged == port);
    let others =
        summary.by_listener.iter().filter(|line| line.local.is_some_and(|it| !besieged(it.port)));
    // Those that went away had a connection that nobody had accepted; that is another reason.
    let (_, reason) = REASONS[0];
    let others: Vec<_> = others.filter_map(|line| line.drops.get(reason)).collect();
    ensure!(others.iter().all(|&&count| count == 1), "more than once each: {others:?}");
    let exact = falls_short(others.len() as u64, once, summary.missed_probes);
    ensure!(exact, "{} of {once} listeners", others.len());
    ensure!(!summary.by_listener.iter().any(|line| line.others), "rows are shared");
    Ok(())
}

/// Listeners that refuse few are told in full, whatever happens beside them, and also where the
/// reader is too slow for the rest.
fn detail(report: &Report, refused: &Refused, once: u64) -> Result<()> {
    let told = |port| report.drops.iter().filter(|drop| drop.local.port == port).count() as u64;
    let few = told(LAST_QUARTER);
    let missed = report.summary.missed_probes;
    let exact = falls_short(few, refused[&LAST_QUARTER], missed);
    ensure!(exact, "{few} of {} told", refused[&LAST_QUARTER]);
    let (_, reason) = REASONS[0];
    let single = report.drops.iter().filter(|drop| drop.local.port >= VISITORS);
    let single = single.filter(|drop| drop.reason == reason).count() as u64;
    let silent = report.summary.by_listener.iter().filter(|line| line.sampled_out > 0);
    let silent: u64 = silent.map(|line| line.sampled_out).sum();
    ensure!(silent == report.summary.sampled_out, "{silent} sampled out by listener");
    ensure!(
        falls_short(single, once, missed),
        "{single} told of {once} listeners that refuse once"
    );
    Ok(())
}

/// Each interval holds what was, and nothing that was goes away again.
fn intervals(report: &Report) -> Result<()> {
    ensure!(!report.intervals.is_empty(), "no interval was told");
    let mut total = 0;
    for interval in &report.intervals {
        let now = interval.summary.total();
        ensure!(now >= total, "{now} drops after {total}");
        total = now;
        for line in &interval.summary.counters {
            let kernel = line.kernel.unwrap_or(line.explained);
            let apart = kernel.abs_diff(line.explained);
            let missed = report.summary.missed_probes;
            ensure!(apart <= line.in_flight + missed, "left over, at {}: {line:?}", interval.time);
        }
    }
    ensure!(total <= report.summary.total(), "the end has less than an interval");
    Ok(())
}

/// Next to no rows: who it was is lost, how many is not.
fn overflow(report: &Report, refused: &Refused, once: u64) -> Result<()> {
    ensure!(report.drops.is_empty(), "{} told without detail", report.drops.len());
    let summary = &report.summary;
    ensure!(summary.sampled_out == summary.total(), "{} sampled out", summary.sampled_out);
    let (others, own): (Vec<_>, Vec<_>) = summary.by_listener.iter().partition(|line| line.others);
    ensure!(own.len() <= 2 && others.len() == 1, "{} own rows, {others:?}", own.len());
    let all: u64 = summary.by_listener.iter().flat_map(|line| line.drops.values()).sum();
    let sent: u64 = expected(refused, once).values().sum();
    ensure!(all + summary.missed_probes >= sent, "{all} of {sent} by listener");
    Ok(())
}
