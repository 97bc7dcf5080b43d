//! The command of the plan: its outputs become reports, its end becomes the verdict.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use boundary::frame::Report;
use boundary::plan::TERMINAL;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::port::Port;

const CHUNK: usize = 16 << 10;

/// A started command and the threads that forward what it writes.
pub(crate) struct Running {
    pid: Pid,
    pumps: Vec<JoinHandle<Result<()>>>,
}

/// Starts `command` as the leader of a process group of its own.
pub(crate) fn start(
    mut command: Command,
    terminal: Option<(u16, u16)>,
    port: &Arc<Port>,
) -> Result<Running> {
    if let Some((rows, columns)) = terminal {
        let line = open_terminal(rows, columns)
            .with_context(|| format!("failed to set up the terminal {TERMINAL}"))?;
        command.stdin(line.try_clone()?).stdout(line.try_clone()?).stderr(line);
    } else {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("failed to start {}", command.get_program().display()))?;
    let mut pumps = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        pumps.push(pump(stdout, Report::Stdout, Arc::clone(port)));
    }
    if let Some(stderr) = child.stderr.take() {
        pumps.push(pump(stderr, Report::Stderr, Arc::clone(port)));
    }
    let pid = Pid::from_child(&child);
    Ok(Running { pid, pumps })
}

impl Running {
    /// The process group that interrupts go to.
    pub(crate) fn group(&self) -> Pid {
        self.pid
    }

    /// Reaps until the command has ended, ends what it left behind, returns its exit status.
    pub(crate) fn wait(self) -> Result<i32> {
        let status = loop {
            match wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) if pid == self.pid => break exit_status(status),
                // An orphan of the command, reaped as PID 1 must.
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("failed to wait for the command"),
            }
        };
        // Whoever is left may hold the command's outputs open, and there would be no end.
        end_the_rest()?;
        for pump in self.pumps {
            match pump.join() {
                Ok(pumped) => pumped?,
                Err(_) => anyhow::bail!("a thread that forwards output panicked"),
            }
        }
        Ok(status)
    }
}

fn exit_status(status: WaitStatus) -> i32 {
    status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

fn pump(
    mut from: impl Read + Send + 'static,
    as_report: fn(Vec<u8>) -> Report,
    port: Arc<Port>,
) -> JoinHandle<Result<()>> {
    thread::spawn(move || {
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = from.read(&mut chunk).context("failed to read the command's output")?;
            if length == 0 {
                return Ok(());
            }
            port.report(&as_report(chunk[..length].to_vec()))?;
        }
    })
}

fn open_terminal(rows: u16, columns: u16) -> Result<File> {
    let line = File::options()
        .read(true)
        .write(true)
        // The shell's session takes it as its controlling terminal, PID 1 must not.
        .custom_flags(OFlags::NOCTTY.bits().cast_signed())
        .open(TERMINAL)?;
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&line, size)?;
    Ok(line)
}

/// Kills every process but PID 1, and reaps until none is left.
fn end_the_rest() -> Result<()> {
    loop {
        for pid in others()? {
            // Already gone is as good.
            let _ = kill_process(pid, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error).context("failed to reap what the command left"),
        }
    }
}

/// Processes in user space; a kernel thread has no command line, and a zombie neither.
fn others() -> Result<Vec<Pid>> {
    let entries = fs::read_dir("/proc").context("failed to list /proc")?;
    let pids = entries.flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        if pid == 1 || line.is_empty() { None } else { Pid::from_raw(pid) }
    });
    Ok(pids.collect())
}
