//! A tool from its start to its end, and what it says of itself.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boundary::bench::{Tool, ToolOutcome};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};

use super::{group, nanoseconds};

const STDOUT: &str = "/tmp/tool.out";
const STDERR: &str = "/tmp/tool.err";
/// How often is looked whether it traces.
const LOOK: Duration = Duration::from_millis(1);
/// Only a guard: time of the guest, which flies while nobody works.
const PATIENCE: Duration = Duration::from_secs(300);
/// A tool that takes less than a hundredth of this is idle.
const REST: Duration = Duration::from_millis(500);
/// Of what a tool wrote, for errors.
const TAIL: usize = 12;

/// A tool that traces.
pub(crate) struct Running {
    child: Child,
    lost: Vec<(String, String)>,
    restless: bool,
    start: u64,
    start_wall: u64,
    peak_kib: u64,
}

impl Running {
    /// Starts it and waits until it says that it traces.
    pub(crate) fn start(tool: &Tool) -> Result<Self> {
        group::make()?;
        let (program, arguments) = tool.argv.split_first().context("a tool without a program")?;
        let mut command = Command::new(program);
        command.args(arguments);
        let create = |path| File::create(path).with_context(|| format!("failed to create {path}"));
        command.stdin(Stdio::null()).stdout(create(STDOUT)?).stderr(create(STDERR)?);
        let began = Instant::now();
        let child = group::within(|| {
            command.spawn().with_context(|| format!("failed to start {program}"))
        })?;
        let mut running = Self {
            child,
            lost: tool.lost.clone(),
            restless: tool.restless,
            start: 0,
            start_wall: 0,
            peak_kib: 0,
        };
        if tool.ready.is_empty() {
            running.catch_up()?;
        } else {
            running.await_word(&tool.ready, began)?;
        }
        running.start_wall = nanoseconds(began.elapsed());
        running.start = group::used()?;
        Ok(running)
    }

    fn await_word(&mut self, word: &str, began: Instant) -> Result<()> {
        while !says(word)? {
            if let Some(status) = self.child.try_wait()? {
                bail!("the tool ended with {status} instead of tracing:\n{}{}", tail()?, kernel());
            }
            if began.elapsed() > PATIENCE {
                bail!("the tool does not say {word:?}, but:\n{}", tail()?);
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Whether it is at work even when nothing happens.
    pub(crate) fn restless(&self) -> bool {
        self.restless
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it idles; returns what it took for that.
    pub(crate) fn catch_up(&mut self) -> Result<u64> {
        let began = Instant::now();
        let (first, mut last) = (group::used()?, group::used()?);
        loop {
            thread::sleep(REST);
            if let Some(status) = self.child.try_wait()? {
                bail!("the tool ended with {status}:\n{}", tail()?);
            }
            let now = group::used()?;
            if self.restless {
                last = first;
                break;
            }
            if now - last < nanoseconds(REST) / 100 {
                break;
            }
            if began.elapsed() > PATIENCE {
                bail!("the tool does not come to rest within {PATIENCE:?}:\n{}", tail()?);
            }
            last = now;
        }
        self.peak_kib = self.peak_kib.max(self.peak()?);
        Ok(last - first)
    }

    fn peak(&self) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid());
        let status = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok())
            .with_context(|| format!("failed to find VmHWM in {path}"))
    }

    /// Interrupts it as Ctrl-C does, and reads what it said.
    pub(crate) fn end(mut self) -> Result<ToolOutcome> {
        kill_process(Pid::from_child(&self.child), Signal::INT).context("failed to interrupt")?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if began.elapsed() > PATIENCE {
                bail!("the tool does not end within {PATIENCE:?}:\n{}", tail()?);
            }
            thread::sleep(LOOK);
        };
        if !status.success() && status.signal() != Some(Signal::INT.as_raw()) {
            bail!("the tool ended with {status}:\n{}", tail()?);
        }
        let (out, err) = (read(STDOUT)?, read(STDERR)?);
        let lost =
            out.lines().chain(err.lines()).filter_map(|line| lost_in(line, &self.lost)).sum();
        Ok(ToolOutcome {
            start: self.start,
            start_wall: self.start_wall,
            peak_kib: self.peak_kib,
            lost,
            lines: out.lines().count().try_into()?,
            tail: tail()?,
        })
    }
}

/// The number between the words that say how much was lost.
fn lost_in(line: &str, words: &[(String, String)]) -> Option<u64> {
    words.iter().find_map(|(before, behind)| {
        let (front, _) = line.split_once(behind.as_str())?;
        let start = front.rfind(' ').map_or(0, |space| space + 1);
        let (words, number) = front.split_at(start);
        if words.ends_with(before) { number.replace(',', "").parse().ok() } else { None }
    })
}

fn says(word: &str) -> Result<bool> {
    Ok(read(STDERR)?.contains(word) || read(STDOUT)?.contains(word))
}

fn read(path: &str) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("failed to read {path}"))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The kernel's last word, where it has one on the tool's end.
fn kernel() -> String {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    let log = File::options().read(true).custom_flags(nonblocking).open("/dev/kmsg");
    let Ok(mut log) = log else { return String::new() };
    let mut record = vec![0; 8192];
    let mut last = String::new();
    // One record at a time, an error when there are no more.
    while let Ok(length) = log.read(&mut record) {
        let text = String::from_utf8_lossy(&record[..length]).into_owned();
        if text.contains("segfault") || text.contains("out of memory") {
            last = text;
        }
    }
    last
}

/// The last lines of both outputs.
fn tail() -> Result<String> {
    let mut text = String::new();
    for path in [STDOUT, STDERR] {
        let said = read(path)?;
        let lines: Vec<&str> = said.lines().collect();
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            text.push_str(line);
            text.push('\n');
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_lost_events_stand_between_words() {
        let words = [("Lost ", " events"), ("", " packets dropped by kernel")];
        let words = words.map(|(before, behind)| (before.to_owned(), behind.to_owned()));
        assert_eq!(lost_in("Lost 12 events", &words), Some(12));
        assert_eq!(lost_in("3 packets dropped by kernel", &words), Some(3));
        assert_eq!(lost_in("Lost sight of events", &words), None);
    }
}
