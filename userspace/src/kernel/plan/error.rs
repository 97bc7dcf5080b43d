//! Why a hook, or all of syndrop, cannot work on a kernel.

use crate::exit::Exit;
use crate::kernel::attach::Unfit;
use crate::kernel::btf::{BtfError, LookupError, Returned};
use crate::kernel::fields::FieldError;

/// Why a hook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// Its function is not there.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// The function does not take what the program needs.
    #[error("it takes no parameter {0}")]
    Parameter(&'static str),
    /// Only fentry is allowed, and the function does not take it.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// It takes it where a probe cannot get at it.
    #[error("it takes {name} as parameter {number}, and a probe can read the first six only")]
    OutOfReach {
        /// The parameter.
        name: &'static str,
        /// Which one it is, from 1.
        number: usize,
    },
    /// It returns something that the program cannot judge.
    #[error("it returns {0:?}, which says nothing here")]
    Returns(Returned),
    /// The kernel refused the program earlier.
    #[error("the kernel refused the probe")]
    Excluded,
}

/// Why syndrop cannot work on this kernel.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The kernel does not describe its types.
    #[error(transparent)]
    Btf(#[from] BtfError),
    /// A field that nothing works without is not as known.
    #[error(
        "failed to find the field {structure}.{path} of kernel {release}: its TCP code is not one this syndrop knows, try a newer syndrop"
    )]
    Field {
        /// The struct, in its newest spelling.
        structure: &'static str,
        /// The member.
        path: &'static str,
        /// The kernel.
        release: String,
        /// What was found instead.
        source: FieldError,
    },
    /// A function that nothing works without cannot be watched.
    #[error(
        "failed to watch the function {target} of kernel {release}: {costs} without it, try a newer syndrop"
    )]
    Hook {
        /// The function, in its newest spelling.
        target: &'static str,
        /// The kernel.
        release: String,
        /// What is lost without it.
        costs: &'static str,
        /// What was found instead.
        source: HookError,
    },
}

impl PlanError {
    /// What it means for the exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Btf(error) => error.exit(),
            Self::Field { .. } | Self::Hook { .. } => Exit::Unsupported,
        }
    }
}
