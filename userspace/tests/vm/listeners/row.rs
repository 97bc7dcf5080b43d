//! A line of `listeners --json`, in the strictest reading: nothing may be missing, nothing added.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Deserializer};

/// Says that a field is there, though it may be null.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

macro_rules! object {
    ($name:ident { $($field:ident: $kind:ty),+ $(,)? }) => {
        #[derive(Debug, Deserialize, PartialEq, Eq)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $(
                #[serde(deserialize_with = "there")]
                pub(super) $field: Option<$kind>,
            )+
        }
    };
}

/// A listener.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) time: String,
    #[serde(deserialize_with = "there")]
    pub(super) netns: Option<u64>,
    #[serde(deserialize_with = "there")]
    pub(super) inode: Option<u64>,
    #[serde(deserialize_with = "there")]
    pub(super) cookie: Option<String>,
    #[serde(deserialize_with = "there")]
    pub(super) bound: Option<End>,
    pub(super) accept_queue: Queue,
    pub(super) syn_queue: SynQueue,
    pub(super) limit: Limit,
    #[serde(deserialize_with = "there")]
    pub(super) first_syn_dropped: Option<FirstSynDropped>,
    pub(super) owner: Owner,
    #[serde(deserialize_with = "there")]
    pub(super) drops: Option<u64>,
    #[serde(deserialize_with = "there")]
    pub(super) accept_latency: Option<Waited>,
}

/// How long connections waited for `accept()`, in seconds.
#[derive(Debug, Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct Waited {
    pub(super) accepted: u64,
    pub(super) p50_s: f64,
    pub(super) p90_s: f64,
    pub(super) p99_s: f64,
    pub(super) max_s: f64,
}

#[derive(Debug, Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    pub(super) addr: IpAddr,
    pub(super) port: u16,
}

impl From<End> for SocketAddr {
    fn from(end: End) -> Self {
        Self::new(end.addr, end.port)
    }
}

object!(Queue { len: u32, limit: u32 });
object!(SynQueue { len: u32, young: u32, limit: u32 });
object!(Limit {
    set_by: String,
    asked: u32,
    clipped: bool,
    somaxconn: u32,
    max_syn_backlog: u32,
    syncookies: u32,
});
object!(FirstSynDropped { at: u32, reason: String, rule: String, evidence: String });
object!(Owner {
    pid: u32,
    comm: String,
    cmdline: Vec<String>,
    cgroup: String,
    unit: String,
    container: String,
    pod: String,
    pids: Vec<u32>,
    uid: u32,
});
