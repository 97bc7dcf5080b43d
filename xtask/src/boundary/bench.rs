//! What a guest is to measure, and what it measured.
//!
//! Times are nanoseconds of the guest's clock. Where the emulator counts instructions, one of them
//! is one instruction.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the job lies in the guest.
pub const JOB: &str = "/etc/guest/bench.json";

/// One guest's work: one tool, or none, under some workloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What is measured; without it, the workloads alone.
    pub tool: Option<Tool>,
    /// In this order.
    pub loads: Vec<Load>,
    /// Whether the kernel measures each BPF program, which costs time itself.
    pub by_program: bool,
}

/// A tracer, and how it is dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it writes once it traces, to either of its outputs. If nothing is said here, it traces
    /// when it comes to rest.
    pub ready: String,
    /// It never rests: it looks for events again and again.
    pub restless: bool,
    /// What stands before and behind a number of events that it lost.
    pub lost: Vec<(String, String)>,
}

/// A workload, and how often its packet or connection comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Which one.
    pub workload: Workload,
    /// How many.
    pub count: u32,
}

/// What the listener goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Workload {
    /// SYNs that meet a full accept queue.
    AcceptQueueFull,
    /// SYNs that meet a full SYN queue, without cookies.
    SynQueueFull,
    /// Connections that are accepted and closed.
    Healthy,
    /// SYNs that meet a full SYN queue and are answered with a cookie.
    Cookies,
}

/// What came of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// One for each load, in the same order.
    pub loads: Vec<Taken>,
    /// What is known of the tool itself.
    pub tool: Option<ToolOutcome>,
}

/// What a load took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// How many packets or connections there were.
    pub count: u32,
    /// From the first packet to the last, whoever worked.
    pub during: u64,
    /// Of that, what the tool's processes took.
    pub tool_during: u64,
    /// What they took afterwards, until they had caught up.
    pub tool_after: u64,
    /// What each of the tool's BPF programs took, if that was asked for.
    pub programs: Vec<Program>,
}

impl Taken {
    /// All that was executed for it.
    pub const fn whole(&self) -> u64 {
        self.during + self.tool_after
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.whole() / u64::from(self.count.max(1)))
    }
}

/// One BPF program under one load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Its name in the kernel.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// How long in all.
    pub time: u64,
}

/// What is known of a tool beside the loads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolOutcome {
    /// What its processes took from their start until it traced.
    pub start: u64,
    /// The same on the clock on the wall.
    pub start_wall: u64,
    /// The most memory that it had resident, in KiB.
    pub peak_kib: u64,
    /// Events that it says it lost.
    pub lost: u64,
    /// Lines that it wrote to stdout.
    pub lines: u64,
    /// The last lines of what it wrote.
    pub tail: String,
}
