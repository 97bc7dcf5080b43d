//! From a running guest to exactly one verdict.
//!
//! Silence is an error: a guest that ends without a verdict has failed, whatever QEMU's exit
//! status says, and so has one that says anything after it, or whose kernel broke down.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boundary::frame::{Order, Report};

use crate::console::Console;
use crate::interrupt::{Interrupted, Watch};
use crate::machine::{Event, OnInterrupt, Progress};

/// Until the guest is set up; the slowest seen on a busy machine took a fifth of it.
const SETUP_LIMIT: Duration = Duration::from_secs(120);
/// From the verdict to the end of QEMU.
const GOODBYE: Duration = Duration::from_secs(10);
/// From a fatal line on the console to the error, so that the trace below the line is in it.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How often signals are looked at.
const TICK: Duration = Duration::from_millis(100);

/// What is known of a running guest.
pub(crate) struct Session {
    started: Instant,
    limit: Option<Duration>,
    deadline: Option<Instant>,
    on_interrupt: OnInterrupt,
    interactive: bool,
    ready: bool,
    interrupted: bool,
    verdict: Option<i32>,
    console: Console,
    said_by_qemu: Vec<String>,
}

/// Why there is nothing more to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// QEMU has gone.
    Closed,
    /// A deadline has passed.
    Late,
}

/// The error of a guest that was not set up in time: nothing of ours has run in it yet.
#[derive(Debug)]
pub(crate) struct NotUp(u64, String);

impl Display for NotUp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(seconds, context) = self;
        write!(f, "the guest was not up within {seconds} s\n{context}")
    }
}

impl Error for NotUp {}

impl Session {
    /// A guest that starts now.
    pub(crate) fn new(
        limit: Option<Duration>,
        on_interrupt: OnInterrupt,
        interactive: bool,
    ) -> Self {
        let started = Instant::now();
        Self {
            started,
            limit,
            deadline: Some(started + SETUP_LIMIT),
            on_interrupt,
            interactive,
            ready: false,
            interrupted: false,
            verdict: None,
            console: Console::default(),
            said_by_qemu: Vec::new(),
        }
    }

    /// A guest that may take longer until it is set up.
    pub(crate) fn with_setup_limit(self, limit: Duration) -> Self {
        Self { deadline: Some(self.started + limit), ..self }
    }

