//! A pipe that nobody reads for a while: that costs detail, and neither totals nor memory.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::Size;
use crate::flow::Family;
use crate::netns::Home;
use crate::process::{Process, command};
use crate::report::Report;
use crate::scenarios::ACCEPT_QUEUE_FULL_SYN;
use crate::setting::Setting;

/// SYNs in a row; only the first of them wakes anybody.
const SALVO: usize = 5;
/// How late a line may be on a busy machine; it takes some 10 ms.
const PROMPT: Duration = Duration::from_secs(5);
/// How many clients there are; then the first comes again.
const CLIENTS: usize = 50_000;

pub(super) fn nobody_reads(size: Size) -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(&ACCEPT_QUEUE_FULL_SYN, Family::V4)?;
    setting.rig.fill_accept_queue()?;
    let mut process = home.visit(|| {
        let mut command = command(&["trace", "--json", "--detail", "all"]);
        command.stdout(Stdio::piped());
        Process::start_as_is(command)
    })?;
    process.await_ready()?;
    let mut stdout =
        BufReader::new(process.child().stdout.take().context("failed to take stdout")?);
    let mut text = String::new();
    stdout.read_line(&mut text)?;

    // All are told at once, though no further packet comes.
    strike(&mut setting, SALVO)?;
    let (lines, reader) = promptly(stdout, SALVO);
    for nth in 1..=SALVO {
        let line = lines.recv_timeout(PROMPT).ok().with_context(|| format!("no line {nth}"))?;
        text.push_str(&line);
    }
    let mut stdout = match reader.join() {
        Ok(stdout) => stdout?,
        Err(panic) => std::panic::resume_unwind(panic),
    };

    strike(&mut setting, size.unread)?;
    thread::sleep(size.silence);
    let memory = process.peak_memory()?;
    // Whoever reads again gets all that was kept.
    let rest = thread::spawn(move || {
        let mut rest = String::new();
        while stdout.read_line(&mut rest)? > 0 {}
        Ok::<_, std::io::Error>(rest)
    });
    process.signal(Signal::INT)?;
    process.wait()?.ensure_code(0)?;
    match rest.join() {
        Ok(rest) => text.push_str(&rest?),
        Err(panic) => std::panic::resume_unwind(panic),
    }

    let report = Report::parse(&text)?;
    let summary = &report.summary;
    let (sent, told) = (u64::try_from(SALVO + size.unread)?, u64::try_from(report.drops.len())?);
    ensure!(summary.total() == sent, "{} counted of {sent}", summary.total());
    let lost = summary.lost_events;
    ensure!(lost > 0, "nothing was lost, so nothing was tried");
    ensure!(told + lost == sent, "{told} told and {lost} lost of {sent}");
    ensure!(summary.sampled_out == 0, "{} sampled out", summary.sampled_out);
    ensure!(memory < size.memory_kib, "{memory} KiB resident");
    summary.ensure_explained()
}

fn strike(setting: &mut Setting, count: usize) -> Result<()> {
    let port = setting.rig.listener.bound().port();
    for nth in 0..count {
        let client = u16::try_from(1000 + nth % CLIENTS)?;
        let flow = setting.rig.peer.flow(Family::V4, client, port);
        setting.rig.peer.syn(&flow)?;
    }
    Ok(())
}

type Reader<R> = thread::JoinHandle<std::io::Result<R>>;

/// Reads so many lines on a thread of its own, which gives the rest back.
fn promptly<R: BufRead + Send + 'static>(
    mut from: R,
    count: usize,
) -> (Receiver<String>, Reader<R>) {
    let (sender, lines) = channel();
    let reader = thread::spawn(move || {
        for _ in 0..count {
            let mut line = String::new();
            from.read_line(&mut line)?;
            // Whoever does not wait any more has failed.
            let _ = sender.send(line);
        }
        Ok(from)
    });
    (lines, reader)
}
