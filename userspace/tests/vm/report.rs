//! What `syndrop trace --json` wrote, in the strictest reading: a field that is not listed here,
//! or a record that is not known, is an error.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::netstat::Counters;

/// One line.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Header(Header),
    Drop(Box<DropEvent>),
    Notice(Box<Notice>),
    Lost(Lost),
    Interval(Interval),
    Summary(Summary),
}

/// The first line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) schema: u32,
    pub(crate) syndrop: String,
    pub(crate) kernel: String,
    pub(crate) host: String,
    pub(crate) attach: String,
    pub(crate) time: String,
    pub(crate) probes: Vec<Probe>,
    pub(crate) unobservable: Vec<String>,
    pub(crate) inferred: Vec<String>,
}

/// A probe of the header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) attach: Option<String>,
    pub(crate) attached: bool,
}

/// A dropped packet.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DropEvent {
    pub(crate) time: String,
    pub(crate) boot_ns: u64,
    pub(crate) reason: String,
    pub(crate) stage: String,
    pub(crate) evidence: String,
    pub(crate) outcome: Option<String>,
    pub(crate) family: String,
    pub(crate) local: End,
    pub(crate) peer: End,
    pub(crate) accept_queue: AcceptQueue,
    pub(crate) syn_queue: SynQueue,
    pub(crate) sysctl: Sysctls,
    pub(crate) listener: Owner,
    pub(crate) function: String,
    pub(crate) cpu: u32,
    pub(crate) attempt: Option<u32>,
}

/// An event that is no drop. Only those of a client that had been refused have the first two.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Notice {
    pub(crate) after_s: Option<f64>,
    pub(crate) attempts: Option<u32>,
    #[serde(flatten)]
    pub(crate) event: DropEvent,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct End {
    pub(crate) addr: IpAddr,
    pub(crate) port: u16,
}

impl From<SocketAddr> for End {
    fn from(address: SocketAddr) -> Self {
        Self { addr: address.ip(), port: address.port() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptQueue {
    pub(crate) len: u32,
    pub(crate) limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SynQueue {
    pub(crate) len: u32,
    pub(crate) young: u32,
    pub(crate) limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sysctls {
    pub(crate) syncookies: u32,
    pub(crate) max_syn_backlog: u32,
    pub(crate) somaxconn: u32,
    pub(crate) abort_on_overflow: u32,
}

/// The listener; who owns it may be unknown.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owner {
    pub(crate) netns: u64,
    /// Unknown once the listener was closed.
    pub(crate) inode: Option<u64>,
    pub(crate) cookie: Option<String>,
    pub(crate) bound: End,
    pub(crate) pid: Option<u32>,
    pub(crate) comm: Option<String>,
    pub(crate) cgroup: Option<String>,
    pub(crate) container: Option<String>,
}

/// The listener of a total, which may be several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TotalOwner {
    pub(crate) netns: u64,
    pub(crate) inode: Option<u64>,
    pub(crate) cookie: Option<String>,
    pub(crate) bound: Option<End>,
    pub(crate) pid: Option<u32>,
    pub(crate) comm: Option<String>,
    pub(crate) cgroup: Option<String>,
    pub(crate) container: Option<String>,
}

/// Events that could not be reported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lost {
    pub(crate) events: u64,
    pub(crate) since: String,
}

/// The last line.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Summary {
    pub(crate) duration_s: f64,
    pub(crate) drops: BTreeMap<String, u64>,
    pub(crate) clients: u64,
    pub(crate) clients_exact: bool,
    pub(crate) connections: u64,
    pub(crate) connections_exact: bool,
    pub(crate) notices: BTreeMap<String, u64>,
    pub(crate) by_listener: Vec<ListenerTotal>,
    pub(crate) counters: Vec<CounterTotal>,
    pub(crate) lost_events: u64,
    pub(crate) sampled_out: u64,
    pub(crate) missed_probes: u64,
    pub(crate) uncounted_drops: u64,
    pub(crate) forgotten_clients: u64,
    pub(crate) unfollowed_clients: u64,
    pub(crate) accept_latency: Option<AcceptLatency>,
    pub(crate) probe_cost: Option<ProbeCost>,
}

/// What the probes cost.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeCost {
    pub(crate) runs: u64,
    pub(crate) run_s: f64,
    pub(crate) cpu_share: f64,
    pub(crate) programs: Vec<ProgramCost>,
}

