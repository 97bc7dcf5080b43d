//! The tracer of the demonstration: its output passes through and is read along.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::server::PORT;

/// What syndrop says on stderr once every probe is attached.
const ATTACHED: &str = "Tracing";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running `syndrop trace`.
pub(crate) struct Trace {
    syndrop: Child,
    stdout: JoinHandle<Summary>,
    stderr: JoinHandle<()>,
}

/// What the lines on stdout said.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    words: BTreeSet<String>,
    /// Explained and counted, by the kernel's name of the counter.
    reconciled: BTreeMap<String, (u64, u64)>,
}

impl Trace {
    /// Starts it and waits until every probe is attached.
    pub(crate) fn start() -> Result<Self> {
        let mut syndrop = Command::new("syndrop")
            .args(["trace", "--port", &PORT.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("failed to start syndrop")?;
        let stdout = syndrop.stdout.take().context("syndrop has no stdout")?;
        let stderr = syndrop.stderr.take().context("syndrop has no stderr")?;
        let stdout = thread::spawn(|| {
            let mut summary = Summary::default();
            pass(stdout, std::io::stdout(), |line| summary.push(line));
            summary
        });
        let (sender, attached) = mpsc::channel();
        let stderr = thread::spawn(move || {
            pass(stderr, std::io::stderr(), |line| {
                if line.contains(ATTACHED) {
                    // Nobody waits any more if it says so twice.
                    let _ = sender.send(());
                }
            });
        });
        if attached.recv_timeout(PATIENCE).is_err() {
            bail!("syndrop did not say that it is tracing");
        }
        Ok(Self { syndrop, stdout, stderr })
    }

    /// Interrupts it as Ctrl-C would and waits for its summary.
    pub(crate) fn finish(mut self) -> Result<Summary> {
        kill_process(Pid::from_child(&self.syndrop), Signal::INT)
            .context("failed to interrupt syndrop")?;
        let status = self.syndrop.wait().context("failed to wait for syndrop")?;
        let (Ok(summary), Ok(())) = (self.stdout.join(), self.stderr.join()) else {
            bail!("failed to read what syndrop printed");
        };
        ensure!(status.success(), "syndrop ended with {status}");
        Ok(summary)
    }
}

impl Summary {
    /// Whether an event or a total carried this reason.
    pub(crate) fn saw(&self, reason: &str) -> bool {
        self.words.contains(reason)
    }

    /// Whether the kernel's counter was explained to the last drop.
    pub(crate) fn agrees(&self, counter: &str, kernel: u64) -> Result<()> {
        // A counter that did not move has no line.
        let (explained, all) = self.reconciled.get(counter).copied().unwrap_or_default();
        ensure!(
            explained == kernel && all == kernel,
            "syndrop explains {explained} of {all} {counter}, the kernel counted {kernel}"
        );
        Ok(())
    }

    fn push(&mut self, line: &str) {
        let line = without_colour(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [.., counter, explained, "of", all, "explained"] = words[..]
            && let (Ok(explained), Ok(all)) = (explained.parse(), all.parse())
        {
            self.reconciled.insert(counter.to_owned(), (explained, all));
        }
        self.words.extend(words.into_iter().map(str::to_owned));
    }
}

/// Passes lines on as they come.
fn pass(from: impl Read, mut to: impl Write, mut seen: impl FnMut(&str)) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        // The demonstration goes on if nobody looks.
        let _ = writeln!(to, "{line}").and_then(|()| to.flush());
        seen(&line);
    }
}

/// The line without escape sequences of the form ESC [ … m.
fn without_colour(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, text)| text));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(lines: &[&str]) -> Summary {
        let mut summary = Summary::default();
        for line in lines {
            summary.push(line);
        }
        summary
    }

    #[test]
    fn reasons_are_seen_through_colour() {
        let line = "11:12:48 127.0.0.1:80 \x1b[1;31maccept-queue-full-syn\x1b[0m 65 > 64";
        let summary = summary(&[line]);
        assert!(summary.saw("accept-queue-full-syn"));
        assert!(!summary.saw("accept-queue-full-ack"));
    }

    #[test]
    fn a_summary_agrees_only_to_the_last_drop() {
        let summary = summary(&[
            "ListenDrops      911 of 911 explained",
            "ListenOverflows  7 of 9 explained",
        ]);
        assert!(summary.agrees("ListenDrops", 911).is_ok());
        assert!(summary.agrees("ListenDrops", 912).is_err());
        assert!(summary.agrees("ListenOverflows", 9).is_err());
        assert!(summary.agrees("TCPReqQFullDrop", 0).is_ok());
        assert!(summary.agrees("TCPReqQFullDrop", 1).is_err());
    }
}
