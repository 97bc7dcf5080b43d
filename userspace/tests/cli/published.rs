//! The published format, read as strictly as can be: nothing may be missing, nothing added.

#![expect(dead_code, reason = "that the fields can be read is the test")]

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

/// One line.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Line {
    Header(Header),
    Drop(Box<Drop>),
    Notice(Box<Notice>),
    Lost(Lost),
    Summary(Summary),
}

impl Line {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Header(_) => "header",
            Self::Drop(_) => "drop",
            Self::Notice(_) => "notice",
            Self::Lost(_) => "lost",
            Self::Summary(_) => "summary",
        }
    }
}

/// Says that a field is there, though it may be null.
fn there<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    schema: u32,
    syndrop: String,
    kernel: String,
    host: String,
    attach: String,
    time: String,
    probes: Vec<Probe>,
    unobservable: Vec<String>,
    inferred: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    name: String,
    target: String,
    attach: Option<String>,
    attached: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drop {
    time: String,
    boot_ns: u64,
    reason: String,
    stage: String,
    evidence: String,
    #[serde(deserialize_with = "there")]
    outcome: Option<String>,
    #[serde(deserialize_with = "there")]
    family: Option<String>,
    #[serde(deserialize_with = "there")]
    local: Option<End>,
    #[serde(deserialize_with = "there")]
    peer: Option<End>,
    accept_queue: AcceptQueue,
    syn_queue: SynQueue,
    sysctl: Sysctls,
    listener: Listener,
    function: String,
    cpu: u32,
    #[serde(deserialize_with = "there")]
    attempt: Option<u32>,
}

/// Only those of a client that had been refused have the last two.
#[derive(Deserialize)]
pub(crate) struct Notice {
    after_s: Option<f64>,
    attempts: Option<u32>,
    #[serde(flatten)]
    rest: Drop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptQueue {
    #[serde(deserialize_with = "there")]
    len: Option<u32>,
    #[serde(deserialize_with = "there")]
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SynQueue {
    #[serde(deserialize_with = "there")]
    len: Option<u32>,
    #[serde(deserialize_with = "there")]
    young: Option<u32>,
    #[serde(deserialize_with = "there")]
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sysctls {
    #[serde(deserialize_with = "there")]
    syncookies: Option<u32>,
    #[serde(deserialize_with = "there")]
    max_syn_backlog: Option<u32>,
    #[serde(deserialize_with = "there")]
    somaxconn: Option<u32>,
    #[serde(deserialize_with = "there")]
    abort_on_overflow: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    addr: IpAddr,
    port: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listener {
    #[serde(deserialize_with = "there")]
    netns: Option<u32>,
    #[serde(deserialize_with = "there")]
    inode: Option<u64>,
    #[serde(deserialize_with = "there")]
    cookie: Option<String>,
    #[serde(deserialize_with = "there")]
    bound: Option<End>,
    #[serde(deserialize_with = "there")]
    pid: Option<u32>,
    #[serde(deserialize_with = "there")]
    comm: Option<String>,
    #[serde(deserialize_with = "there")]
    cgroup: Option<String>,
    #[serde(deserialize_with = "there")]
    container: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lost {
    events: u64,
    since: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeCost {
    runs: u64,
    run_s: f64,
    cpu_share: f64,
    programs: Vec<ProgramCost>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProgramCost {
    program: String,
    runs: u64,
    run_s: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Summary {
    duration_s: f64,
    drops: BTreeMap<String, u64>,
    clients: u64,
    clients_exact: bool,
    connections: u64,
    connections_exact: bool,
    notices: BTreeMap<String, u64>,
    by_listener: Vec<ListenerTotal>,
    counters: Vec<Counter>,
    lost_events: u64,
    sampled_out: u64,
    missed_probes: u64,
    uncounted_drops: u64,
    forgotten_clients: u64,
    unfollowed_clients: u64,
    accept_latency: Option<serde_json::Value>,
    probe_cost: Option<ProbeCost>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerTotal {
    #[serde(deserialize_with = "there")]
    local: Option<End>,
    listener: Listener,
    drops: BTreeMap<String, u64>,
    asked: Option<u32>,
    clipped: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counter {
    netns: u32,
    name: String,
    #[serde(deserialize_with = "there")]
    kernel: Option<u64>,
    explained: u64,
}
