//! What can go wrong between this process and the kernel, and what it means for the exit status.

use aya::maps::MapError;
use aya::sys::SyscallError;
use thiserror::Error;

use super::programs::ProgramsError;
use crate::decode::DecodeError;
use crate::exit::Exit;
use crate::kernel::rights::Unmet;
use crate::kernel::{Gap, PlanError, Rights};

/// What can go wrong with the kernel.
#[derive(Debug, Error)]
pub enum LiveError {
    /// It lacks something.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Rights are missing.
    #[error(transparent)]
    Rights(#[from] Unmet),
    /// It refused the programs.
    #[error(transparent)]
    Programs(ProgramsError),
    /// It refused the programs for want of rights.
    #[error("not permitted to trace{}", suspected(.suspicions))]
    NotPermitted {
        /// What may be behind it.
        suspicions: Vec<Gap>,
        /// What it refused.
        source: ProgramsError,
    },
    /// A map of the object is not there or not of its kind.
    #[error("failed to open the BPF map {0}")]
    Map(&'static str, #[source] Option<MapError>),
    /// A map could not be read.
    #[error("failed to read the BPF map {0}")]
    Read(&'static str, #[source] MapError),
    /// A row of the totals makes no sense.
    #[error("failed to decode a row of the totals")]
    Total(#[from] DecodeError),
    /// It does not measure.
    #[error(
        "failed to let the kernel measure the probes: leave --stats out, run as root, or set \
         kernel.bpf_stats_enabled to 1"
    )]
    Unmeasured(#[source] SyscallError),
    /// Waiting for events failed.
    #[error("failed to wait for events")]
    Wait(#[source] std::io::Error),
}

impl LiveError {
    /// What it means for the exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Plan(error) => error.exit(),
            Self::Rights(error) => error.exit(),
            Self::NotPermitted { .. } => Exit::NotPermitted,
            Self::Unmeasured(error) if denied(&error.io_error) => Exit::NotPermitted,
            _ => Exit::Failed,
        }
    }
}

fn denied(answer: &std::io::Error) -> bool {
    answer.kind() == std::io::ErrorKind::PermissionDenied
}

impl From<ProgramsError> for LiveError {
    fn from(error: ProgramsError) -> Self {
        if error.is_denial() {
            Self::NotPermitted { suspicions: Rights::read().suspicions(), source: error }
        } else {
            Self::Programs(error)
        }
    }
}

fn suspected(gaps: &[Gap]) -> String {
    let gaps: Vec<String> = gaps.iter().map(Gap::to_string).collect();
    if gaps.is_empty() { String::new() } else { format!(": {}", gaps.join("; ")) }
}
