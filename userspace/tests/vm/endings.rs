//! How a trace ends: by itself, by a signal, because nobody reads it, because it cannot write.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::flow::Family;
use crate::netns::Home;
use crate::process::{Process, command};
use crate::report::Report;
use crate::scenarios::ACCEPT_QUEUE_FULL_SYN;
use crate::setting::Setting;
use crate::trace::{Trace, Vantage};
use crate::verdict;

/// How many drops each case here provokes.
const DROPS: usize = ACCEPT_QUEUE_FULL_SYN.count;
const FULL: &str = "/dev/full";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("ends::count", count),
        Case::new("ends::duration", duration),
        Case::new("ends::sigterm", sigterm),
        Case::new("ends::closed-pipe", closed_pipe),
        Case::new("ends::full-disk", full_disk),
        Case::new("ends::output-file", output_file),
        Case::new("ends::fail-on-drop", fail_on_drop),
    ]
}

fn setting() -> Result<(Home, Setting)> {
    let home = Home::here()?;
    Ok((home, Setting::make(&ACCEPT_QUEUE_FULL_SYN, Family::V4)?))
}

/// Shows so many, then ends; what was dropped meanwhile may still be in the totals.
fn count() -> Result<()> {
    let (home, mut setting) = setting()?;
    let trace = Trace::start(Vantage::Host(&home), &["--count", "3"])?;
    let played = setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    let ending = trace.into_process().wait()?;
    ending.ensure_code(0)?;
    let report = Report::parse(&ending.stdout)?;
    let shown: Vec<_> = report.drops.iter().map(|event| event.peer).collect();
    let refused = played.provoked.refused.iter().take(3);
    let first: Vec<_> = refused.map(|refused| refused.flow.client.into()).collect();
    ensure!(shown == first, "shows {shown:?}, not {first:?}");
    ensure!(report.summary.total() >= 3, "counts less than it shows: {:?}", report.summary);
    report.summary.ensure_explained()
}

/// Ends by itself, but not before.
fn duration() -> Result<()> {
    let (home, mut setting) = setting()?;
    let trace = Trace::start(Vantage::Host(&home), &["--duration", "5s"])?;
    setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    let ending = trace.into_process().wait()?;
    ending.ensure_code(0)?;
    let report = Report::parse(&ending.stdout)?;
    ensure!(report.drops.len() == DROPS, "{} events", report.drops.len());
    ensure!(report.summary.duration_s >= 5.0, "ended early: {:?}", report.summary);
    report.summary.ensure_explained()
}

/// As a service manager ends it.
fn sigterm() -> Result<()> {
    let (home, mut setting) = setting()?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    let played = setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    let process = trace.into_process();
    process.signal(Signal::TERM)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    verdict::judge(&ACCEPT_QUEUE_FULL_SYN, &setting, &played, &Report::parse(&ending.stdout)?)
}

/// `syndrop | head -1`: the reader has seen enough.
fn closed_pipe() -> Result<()> {
    let (home, mut setting) = setting()?;
    let mut process = home.visit(|| {
        let mut command = command(&["trace", "--json"]);
        command.stdout(Stdio::piped());
        Process::start_as_is(command)
    })?;
    process.await_ready()?;
    let stdout = process.child().stdout.take().context("failed to take stdout")?;
    let mut header = String::new();
    BufReader::new(stdout).read_line(&mut header)?;
    ensure!(header.contains(r#""type":"header""#), "the first line is no header: {header:?}");
    // The pipe is closed now; the first drop meets it.
    setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    let loud = ending.stderr.iter().any(|line| line.to_lowercase().contains("pipe"));
    ensure!(!loud, "a reader that went away is no news: {:?}", ending.stderr);
    Ok(())
}

/// A disk that is full is an error, and no reason to hang.
fn full_disk() -> Result<()> {
    let (home, mut setting) = setting()?;
    let process = home.visit(|| Process::start(command(&["trace", "--json", "-o", FULL])))?;
    // Whether it already failed or fails at the first drop, it must not take these.
    setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    let ending = process.wait()?;
    ending.ensure_code(2)?;
    ensure!(ending.stdout.is_empty(), "{ending:?}");
    ensure!(ending.stderr.iter().any(|line| line.contains(FULL)), "names no {FULL}: {ending:?}");
    Ok(())
}

/// The gate: 1 if anything was dropped, else 0.
fn fail_on_drop() -> Result<()> {
    let (home, mut setting) = setting()?;
    for drops in [false, true] {
        let trace = Trace::start(Vantage::Host(&home), &["--fail-on-drop"])?;
        if drops {
            setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
        }
        let process = trace.into_process();
        process.signal(Signal::INT)?;
        process.wait()?.ensure_code(drops.into())?;
    }
    Ok(())
}

/// All data goes to the file, none to stdout; and the file can be replayed.
fn output_file() -> Result<()> {
    let (home, mut setting) = setting()?;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("trace.ndjson");
    File::create(&path)?;
    let name = path.to_str().context("failed to name a temporary file")?;
    let trace = Trace::start(Vantage::Host(&home), &["-o", name])?;
    let played = setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    let process = trace.into_process();
    process.signal(Signal::INT)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    ensure!(ending.stdout.is_empty(), "wrote to stdout too: {ending:?}");
    let recorded = fs::read_to_string(&path)?;
    let report = Report::parse(&recorded)?;
    verdict::judge(&ACCEPT_QUEUE_FULL_SYN, &setting, &played, &report)?;

    let replayed = Process::start(command(&["replay", "--json", name]))?.wait()?;
    replayed.ensure_code(0)?;
    ensure!(replayed.stdout == recorded, "replayed {}, not {recorded}", replayed.stdout);
    Ok(())
}
