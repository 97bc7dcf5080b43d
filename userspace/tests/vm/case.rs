//! A case: a name and a body that runs in a process of its own.
//!
//! The process can move to other namespaces, pin itself, hang or crash, and nothing of it is left
//! when the next case starts. It is this same program, told by the environment which case to run.

use std::env;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Failed, Trial};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::netns;
use crate::process::has_ended;

/// Names the case that a process of this program is to run.
pub(crate) const CHOSEN: &str = "SYNDROP_VM_CASE";
/// Only a guard: a case that hangs must not take the others with it.
const PATIENCE: Duration = Duration::from_secs(240);

/// One test.
pub(crate) struct Case {
    name: String,
    body: Box<dyn Fn() -> Result<()>>,
    patience: Duration,
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, body: impl Fn() -> Result<()> + 'static) -> Self {
        Self { name: name.into(), body: Box::new(body), patience: PATIENCE }
    }

    /// The same with more time, for one that is large.
    pub(crate) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The case as the test harness wants it.
    pub(crate) fn trial(self) -> Trial {
        let Self { name, body: _, patience } = self;
        Trial::test(name.clone(), move || {
            let said = in_own_process(&name, &[], patience);
            said.map(|said| eprint!("{said}")).map_err(|error| Failed::from(format!("{error:#}")))
        })
    }
}

/// The case that this process was started for, if it was.
pub(crate) fn chosen() -> Option<String> {
    env::var(CHOSEN).ok()
}

/// Runs a case in this process.
pub(crate) fn perform(cases: &[Case], name: &str) -> ExitCode {
    let case = cases.iter().find(|case| case.name == name);
    let outcome = match case {
        Some(case) => (case.body)(),
        None => Err(anyhow::anyhow!("there is no case {name}")),
    };
    // By now the case's listeners are closed.
    end(outcome.and(netns::sweep()))
}

/// Says what went wrong, if anything did.
pub(crate) fn end(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a case in a process of its own and judges its end; returns what it wrote.
pub(crate) fn in_own_process(
    name: &str,
    environment: &[(&str, &str)],
    patience: Duration,
) -> Result<String> {
    let log = tempfile::tempfile().context("failed to make a temporary file")?;
    let mut child = Command::new(env::current_exe()?)
        .env(CHOSEN, name)
        .envs(environment.iter().copied())
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .process_group(0)
        .spawn()
        .context("failed to start a process for the case")?;
    let in_time = has_ended(&child, patience)?;
    // Whatever the case started must not meet the next one. Before the process is reaped its id
    // cannot be another's; usually nothing but itself is left.
    kill_process_group(Pid::from_child(&child), Signal::KILL).context("failed to end the case")?;
    let status = child.wait()?;
    let said = read(log)?;
    ensure!(in_time, "{said}(no end within {patience:?})");
    ensure!(status.success(), "{said}({status})");
    Ok(said)
}

fn read(mut log: File) -> Result<String> {
    let mut bytes = Vec::new();
    log.rewind()?;
    log.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
