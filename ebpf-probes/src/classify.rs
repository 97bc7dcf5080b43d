//! The decision tables: facts in, reason out.
//!
//! Pure functions, tested on the host and compiled into the probes, so that the totals counted in
//! the kernel and the events shown above it can never disagree about a reason. Kernel functions
//! are those of Linux 5.10 to 7.3 unless a line says otherwise. One file per stage.

use crate::counter::{Counter, Counters};
use crate::reason::{Evidence, Reason, Stage};

mod ack;
mod before;
mod child;
mod cookie;
mod request;
mod syn;

pub use ack::{check_req, check_req_child};
pub use before::before_listener;
pub use cookie::{cookie_check, syn_recv_sock};
pub use request::{request_error, request_removed, request_timer, request_timer_ended};
pub use syn::{conn_request, conn_request_wrapper, is_told_by_way};

/// What became of a packet or a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// The branch that fired.
    pub reason: Reason,
    /// Which packet it was.
    pub stage: Stage,
    /// How the reason is known.
    pub evidence: Evidence,
    /// The counters that this very event moved by one.
    pub moves: Counters,
}

impl Verdict {
    /// A client that had been refused got in.
    pub const RECOVERED: Self = Self::observed(Reason::ClientRecovered, Stage::Ack);

    /// A connection was given to the application.
    pub const ACCEPTED: Self = Self::observed(Reason::Accepted, Stage::Ack);

    #[expect(clippy::inline_always, reason = "of a reason that is known nothing is left of this")]
    #[inline(always)]
    const fn new(reason: Reason, stage: Stage, evidence: Evidence) -> Self {
        Self { reason, stage, evidence, moves: reason.moves() }
    }

    /// What control flow proves.
    const fn observed(reason: Reason, stage: Stage) -> Self {
        Self::new(reason, stage, Evidence::Observed)
    }

    const fn unattributed(stage: Stage) -> Self {
        Self::observed(Reason::Unattributed, stage)
    }

    /// The same event where it moved one more counter.
    #[must_use]
    const fn moving(self, counter: Counter) -> Self {
        Self { moves: self.moves.with(counter), ..self }
    }
}

#[cfg(test)]
mod tests;
