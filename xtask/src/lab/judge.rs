//! From what a guest measured to a sheet of figures: one function for each lab.
//!
//! A judge trusts nothing: it compares `ss`, `nstat` and the clients' own words with syndrop's JSON,
//! and fails a lab that did not provoke what it is about.

pub(super) mod accept;
pub(super) mod silent;
pub(super) mod syn;
pub(super) mod web;
pub(super) mod workers;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::recording::{Owner, Queue, Recording};
use super::sheet::{Sheet, figures};

/// The reason that most labs are about.
const FULL_SYN: &str = "accept-queue-full-syn";

/// How far the server's counters moved, as `nstat` says.
#[derive(Debug, Deserialize)]
struct Counters {
    #[serde(rename = "ListenOverflows")]
    overflows: u64,
    #[serde(rename = "ListenDrops")]
    drops: u64,
    #[serde(rename = "SyncookiesSent")]
    cookies: u64,
    /// Of the whole namespace: in a flood of SYNs, the SYNs.
    #[serde(rename = "TcpInSegs")]
    segments: u64,
}

/// A listener in `ss -ltn`: what waits for accept(), and the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
struct SsQueue {
    recv_q: u32,
    send_q: u32,
}

impl SsQueue {
    fn is(self, recv_q: u32, send_q: u32) -> bool {
        (self.recv_q, self.send_q) == (recv_q, send_q)
    }
}

/// A listener in `syndrop listeners --json`.
#[derive(Debug, Deserialize)]
struct Snapshot {
    bound: Bound,
    accept_queue: Queue,
    limit: Limit,
    first_syn_dropped: FirstDrop,
    owner: Owner,
}

#[derive(Debug, Deserialize)]
struct Bound {
    port: u16,
}

#[derive(Debug, Deserialize)]
struct Limit {
    set_by: Option<String>,
}

/// Which SYN would be dropped first.
#[derive(Debug, Deserialize)]
struct FirstDrop {
    at: Option<u32>,
    reason: Option<String>,
    rule: Option<String>,
}

impl FirstDrop {
    /// How many half-open connections a limit of `backlog` lets in, by this kernel's rule.
    fn holds(&self, backlog: u32) -> u32 {
        backlog + u32::from(self.rule.as_deref() == Some(">"))
    }
}

/// The facts of a lab, in the form that it expects.
fn read<T: DeserializeOwned>(facts: &Value) -> Result<T> {
    T::deserialize(facts).context("the guest measured something else than this lab is judged by")
}

/// The kernel's counters against what syndrop explains of them, for every lab that drops.
fn books(sheet: &mut Sheet, trace: &Recording) {
    let [overflows, drops] = ["ListenOverflows", "ListenDrops"].map(|name| trace.counter(name));
    let holds = overflows.0 == overflows.1 && drops.0 == drops.1;
    let here = format!("ListenOverflows {}, ListenDrops {}", overflows.0, drops.0);
    let said =
        format!("{} of {} and {} of {} explained", overflows.1, overflows.0, drops.1, drops.0);
    sheet.same("the kernel's counters, in the end", figures!("-", here, said), holds);
    for flaw in trace.flaws() {
        sheet.must(false, flaw);
    }
}

/// `3 clients`, `1 client`.
fn number(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

#[cfg(test)]
mod tests;
