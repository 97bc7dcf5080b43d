//! `--stats`: what the probes cost, against what the kernel says of the programs itself.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::flow::Family;
use crate::netns::Home;
use crate::process::Process;
use crate::report::{ProbeCost, Report};
use crate::scenarios::ACCEPT_QUEUE_FULL_SYN;
use crate::setting::Setting;
use crate::trace::{Trace, Vantage};

/// Where it is said whether the kernel measures for all.
const SETTING: &str = "/proc/sys/kernel/bpf_stats_enabled";

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("stats::as-the-kernel-says", as_the_kernel_says)]
}

/// Runs and nanoseconds of every program of a process, by id.
fn measured(process: &mut Process) -> Result<BTreeMap<u32, (u64, u64)>> {
    let directory = format!("/proc/{}/fdinfo", process.child().id());
    let mut programs = BTreeMap::new();
    for entry in fs::read_dir(&directory).with_context(|| format!("failed to list {directory}"))? {
        // What was closed meanwhile is no program.
        let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse::<u64>().ok())
        };
        let figures = value("run_cnt:").zip(value("run_time_ns:"));
        if let Some((id, figures)) = value("prog_id:").zip(figures) {
            programs.insert(u32::try_from(id)?, figures);
        }
    }
    ensure!(!programs.is_empty(), "no program in {directory}");
    Ok(programs)
}

/// The same as a report has it, without names.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are small")]
fn reported(cost: &ProbeCost) -> Vec<(u64, u64)> {
    let figures = cost.programs.iter().map(|it| (it.runs, (it.run_s * 1e9).round() as u64));
    let mut figures: Vec<_> = figures.collect();
    figures.sort_unstable();
    figures
}

fn as_the_kernel_says() -> Result<()> {
    let home = Home::here()?;
    let row = &ACCEPT_QUEUE_FULL_SYN;
    let mut setting = Setting::make(row, Family::V4)?;
    setting.rig.fill_accept_queue()?;

    // Not asked: nothing is measured, and nothing is said.
    let mut process = Trace::start(Vantage::Host(&home), &[])?.into_process();
    setting.rig.refused_syns(row.count, 0)?;
    let figures = measured(&mut process)?;
    ensure!(figures.values().all(|it| *it == (0, 0)), "measured all the same: {figures:?}");
    let report = end(process)?;
    ensure!(report.summary.probe_cost.is_none(), "{:?}", report.summary.probe_cost);

    let mut process =
        Trace::start(Vantage::Host(&home), &["--stats", "--interval", "1s"])?.into_process();
    for _ in 0..20 {
        setting.rig.refused_syns(row.count, 0)?;
    }
    // No packet is on its way now.
    let figures = measured(&mut process)?;
    let report = end(process)?;
    let summary = &report.summary;
    let cost = summary.probe_cost.as_ref().context("no cost in the summary")?;
    let mut kernel: Vec<_> = figures.into_values().filter(|(runs, _)| *runs > 0).collect();
    kernel.sort_unstable();
    ensure!(reported(cost) == kernel, "the kernel says {kernel:?}, not {cost:?}");
    let sent = 20 * u64::try_from(row.count)?;
    let entry = cost.programs.iter().find(|it| it.program == "conn_request");
    ensure!(entry.is_some_and(|it| it.runs == sent), "{sent} SYNs, and {cost:?}");
    let all: u64 = cost.programs.iter().map(|it| it.runs).sum();
    let seconds: f64 = cost.programs.iter().map(|it| it.run_s).sum();
    let same = cost.runs == all && (cost.run_s - seconds).abs() < 1e-7;
    ensure!(same, "it does not add up: {cost:?}");
    let share = cost.run_s / summary.duration_s;
    let apart = (cost.cpu_share - share).abs();
    ensure!(share > 0.0 && apart < share / 10.0 + 1e-5, "a share of {share}, not {cost:?}");
    for interval in &report.intervals {
        ensure!(interval.summary.probe_cost.is_some(), "an interval without: {interval:?}");
    }
    let setting =
        fs::read_to_string(SETTING).with_context(|| format!("failed to read {SETTING}"))?;
    ensure!(setting.trim_end() == "0", "the setting was changed: {setting}");
    Ok(())
}

fn end(process: Process) -> Result<Report> {
    process.signal(Signal::INT)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    Report::parse(&ending.stdout)
}
