//! The workloads by name, and how often each packet or connection comes.

use boundary::bench::{Load, Workload};

use super::contenders::Contender;

/// A column of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it is called in a table.
    pub(crate) title: &'static str,
    pub(crate) workload: Workload,
    /// Enough that the figures of two boots are as good as the same.
    pub(crate) count: u32,
}

impl Row {
    /// What a contender goes through.
    pub(crate) fn load(&self, contender: &Contender) -> Load {
        Load { workload: self.workload, count: self.count / contender.share }
    }
}

/// In the order in which a guest goes through them.
pub(crate) const LOADS: &[Row] = &[
    Row {
        name: "healthy",
        title: "healthy connection",
        workload: Workload::Healthy,
        count: 10_000,
    },
    Row {
        name: "accept-queue",
        title: "SYN, accept queue full",
        workload: Workload::AcceptQueueFull,
        count: 50_000,
    },
    Row {
        name: "syn-queue",
        title: "SYN, SYN queue full",
        workload: Workload::SynQueueFull,
        count: 50_000,
    },
    Row { name: "cookies", title: "SYN, cookie sent", workload: Workload::Cookies, count: 50_000 },
];
