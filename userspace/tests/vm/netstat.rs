//! The kernel's own counters of the current network namespace, which syndrop is measured by.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};

const PATH: &str = "/proc/thread-self/net/netstat";
const GROUP: &str = "TcpExt:";

/// Every counter that says what became of a SYN or of a handshake's last ACK.
const WATCHED: &[&str] = &[
    "EmbryonicRsts",
    "ListenDrops",
    "ListenOverflows",
    "PAWSEstab",
    "SyncookiesFailed",
    "SyncookiesRecv",
    "SyncookiesSent",
    "TCPACKSkippedSynRecv",
    "TCPBacklogDrop",
    "TCPChallengeACK",
    "TCPDeferAcceptDrop",
    "TCPFastOpenListenOverflow",
    "TCPReqQFullDoCookies",
    "TCPReqQFullDrop",
    "TSEcrRejected",
];

/// Counters by name, without the `TcpExt` prefix.
pub(crate) type Counters = BTreeMap<String, u64>;

/// All TcpExt counters at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Netstat(Counters);

impl Netstat {
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(PATH).with_context(|| format!("failed to read {PATH}"))?;
        Self::parse(&text).with_context(|| format!("failed to parse {PATH}"))
    }

    /// A line of names and a line of values for each group.
    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines().filter_map(|line| line.strip_prefix(GROUP));
        let (Some(names), Some(values)) = (lines.next(), lines.next()) else {
            bail!("it has no two lines {GROUP}");
        };
        let counters = names.split_whitespace().zip(values.split_whitespace());
        // A few of the group are signed, none of them is watched.
        let counters =
            counters.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        Ok(Self(counters.collect()))
    }

    /// Whether this kernel has a counter of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The watched counters that moved since an earlier moment, and by how much.
    pub(crate) fn moved_since(&self, earlier: &Self) -> Counters {
        let moved = WATCHED.iter().filter_map(|name| {
            let (now, then) = (self.0.get(*name)?, earlier.0.get(*name)?);
            (now != then).then(|| ((*name).to_owned(), now - then))
        });
        moved.collect()
    }
}
