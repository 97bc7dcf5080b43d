//! Syndrop comes and goes while the flood goes on: its books balance each time, and where it is
//! killed at any moment, nothing of it is left.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;

use super::Size;
use super::siege::{Besieger, Castle};
use crate::leftovers::Held;
use crate::netns::Home;
use crate::process::{Process, command};
use crate::trace::{Trace, Vantage};

/// How long to watch.
const WATCH: Duration = Duration::from_millis(500);
/// Moments at which it is killed lie within so much from its start.
const SPAN: Duration = Duration::from_secs(6);
/// The golden ratio, in thousandths: its multiples spread evenly.
const SPREAD: u64 = 618;

pub(super) fn started_and_killed(size: Size) -> Result<()> {
    let home = Home::here()?;
    let mut castle = Castle::build()?;
    let before = Held::now()?;
    let enough = AtomicBool::new(false);
    let [first, second] = &mut castle.peers;
    thread::scope(|scope| {
        let besiege = |cpu, peer| {
            let mut besieger = Besieger::on(cpu, peer)?;
            while !enough.load(Ordering::Relaxed) {
                besieger.strike(usize::MAX / 2)?;
            }
            anyhow::Ok(())
        };
        let sieges =
            [scope.spawn(move || besiege(0, first)), scope.spawn(move || besiege(1, second))];
        let watched = (0..size.restarts).try_for_each(|nth| {
            watch(&home)?;
            if nth >= size.kills {
                return Ok(());
            }
            kill(&home, SPAN * u32::try_from(nth * SPREAD % 1000)? / 1000)
        });
        enough.store(true, Ordering::Relaxed);
        for siege in sieges {
            siege.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        }
        watched
    })?;
    before.await_again()
}

fn watch(home: &Home) -> Result<()> {
    let trace = Trace::start(Vantage::Host(home), &[])?;
    eprintln!("ready after {:?}", trace.start_time());
    thread::sleep(WATCH);
    let report = trace.stop()?;
    let summary = &report.summary;
    ensure!(summary.total() > 0, "nothing of a flood");
    ensure!(summary.missed_probes == 0, "{} probes missed", summary.missed_probes);
    for line in &summary.counters {
        let apart = line.kernel.unwrap_or(0).abs_diff(line.explained);
        ensure!(apart <= line.in_flight, "left over: {line:?}");
    }
    Ok(())
}

fn kill(home: &Home, after: Duration) -> Result<()> {
    let process = home.visit(|| Process::start(command(&["trace", "--json"])))?;
    thread::sleep(after);
    process.signal(Signal::KILL)?;
    process.wait()?;
    Ok(())
}
