//! The `syndrop` program under test, as a child process.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

const PROGRAM: &str = "SYNDROP_BIN";
const INSTALLED: &str = "/usr/bin/syndrop";
/// Only a guard against waiting for ever.
const PATIENCE: Duration = Duration::from_secs(150);
/// What the program promises to say once every probe is attached.
const READY: &str = "Tracing";

/// A command line of the program, with nothing on its stdin.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let program = env::var_os(PROGRAM).unwrap_or_else(|| OsString::from(INSTALLED));
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}

/// How a process ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: Vec<String>,
}

impl Ending {
    /// The exit code; an end by a signal is an error.
    pub(crate) fn code(&self) -> Result<i32> {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => Ok(code),
            (None, signal) => bail!("syndrop ended by signal {signal:?}; {self:?}"),
        }
    }

    /// Fails unless it ended with this exit code.
    pub(crate) fn ensure_code(&self, expected: i32) -> Result<()> {
        let code = self.code()?;
        ensure!(code == expected, "exit code {code} is not {expected}; {self:?}");
        Ok(())
    }
}

/// A running process; it is killed if it is dropped before its end.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// What it writes to stdout, unless the test reads a pipe instead.
    stdout: Option<File>,
    stderr: Receiver<String>,
    said: Vec<String>,
}

impl Process {
    /// Starts a command with its stdout in a file.
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let stdout = tempfile::tempfile().context("failed to make a temporary file")?;
        command.stdout(stdout.try_clone()?);
        let mut process = Self::start_as_is(command)?;
        process.stdout = Some(stdout);
        Ok(process)
    }

    /// Starts a command whose stdout is set already.
    pub(crate) fn start_as_is(mut command: Command) -> Result<Self> {
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start {command:?}"))?;
        let stderr = child.stderr.take().context("failed to take stderr")?;
        Ok(Self { child, stdout: None, stderr: lines(stderr), said: Vec::new() })
    }

    /// Waits for the word that every probe is attached.
    pub(crate) fn await_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.stderr.recv_timeout(left) else {
                bail!("syndrop did not say {READY:?}, but {:?}", self.said);
            };
            let ready = line.starts_with(READY);
            self.said.push(line);
            if ready {
                return Ok(());
            }
        }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid(), signal).context("failed to signal syndrop")
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Result<Ending> {
        ensure!(has_ended(&self.child, PATIENCE)?, "no end of syndrop within {PATIENCE:?}");
        let status = self.child.wait()?;
        let mut stdout = String::new();
        if let Some(file) = &mut self.stdout {
            file.rewind()?;
            file.read_to_string(&mut stdout).context("failed to read what syndrop wrote")?;
        }
        let mut stderr = std::mem::take(&mut self.said);
        stderr.extend(self.stderr.iter());
        Ok(Ending { status, stdout, stderr })
    }

    /// The most memory that it has had resident so far, in KiB.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix("kB"));
        peak.and_then(|peak| peak.trim().parse().ok())
            .with_context(|| format!("failed to find VmHWM in {path}"))
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail when it has ended and was waited for, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a child has ended, without reaping it; `false` after the given time.
pub(crate) fn has_ended(child: &Child, patience: Duration) -> Result<bool> {
    let pidfd = pidfd_open(Pid::from_child(child), PidfdFlags::empty())
        .context("failed to open a pidfd")?;
    let mut ended = [PollFd::new(&pidfd, PollFlags::IN)];
    let ready = poll(&mut ended, Some(&Timespec::try_from(patience)?))
        .context("failed to wait for a process")?;
    Ok(ready != 0)
}

fn lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