    /// Passes on what the guest does, until it has ended; returns the command's exit status.
    pub(crate) fn follow(
        mut self,
        watch: &Watch,
        mut orders: &UnixStream,
        events: &Receiver<Event>,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<i32> {
        loop {
            match events.recv_timeout(TICK) {
                Ok(event) => self.take(event, progress)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.judge(End::Closed),
            }
            let passes_on = self.on_interrupt == OnInterrupt::PassOn && self.ready;
            if watch.must_end() || (watch.interrupted() && (self.interrupted || !passes_on)) {
                return Err(Interrupted.into());
            }
            if watch.take_interrupt() {
                self.interrupted = true;
                Order::Interrupt.write_to(&mut orders).context("failed to interrupt the guest")?;
            }
            if self.deadline.is_some_and(|deadline| deadline < Instant::now()) {
                return self.judge(End::Late);
            }
        }
    }

    fn take(
        &mut self,
        event: Event,
        progress: &mut dyn FnMut(Progress) -> Result<()>,
    ) -> Result<()> {
        match event {
            Event::Report(_) if self.verdict.is_some() => {
                bail!("the guest reported something after its verdict")
            }
            Event::Report(Report::Ready) => {
                self.ready = true;
                self.deadline = self.limit.map(|limit| self.started + limit);
                progress(Progress::Ready(self.started.elapsed()))
            }
            Event::Report(Report::Stdout(bytes)) => progress(Progress::Stdout(bytes)),
            Event::Report(Report::Stderr(bytes)) => progress(Progress::Stderr(bytes)),
            Event::Report(Report::File(path)) => progress(Progress::File(path)),
            Event::Report(Report::FileBytes(bytes)) => progress(Progress::FileBytes(bytes)),
            Event::Report(Report::Broken(message)) => bail!("failed to run the guest: {message}"),
            Event::Report(Report::Verdict(status)) => {
                self.verdict = Some(status);
                self.deadline = Some(Instant::now() + GOODBYE);
                Ok(())
            }
            Event::Garbled(error) => Err(error).context("failed to read the guest's reports"),
            Event::Qemu(line) => {
                self.said_by_qemu.push(line);
                Ok(())
            }
            Event::Console(line) => {
                let was_lost = self.console.fatal().is_some();
                self.console.push(&line);
                if self.console.fatal().is_some() && !was_lost {
                    self.deadline = Some(Instant::now() + LAST_WORDS);
                }
                Ok(())
            }
        }
    }

    fn judge(&self, end: End) -> Result<i32> {
        let seconds = self.started.elapsed().as_secs();
        let mut context = self.console.tail();
        for line in &self.said_by_qemu {
            context.push_str("\nQEMU: ");
            context.push_str(line);
        }
        match (self.verdict, self.console.fatal(), end) {
            (Some(status), None, _) => Ok(status),
            (_, Some(line), _) => bail!("the guest's kernel failed: {line}\n{context}"),
            // A person ends the guest as they like, with QEMU's own key for instance.
            (None, None, End::Closed) if self.interactive && self.ready => Ok(0),
            (None, None, End::Closed) => bail!("the guest ended without a verdict\n{context}"),
            (None, None, End::Late) if self.ready => {
                bail!("no verdict from the guest within {seconds} s\n{context}")
            }
            (None, None, End::Late) => Err(NotUp(seconds, context).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// What a guest comes to that sends these events and ends.
    fn outcome(events: Vec<Event>) -> (Result<i32>, Vec<Progress>) {
        outcome_of(events, false)
    }

    fn outcome_of(events: Vec<Event>, interactive: bool) -> (Result<i32>, Vec<Progress>) {
        let (orders, _guest) = UnixStream::pair().expect("a pair of sockets");
        let (sender, receiver) = mpsc::channel();
        for event in events {
            sender.send(event).expect("the receiver lives");
        }
        drop(sender);
        let mut seen = Vec::new();
        let watch = Watch::start().expect("signals can be watched");
        let session = Session::new(None, OnInterrupt::End, interactive);
        let verdict = session.follow(&watch, &orders, &receiver, &mut |progress| {
            if !matches!(progress, Progress::Ready(_)) {
                seen.push(progress);
            }
            Ok(())
        });
        (verdict, seen)
    }

    fn error(events: Vec<Event>) -> String {
        outcome(events).0.expect_err("no verdict").to_string()
    }

    fn console(line: &str) -> Event {
        Event::Console(line.to_owned())
    }

    #[test]
    fn output_and_verdict_arrive_in_order() {
        let (verdict, seen) = outcome(vec![
            Event::Report(Report::Ready),
            Event::Report(Report::Stdout(b"a".to_vec())),
            Event::Report(Report::Stderr(b"b".to_vec())),
            Event::Report(Report::Verdict(3)),
        ]);
        assert_eq!(verdict.expect("a verdict"), 3);
        assert_eq!(seen, [Progress::Stdout(b"a".to_vec()), Progress::Stderr(b"b".to_vec())]);
    }

    #[test]
    fn silence_is_an_error() {
        let error = error(vec![Event::Report(Report::Ready), console("Booting"), console("last")]);
        assert!(error.starts_with("the guest ended without a verdict"), "{error}");
        assert!(error.ends_with("last"), "{error}");
    }

    #[test]
    fn a_person_may_end_a_guest_but_not_a_kernel() {
        let ready = || Event::Report(Report::Ready);
        assert_eq!(outcome_of(vec![ready()], true).0.expect("no verdict needed"), 0);
        assert!(outcome_of(vec![], true).0.is_err());
        assert!(
            outcome_of(vec![ready(), console("Kernel panic - not syncing: x")], true).0.is_err()
        );
    }

    #[test]
    fn a_second_verdict_is_an_error() {
        let verdict = || Event::Report(Report::Verdict(0));
        assert!(error(vec![verdict(), verdict()]).contains("after its verdict"));
    }

    #[test]
    fn a_panic_outweighs_a_verdict() {
        let panic = "Kernel panic - not syncing: Fatal exception in interrupt";
        let error = error(vec![Event::Report(Report::Verdict(0)), console(panic)]);
        assert!(error.starts_with("the guest's kernel failed: Kernel panic"), "{error}");
    }

    #[test]
    fn what_qemu_says_is_in_the_error() {
        let error = error(vec![Event::Qemu("cannot set up guest memory".to_owned())]);
        assert!(error.contains("QEMU: cannot set up guest memory"), "{error}");
    }

    #[test]
    fn a_guest_that_could_not_be_set_up_says_why() {
        let report = Report::Broken("failed to load the module /lib/modules/x.ko".to_owned());
        assert!(error(vec![Event::Report(report)]).contains("module /lib/modules/x.ko"));
    }
}
