//! Flood and healthy traffic for a long time: syndrop's memory stays flat, and the books balance.
//!
//! These run only where a filter of the command line names them, `soak::an-hour` for one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::process::{ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::fire::siege::{Besieger, Castle, REASONS, Refused, add, everywhere};
use crate::flow::Family;
use crate::healthy::exchange;
use crate::listener::Listener;
use crate::netns::Home;
use crate::process::{Process, command};
use crate::report::{Report, Summary};

const MINUTE: Duration = Duration::from_secs(60);
/// Where healthy clients are served.
const HEALTHY: u16 = 8090;
/// How many SYNs one of the listener that gets few has; there is no end to be divided.
const OF: usize = 8_000_000;
/// How long a CPU rests after so many SYNs: healthy clients are to get their turn.
const REST: Duration = Duration::from_millis(2);
const SALVO: usize = 256;
/// After so long all that is kept in memory is there: 65,536 clients are told apart above all, and
/// some hundred a second are told of.
const SETTLED: Duration = Duration::from_secs(960);
/// How much more it may have at the end: pages that the allocator has not given back.
const GROWTH_KIB: u64 = 1024;

pub(crate) fn cases() -> Vec<Case> {
    let case = |name: &str, minutes: u32| {
        let soak = move || soak(MINUTE * minutes);
        Case::new(format!("soak::{name}"), soak).with_patience(MINUTE * (minutes + 15))
    };
    vec![case("five-minutes", 5), case("twenty-minutes", 20), case("an-hour", 60)]
}

fn soak(long: Duration) -> Result<()> {
    let home = Home::here()?;
    let mut castle = Castle::build()?;
    let listener = Listener::new(Family::Mapped, everywhere(), HEALTHY, 128)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, HEALTHY));
    let mut process = home.visit(|| {
        let arguments = ["trace", "--json", "--detail", "50/s", "--interval", "1m", "--stats"];
        let mut command = command(&arguments);
        command.stdout(Stdio::piped());
        Process::start_as_is(command)
    })?;
    process.await_ready()?;
    let stdout = process.child().stdout.take().context("failed to take stdout")?;
    let reader = thread::spawn(move || Told::read(stdout));

    let (enough, served) = (AtomicBool::new(false), AtomicU64::new(0));
    let [first, second] = &mut castle.peers;
    let (refused, sizes) = thread::scope(|scope| {
        let besiege = |cpu, peer| {
            let mut besieger = Besieger::on(cpu, peer)?;
            while !enough.load(Ordering::Relaxed) {
                for _ in 0..SALVO {
                    besieger.strike(OF)?;
                }
                thread::sleep(REST);
            }
            besieger.refused()
        };
        let sieges =
            [scope.spawn(move || besiege(0, first)), scope.spawn(move || besiege(1, second))];
        let healthy = scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                exchange(&listener, address)?;
                served.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
        let sizes = watch(&mut process, long, &served);
        enough.store(true, Ordering::Relaxed);
        let mut refused = Refused::new();
        for siege in sieges {
            add(&mut refused, siege.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        healthy.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        anyhow::Ok((refused, sizes?))
    })?;

    process.signal(Signal::INT)?;
    process.wait()?.ensure_code(0)?;
    let told = reader.join().unwrap_or_else(|panic| resume_unwind(panic))?;
    let summary = &told.end;
    let cost = summary.probe_cost.as_ref().context("no cost")?;
    let (served, share) = (served.load(Ordering::Relaxed), cost.cpu_share);
    eprintln!(
        "{refused:?} refused, {served} served, {} told, {} probes missed; resident {sizes:?} KiB; \
         {share} of a CPU",
        told.drops, summary.missed_probes
    );
    balanced(summary, &refused)?;
    let accounted = told.drops + summary.sampled_out + summary.lost_events;
    ensure!(accounted == summary.total(), "{accounted} of {}", summary.total());
    let (settled, last) = sizes.first().zip(sizes.last()).context("it was too short")?;
    ensure!(*last <= settled + GROWTH_KIB, "memory grows: {sizes:?} KiB");
    Ok(())
}

/// How much memory is resident once it has settled, and then each minute.
fn watch(process: &mut Process, long: Duration, served: &AtomicU64) -> Result<Vec<u64>> {
    let (began, mut sizes) = (Instant::now(), Vec::new());
    let path = format!("/proc/{}/status", process.child().id());
    thread::sleep(SETTLED.min(long / 2));
    loop {
        let status = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        let size = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let size = size.and_then(|size| size.trim().strip_suffix("kB")?.trim().parse().ok());
        sizes.push(size.with_context(|| format!("failed to find VmRSS in {path}"))?);
        if began.elapsed() >= long {
            return Ok(sizes);
        }
        let before = served.load(Ordering::Relaxed);
        thread::sleep(MINUTE.min(long.saturating_sub(began.elapsed())));
        ensure!(served.load(Ordering::Relaxed) > before, "nobody is served any more");
    }
}

/// Nothing is counted that was not sent, nor the other way round, but for what the kernel says
/// that its probes missed.
fn balanced(summary: &Summary, refused: &Refused) -> Result<()> {
    let missed = summary.missed_probes;
    let close = |counted: u64, expected| counted <= expected && counted + missed >= expected;
    for (port, reason) in REASONS {
        let counted = summary.drops.get(reason).copied().unwrap_or(0);
        ensure!(close(counted, refused[&port]), "{reason}: {counted} of {}", refused[&port]);
    }
    for line in &summary.counters {
        let kernel = line.kernel.unwrap_or_default();
        ensure!(close(line.explained, kernel), "left over: {line:?}");
    }
    ensure!(summary.uncounted_drops == 0, "{} not counted", summary.uncounted_drops);
    // A few in a million runs.
    ensure!(missed * 10_000 <= summary.total(), "{missed} probes missed");
    Ok(())
}

/// What was told, without keeping all of it.
struct Told {
    drops: u64,
    end: Summary,
}

impl Told {
    fn read(stdout: ChildStdout) -> Result<Self> {
        let (mut drops, mut text) = (0, String::new());
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line.starts_with(r#"{"type":"drop""#) {
                drops += 1;
            } else if line.starts_with(r#"{"type":"header""#)
                || line.starts_with(r#"{"type":"summary""#)
            {
                text += &line;
                text.push('\n');
            } else if !line.starts_with(r#"{"type":"#) {
                bail!("no line of a recording: {line}");
            }
        }
        Ok(Self { drops, end: Report::parse(&text)?.summary })
    }
}
