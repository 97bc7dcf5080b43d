//! One measurement inside a guest whose clock counts instructions.
//!
//! Nothing runs here but the workload and the tool, on one CPU, so the time that a load takes is
//! all that was executed for it, in the kernel and outside. What the tool has not dealt with when
//! the load ends is added.

mod client;
mod counters;
mod flood;
mod group;
mod load;
mod programs;
mod route;
mod setting;
mod tool;

use std::fs;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use boundary::bench::{JOB, Job, Load, Outcome, Taken};

use self::load::Prepared;
use self::programs::Stats;
use self::tool::Running;

/// Before each load: what an earlier one left has ended, TIME_WAIT included. A guest that idles
/// costs nothing.
const CALM: Duration = Duration::from_secs(70);

/// Does what the job says; the outcome is one line of JSON on stdout.
pub(crate) fn run() -> ExitCode {
    match work().and_then(|outcome| Ok(serde_json::to_string(&outcome)?)) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> Result<Outcome> {
    let job = fs::read(JOB).with_context(|| format!("failed to read {JOB}"))?;
    let job: Job =
        serde_json::from_slice(&job).with_context(|| format!("failed to parse {JOB}"))?;
    setting::settle()?;
    // A kernel that has just booted has work of its own left.
    thread::sleep(CALM);
    if job.by_program {
        programs::measure()?;
    }
    let mut tool = job.tool.as_ref().map(Running::start).transpose()?;
    let mut outcome = Outcome::default();
    for load in &job.loads {
        let taken = take(load, tool.as_mut(), job.by_program)
            .with_context(|| format!("under {} times {:?}", load.count, load.workload))?;
        outcome.loads.push(taken);
    }
    outcome.tool = tool.map(Running::end).transpose()?;
    Ok(outcome)
}

/// One load from its preparation until the tool has caught up.
fn take(load: &Load, mut tool: Option<&mut Running>, by_program: bool) -> Result<Taken> {
    if tool.as_ref().is_none_or(|tool| !tool.restless()) {
        thread::sleep(CALM);
    }
    let mut prepared = Prepared::new(load)?;
    prepared.warm_up()?;
    if let Some(tool) = &mut tool {
        tool.catch_up()?;
    }
    prepared.fill()?;
    let stats = |tool: &Option<&mut Running>| match tool {
        Some(tool) if by_program => Stats::of(tool.pid()),
        _ => Ok(Stats::default()),
    };
    let used = |tool: &Option<&mut Running>| tool.as_ref().map_or(Ok(0), |_| group::used());
    let (programs_before, used_before) = (stats(&tool)?, used(&tool)?);
    let began = Instant::now();
    prepared.play()?;
    let during = began.elapsed();
    let tool_during = used(&tool)? - used_before;
    let tool_after = tool.as_mut().map_or(Ok(0), |tool| tool.catch_up())?;
    let programs = stats(&tool)?.since(&programs_before);
    prepared.verify()?;
    let count = load.count;
    Ok(Taken { count, during: nanoseconds(during), tool_during, tool_after, programs })
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
