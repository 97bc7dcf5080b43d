//! The recorded form: the lines of `--json`, which `replay` reads back.
//!
//! Schema 1 of the published format. Fields are only ever added, so what a line lacks is read as
//! unknown, and what is not known here is skipped.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

mod cost;
mod latency;
mod listener;

pub use cost::{CostLine, ProgramCostLine};
pub use latency::{AcceptLatencyLine, LatencyLine, QuantilesLine};
pub use listener::{AcceptedLine, FirstSynDroppedLine, LimitLine, ListenerStateLine, OwnerLine};

/// The version of the format.
pub const SCHEMA: u32 = 1;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Line<'a> {
    /// The first line.
    Header(Header<'a>),
    /// A dropped packet.
    Drop(DropLine<'a>),
    /// An event that is no drop.
    Notice(DropLine<'a>),
    /// Events that are missing at this place.
    Lost(LostLine),
    /// What the last line would be if it ended here.
    Interval(IntervalLine<'a>),
    /// The last line.
    Summary(SummaryLine<'a>),
    /// A kind that this version does not know.
    #[serde(other)]
    Other,
}

/// What is known before the first drop.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct Header<'a> {
    pub schema: u32,
    pub syndrop: Option<Cow<'a, str>>,
    pub kernel: Option<Cow<'a, str>>,
    pub host: Option<Cow<'a, str>>,
    pub attach: Option<Cow<'a, str>>,
    pub time: Option<Time>,
    #[serde(default)]
    pub probes: Vec<ProbeLine<'a>>,
    #[serde(default)]
    pub unobservable: Vec<Cow<'a, str>>,
    #[serde(default)]
    pub inferred: Vec<Cow<'a, str>>,
}

/// A probe of the header.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct ProbeLine<'a> {
    pub name: Cow<'a, str>,
    pub target: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<Cow<'a, str>>,
    pub attached: bool,
}

/// A dropped packet, or a notice.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct DropLine<'a> {
    pub time: Time,
    pub boot_ns: u64,
    pub reason: Cow<'a, str>,
    pub stage: Cow<'a, str>,
    pub evidence: Cow<'a, str>,
    pub outcome: Option<Cow<'a, str>>,
    pub family: Option<Cow<'a, str>>,
    pub local: Option<End>,
    pub peer: Option<End>,
    #[serde(default)]
    pub accept_queue: AcceptQueueLine,
    #[serde(default)]
    pub syn_queue: SynQueueLine,
    #[serde(default)]
    pub sysctl: SysctlLine,
    #[serde(default)]
    pub listener: ListenerLine<'a>,
    pub function: Cow<'a, str>,
    pub cpu: u32,
    pub attempt: Option<u32>,
    /// Only of a client that had been refused: for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_s: Option<f64>,
    /// Only of a client that had been refused: how often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// One end of a connection.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct End {
    pub addr: IpAddr,
    pub port: u16,
}

impl From<SocketAddr> for End {
    fn from(address: SocketAddr) -> Self {
        Self { addr: address.ip(), port: address.port() }
    }
}

impl From<End> for SocketAddr {
    fn from(end: End) -> Self {
        Self::new(end.addr, end.port)
    }
}

/// The accept queue.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct AcceptQueueLine {
    pub len: Option<u32>,
    pub limit: Option<u32>,
}

/// The SYN queue.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct SynQueueLine {
    pub len: Option<u32>,
    pub young: Option<u32>,
    pub limit: Option<u32>,
}

/// The settings.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct SysctlLine {
    pub syncookies: Option<u32>,
    pub max_syn_backlog: Option<u32>,
    pub somaxconn: Option<u32>,
    pub abort_on_overflow: Option<u32>,
}

/// The listener and who owns it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct ListenerLine<'a> {
    pub netns: Option<u32>,
    pub inode: Option<u64>,
    pub cookie: Option<Digits>,
    pub bound: Option<End>,
    pub pid: Option<u32>,
    pub comm: Option<Cow<'a, str>>,
    pub cgroup: Option<Cow<'a, str>>,
    pub container: Option<Cow<'a, str>>,
}

/// Events that are missing.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct LostLine {
    pub events: u64,
    pub since: Time,
}

/// All that was counted from the start until some moment.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct IntervalLine<'a> {
    pub time: Time,
    #[serde(flatten)]
    pub summary: SummaryLine<'a>,
}

/// The last line. What came after the first version may be missing.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct SummaryLine<'a> {
    pub duration_s: f64,
    pub drops: BTreeMap<Cow<'a, str>, u64>,
    pub clients: u64,
    #[serde(default)]
    pub clients_exact: bool,
    #[serde(default)]
    pub connections: u64,
    #[serde(default)]
    pub connections_exact: bool,
    #[serde(default)]
    pub notices: BTreeMap<Cow<'a, str>, u64>,
    pub by_listener: Vec<ListenerTotalLine<'a>>,
    pub counters: Vec<CounterLine<'a>>,
    pub lost_events: u64,
    pub sampled_out: u64,
    pub missed_probes: u64,
    #[serde(default)]
    pub uncounted_drops: u64,
    #[serde(default)]
    pub forgotten_clients: u64,
    #[serde(default)]
    pub unfollowed_clients: u64,
    /// Only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept_latency: Option<AcceptLatencyLine<'a>>,
    /// Only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_cost: Option<CostLine<'a>>,
}

/// The drops of one listener.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct ListenerTotalLine<'a> {
    pub local: Option<End>,
    pub listener: ListenerLine<'a>,
    pub drops: BTreeMap<Cow<'a, str>, u64>,
    /// Only where the call was seen: what was given to `listen()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<u32>,
    /// Only where the call was seen: whether `somaxconn` clipped that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clipped: Option<bool>,
    /// Only where there are such: those of them that have no event, for want of detail.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sampled_out: u64,
    /// Only where it is so: these are all listeners that have no line of their own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub others: bool,
}

/// A counter of one network namespace.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct CounterLine<'a> {
    pub netns: u32,
    pub name: Cow<'a, str>,
    pub kernel: Option<u64>,
    pub explained: u64,
    /// Only where there was such: what came at the very time of the reading.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub in_flight: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A moment: RFC 3339, UTC, always nine digits of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub Timestamp);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(9));
        f.write_str(&PRINTER.timestamp_to_string(&self.0))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}

/// A number of 64 bits, which not every reader of JSON keeps exact: written as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits(pub u64);

impl Serialize for Digits {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        text.parse().map(Self).map_err(de::Error::custom)
    }
}
