//! However syndrop ends, the kernel is left without a trace of it: no program, no map, no link,
//! no probe.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use aya::maps::loaded_maps;
use aya::programs::{loaded_links, loaded_programs};
use rustix::process::Signal;

use crate::case::Case;
use crate::netns::Home;
use crate::trace::{Trace, Vantage};

const PROBES: &str = "/sys/kernel/debug/kprobes/list";
/// Only a guard: the kernel frees some of it a moment after the process has ended.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("leaves-nothing::sigkill", || end(Signal::KILL)),
        Case::new("leaves-nothing::sigint", || end(Signal::INT)),
    ]
}

/// What BPF and kprobes hold at one moment.
#[derive(Debug)]
pub(crate) struct Held {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
    links: BTreeSet<u32>,
    probes: BTreeSet<String>,
}

impl Held {
    pub(crate) fn now() -> Result<Self> {
        let programs = loaded_programs().map(|program| Ok(program?.id()));
        let maps = loaded_maps().map(|map| Ok(map?.id()));
        let links = loaded_links().map(|link| Ok(link?.id()));
        let probes = fs::read_to_string(PROBES)
            .with_context(|| format!("failed to read {PROBES}; is debugfs mounted?"))?;
        Ok(Self {
            programs: programs.collect::<Result<_>>().context("failed to list BPF programs")?,
            maps: maps.collect::<Result<_>>().context("failed to list BPF maps")?,
            links: links.collect::<Result<_>>().context("failed to list BPF links")?,
            probes: probes.lines().map(str::to_owned).collect(),
        })
    }

    /// Whether nothing is held that was not held then. What an earlier case let go may have left
    /// meanwhile: the kernel frees maps when nobody reads them any more.
    fn within(&self, then: &Self) -> bool {
        self.programs.is_subset(&then.programs)
            && self.maps.is_subset(&then.maps)
            && self.links.is_subset(&then.links)
            && self.probes.is_subset(&then.probes)
    }

    /// Waits until nothing more is held than this.
    pub(crate) fn await_again(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let after = match Self::now() {
                Ok(after) if after.within(self) => return Ok(()),
                // One of them went away between being listed and being looked at.
                other => other,
            };
            if Instant::now() > deadline {
                bail!("left behind: {:?}, where before was {self:?}", after?);
            }
            sleep(PAUSE);
        }
    }
}

fn end(signal: Signal) -> Result<()> {
    let before = Held::now()?;
    let process = Trace::start(Vantage::Host(&Home::here()?), &[])?.into_process();
    let during = Held::now()?;
    ensure!(!during.programs.is_subset(&before.programs), "no program to be seen: {during:?}");
    ensure!(!during.maps.is_subset(&before.maps), "no map to be seen: {during:?}");
    process.signal(signal)?;
    process.wait()?;
    before.await_again()
}
