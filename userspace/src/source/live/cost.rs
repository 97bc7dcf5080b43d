//! What the probes cost, by the kernel's own measure.
//!
//! The kernel measures how long programs run only while somebody asks for it
//! (`BPF_ENABLE_STATS`, or the setting `kernel.bpf_stats_enabled`), because that costs, too:
//! it then reads the clock twice for every run of every program on the machine.

use std::fmt::Write;
use std::fs;
use std::os::fd::OwnedFd;
use std::sync::LazyLock;

use aya::programs::Program;
use aya::sys::{Stats, enable_stats};
use sha2::{Digest, Sha256};

use super::programs::OBJECT;
use super::{Live, LiveError};
use crate::cost::ProgramCost;

/// It says 1 where somebody turned it on for the whole machine.
const SETTING: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// As long as it is held, the kernel measures.
#[derive(Debug)]
pub(super) struct Measuring {
    /// `None` where it measures anyway.
    _held: Option<OwnedFd>,
}

impl Measuring {
    /// Asks for it, unless it is done already.
    ///
    /// # Errors
    /// Without `CAP_SYS_ADMIN`, or before Linux 5.8.
    pub(super) fn start() -> Result<Self, LiveError> {
        if fs::read_to_string(SETTING).is_ok_and(|setting| setting.trim_end() == "1") {
            return Ok(Self { _held: None });
        }
        let held = enable_stats(Stats::RunTime).map_err(LiveError::Unmeasured)?;
        Ok(Self { _held: Some(held) })
    }
}

/// SHA-256 of the BPF object, as its manifest has it.
pub fn object_sha256() -> &'static str {
    static DIGEST: LazyLock<String> = LazyLock::new(|| {
        let mut digits = String::new();
        for byte in Sha256::digest(OBJECT) {
            // Nothing is ever wrong with writing to a string.
            let _ = write!(digits, "{byte:02x}");
        }
        digits
    });
    &DIGEST
}

impl Live {
    /// What the probes cost since they were loaded, as far as the kernel measured it.
    pub fn program_costs(&self) -> Vec<ProgramCost> {
        let program = |(name, program): (&str, &Program)| {
            program.fd().ok()?;
            let info = program.info().ok()?;
            let program = name.to_owned();
            Some(ProgramCost { program, runs: info.run_count(), time: info.run_time() })
        };
        self.ebpf.programs().filter_map(program).collect()
    }
}