/// One of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProgramCost {
    pub(crate) program: String,
    pub(crate) runs: u64,
    pub(crate) run_s: f64,
}

/// How long connections waited for `accept()`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptLatency {
    pub(crate) listeners: Vec<ListenerLatency>,
    pub(crate) untimed: u64,
}

/// Those of one listener, in seconds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerLatency {
    pub(crate) local: End,
    pub(crate) listener: Owner,
    pub(crate) accepted: u64,
    pub(crate) p50_s: f64,
    pub(crate) p90_s: f64,
    pub(crate) p99_s: f64,
    pub(crate) max_s: f64,
}

/// How it stood on the way; a summary, with the time.
#[derive(Debug, Deserialize)]
pub(crate) struct Interval {
    pub(crate) time: String,
    #[serde(flatten)]
    pub(crate) summary: Summary,
}

/// Drops of one listener.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenerTotal {
    /// Unknown only where `others` says so.
    pub(crate) local: Option<End>,
    pub(crate) listener: TotalOwner,
    pub(crate) drops: BTreeMap<String, u64>,
    pub(crate) asked: Option<u32>,
    pub(crate) clipped: Option<bool>,
    #[serde(default)]
    pub(crate) sampled_out: u64,
    #[serde(default)]
    pub(crate) others: bool,
}

/// A kernel counter of one network namespace, and how much of it syndrop explains.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CounterTotal {
    pub(crate) netns: u64,
    pub(crate) name: String,
    pub(crate) kernel: Option<u64>,
    pub(crate) explained: u64,
    #[serde(default)]
    pub(crate) in_flight: u64,
}

/// A whole run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) header: Header,
    pub(crate) drops: Vec<DropEvent>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) lost: Vec<Lost>,
    /// Empty unless they were asked for.
    pub(crate) intervals: Vec<Interval>,
    pub(crate) summary: Summary,
}

impl Report {
    /// Reads the lines: a header first, a summary last, one of each.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines().enumerate().map(|(number, line)| {
            serde_json::from_str(line)
                .with_context(|| format!("failed to read line {}: {line}", number + 1))
        });
        let Some(Line::Header(header)) = lines.next().transpose()? else {
            bail!("the first line is no header: {:?}", text.lines().next());
        };
        let (mut drops, mut notices) = (Vec::new(), Vec::new());
        let (mut lost, mut intervals, mut summary) = (Vec::new(), Vec::new(), None);
        for line in lines {
            ensure!(summary.is_none(), "there are lines after the summary: {text}");
            match line? {
                Line::Header(_) => bail!("there are two headers: {text}"),
                Line::Drop(event) => drops.push(*event),
                Line::Notice(notice) => notices.push(*notice),
                Line::Lost(line) => {
                    line.since.parse::<Timestamp>().context("since when events were lost")?;
                    lost.push(line);
                }
                Line::Interval(line) => {
                    line.time.parse::<Timestamp>().context("when an interval ended")?;
                    intervals.push(line);
                }
                Line::Summary(line) => summary = Some(line),
            }
        }
        let summary = summary.with_context(|| format!("there is no summary: {text}"))?;
        Ok(Self { header, drops, notices, lost, intervals, summary })
    }
}

impl Summary {
    /// Drops of all reasons.
    pub(crate) fn total(&self) -> u64 {
        self.drops.values().sum()
    }

    /// The counters of one namespace that moved, as the kernel counted them.
    pub(crate) fn kernel(&self, netns: u64) -> Counters {
        let moved =
            self.counters.iter().filter(|line| line.netns == netns && line.kernel != Some(0));
        moved.filter_map(|line| Some((line.name.clone(), line.kernel?))).collect()
    }

    /// Fails if anything that a kernel counter counted is left over, in any namespace.
    pub(crate) fn ensure_explained(&self) -> Result<()> {
        for line in &self.counters {
            ensure!(line.kernel == Some(line.explained), "something is left over: {line:?}");
        }
        Ok(())
    }
}
