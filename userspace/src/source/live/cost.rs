//! What the probes cost, by the kernel's own measure.
//!
//! The kernel measures how long programs run only while somebody asks for it
//! (`BPF_ENABLE_STATS`, or the setting `kernel.bpf_stats_enabled`), because that costs, too:
//! it then reads the clock twice for every run of every program on the machine.

use std::fmt::Write;
use std::os::fd::OwnedFd;
use std::sync::LazyLock;
use std::time::Duration;

use aya::programs::Program;
use aya::sys::{Stats, SyscallError, enable_stats};

use sha2::{Digest, Sha256};

use super::Live;
use super::programs::OBJECT;

/// As long as it is held, the kernel measures.
#[derive(Debug)]
pub struct Measuring {
    _held: OwnedFd,
}

impl Measuring {
    /// Asks for it.
    ///
    /// # Errors
    /// Without `CAP_SYS_ADMIN`, or before Linux 5.8.
    pub fn start() -> Result<Self, SyscallError> {
        enable_stats(Stats::RunTime).map(|held| Self { _held: held })
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
    /// How long each program ran since it was loaded, those that were measured.
    pub fn run_times(&self) -> Vec<(String, Duration)> {
        let time = |program: &Program| Some(program.info().ok()?.run_time());
        let mut times: Vec<_> = self
            .ebpf
            .programs()
            .filter(|(_, program)| program.fd().is_ok())
            .filter_map(|(name, program)| Some((name.to_owned(), time(program)?)))
            .filter(|(_, time)| !time.is_zero())
            .collect();
        times.sort();
        times
    }
}
