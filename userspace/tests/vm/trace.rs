//! A `syndrop trace --json` around a piece of a case: started, waited for, interrupted, read.

use std::env;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::Signal;

use crate::netns::Home;
use crate::process::{Process, command};
use crate::report::Report;

/// The kind of probe that the matrix wants here.
pub(crate) const ATTACH: &str = "SYNDROP_VM_ATTACH";

/// The same, unless the case wants one.
pub(crate) fn wanted(arguments: &[&str]) -> Option<String> {
    env::var(ATTACH).ok().filter(|_| !arguments.contains(&"--attach"))
}

/// Where syndrop runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Vantage<'a> {
    /// In the initial network namespace, as on a host.
    Host(&'a Home),
    /// In the network namespace of the case, as inside a container.
    Inside,
}

/// A running trace; every probe is attached.
#[derive(Debug)]
pub(crate) struct Trace {
    process: Process,
    start: Duration,
}

impl Trace {
    /// Starts it with further arguments and waits until it is ready.
    pub(crate) fn start(vantage: Vantage, arguments: &[&str]) -> Result<Self> {
        let kind = wanted(arguments);
        let kind: Vec<&str> = kind.iter().flat_map(|kind| ["--attach", kind]).collect();
        let arguments = [&["trace", "--json"], &kind[..], arguments].concat();
        let began = Instant::now();
        let start = || Process::start(command(&arguments));
        let mut process = match vantage {
            Vantage::Host(home) => home.visit(start)?,
            Vantage::Inside => start()?,
        };
        process.await_ready()?;
        Ok(Self { process, start: began.elapsed() })
    }

    /// How long it took until it was ready; for information, tests do not depend on it.
    pub(crate) fn start_time(&self) -> Duration {
        self.start
    }

    /// The most memory that it has had resident so far, in KiB.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        self.process.peak_memory()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// The process, for a case that ends it in its own way.
    pub(crate) fn into_process(self) -> Process {
        self.process
    }

    /// Interrupts it as Ctrl-C does, and reads what it wrote.
    pub(crate) fn stop(self) -> Result<Report> {
        self.process.signal(Signal::INT)?;
        let ending = self.process.wait()?;
        ending.ensure_code(0)?;
        Report::parse(&ending.stdout)
    }
}
