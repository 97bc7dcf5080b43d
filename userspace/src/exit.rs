//! How a run ends: the exit status that scripts and CI rely on, and what stands behind it.

use std::error::Error;
use std::process::ExitCode;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Normally; Ctrl-C, SIGTERM and a reader that went away included.
    Ended,
    /// Drops were seen and the user asked to fail on them.
    GateFailed,
    /// Wrong usage, or it could not run.
    Failed,
    /// This kernel cannot do it (`EX_UNAVAILABLE` of sysexits.h).
    Unsupported,
    /// These rights do not suffice (`EX_NOPERM` of sysexits.h).
    NotPermitted,
    /// `run` itself failed, for whatever reason, as `env` and `timeout` say it.
    WrapperFailed,
    /// The command of `run` is there and cannot be executed.
    CannotExecute,
    /// The command of `run` is not there.
    CommandNotFound,
    /// The command of `run` failed, with this status.
    CommandFailed(u8),
}

impl Exit {
    /// The number that the shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ended => 0,
            Self::GateFailed => 1,
            Self::Failed => 2,
            Self::Unsupported => 69,
            Self::NotPermitted => 77,
            Self::WrapperFailed => 125,
            Self::CannotExecute => 126,
            Self::CommandNotFound => 127,
            Self::CommandFailed(status) => status,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
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
            (Exit::WrapperFailed, 125),
            (Exit::CannotExecute, 126),
            (Exit::CommandNotFound, 127),
            (Exit::CommandFailed(143), 143),
        ];
        for (exit, number) in all {
            assert_eq!(exit.code(), number);
        }
    }

    #[test]
    fn an_error_without_a_status_of_its_own_is_a_failure() {
        let failure: Failure = std::fmt::Error.into();
        assert_eq!(failure.exit, Exit::Failed);
    }
}
