//! A line of `listeners --json`. Names are those of a drop's line, where both have a thing.

use std::borrow::Cow;

use serde::Serialize;

use super::{AcceptQueueLine, Digits, End, QuantilesLine, SynQueueLine};

/// A listener at one moment.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "listener")]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct ListenerStateLine<'a> {
    pub time: &'a str,
    pub netns: Option<u32>,
    pub inode: Option<u64>,
    pub cookie: Option<Digits>,
    pub bound: Option<End>,
    pub accept_queue: AcceptQueueLine,
    pub syn_queue: SynQueueLine,
    pub limit: LimitLine,
    pub first_syn_dropped: Option<FirstSynDroppedLine>,
    pub owner: OwnerLine<'a>,
    /// Since `--drops` or `--latency` watches.
    pub drops: Option<u64>,
    pub accept_latency: Option<AcceptedLine>,
}

/// How long connections waited for `accept()`.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct AcceptedLine {
    pub accepted: u64,
    #[serde(flatten)]
    pub quantiles: QuantilesLine,
}

/// Where the limit of both queues comes from, and what else limits the SYN queue.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct LimitLine {
    pub set_by: Option<&'static str>,
    /// What was given to `listen()`, where it can be told.
    pub asked: Option<u32>,
    /// Whether `somaxconn` clipped that, where it can be told.
    pub clipped: Option<bool>,
    pub somaxconn: Option<u32>,
    pub max_syn_backlog: Option<u32>,
    pub syncookies: Option<u32>,
}

/// The first SYN that the SYN queue refuses. With cookies there is none: `at` and `reason` are
/// null.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct FirstSynDroppedLine {
    pub at: Option<u32>,
    pub reason: Option<&'static str>,
    pub rule: &'static str,
    pub evidence: &'static str,
}

/// Who holds the socket.
#[derive(Debug, Default, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct OwnerLine<'a> {
    pub pid: Option<u32>,
    pub comm: Option<Cow<'a, str>>,
    pub cmdline: Option<&'a [String]>,
    pub cgroup: Option<Cow<'a, str>>,
    pub unit: Option<Cow<'a, str>>,
    pub container: Option<Cow<'a, str>>,
    pub pod: Option<Cow<'a, str>>,
    pub pids: Option<&'a [u32]>,
    pub uid: Option<u32>,
}
