//! A scenario: how a drop is provoked and everything that must be true of it, as one row of data.
//!
//! `setting.rs` makes what it is played on, `verdict.rs` compares what came out.

use crate::flow::Family;
use crate::provoke::Provoke;

/// A TCP setting of the network namespace, without its prefix.
pub(crate) type Sysctl = (&'static str, u32);

/// To which address the listener is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The server's own; where IPv4 clients meet an IPv6 socket, still any.
    Server,
    /// Any.
    Any,
}

/// What the kernel must have; the text says what is missing.
pub(crate) type Need = fn() -> anyhow::Result<Option<String>>;

/// Which kind of socket listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    /// Others may listen on the same address (`SO_REUSEPORT`).
    Shared,
    /// A TCP socket of the kernel's own listens inside it.
    Mptcp,
}

/// One row of `scenarios.rs`.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) families: &'static [Family],
    /// Under `net.ipv4`.
    pub(crate) sysctls: &'static [Sysctl],
    pub(crate) backlog: i32,
    pub(crate) bound: Bound,
    pub(crate) kind: Kind,
    pub(crate) provoke: Provoke,
    /// How many packets are refused.
    pub(crate) count: usize,
    pub(crate) reason: &'static str,
    pub(crate) stage: &'static str,
    pub(crate) outcome: Option<&'static str>,
    pub(crate) function: fn(Family) -> &'static str,
    /// Connections in the accept queue whenever a packet is refused; the limit is the backlog.
    pub(crate) accept_queue: u32,
    /// Counters that each refused packet moves by one. No other may move.
    pub(crate) moves: &'static [&'static str],
    pub(crate) need: Option<Need>,
    /// Whether timers decide which of the clients is the first.
    pub(crate) any_order: bool,
    /// Whether some of the packets are refused on the other CPU.
    pub(crate) both_cpus: bool,
    /// What syndrop must be asked for to show it, beyond drops by the listener's own code.
    pub(crate) asks: &'static [&'static str],
}

impl Scenario {
    /// Whether it is about a notice, and nothing is refused.
    pub(crate) fn is_notice(&self) -> bool {
        self.asks.contains(&"--notices")
    }
}
