//! How a run ends: the exit status that scripts and CI rely on, and what stands behind it.

use std::error::Error;
use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Normally; Ctrl-C, SIGTERM and a reader that went away included.
    Ended = 0,
    /// Drops were seen and the user asked to fail on them.
    GateFailed = 1,
    /// Wrong usage, or it could not run.
    Failed = 2,
    /// This kernel cannot do it (`EX_UNAVAILABLE` of sysexits.h).
    Unsupported = 69,
    /// These rights do not suffice (`EX_NOPERM` of sysexits.h).
    NotPermitted = 77,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do its work. Any error becomes one with status 2.
#[derive(Debug)]
pub struct Failure {
    /// The status to end with.
    pub exit: Exit,
    /// What went wrong.
    pub cause: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// An error that has a status of its own.
    pub fn new(exit: Exit, cause: impl Error + Send + Sync + 'static) -> Self {
        Self { exit, cause: Box::new(cause) }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(cause: E) -> Self {
        Self::new(Exit::Failed, cause)
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure};

    #[test]
    fn numbers_are_those_of_the_contract() {
        let all = [
            (Exit::Ended, 0),
            (Exit::GateFailed, 1),
            (Exit::Failed, 2),
            (Exit::Unsupported, 69),
            (Exit::NotPermitted, 77),
        ];
        for (exit, number) in all {
            assert_eq!(exit as u8, number);
        }
    }

    #[test]
    fn an_error_without_a_status_of_its_own_is_a_failure() {
        let failure: Failure = std::fmt::Error.into();
        assert_eq!(failure.exit, Exit::Failed);
    }
}
