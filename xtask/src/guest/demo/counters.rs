//! What the kernel itself counts of its listeners' drops.

use std::fs;

use anyhow::{Context, Result};

const FILE: &str = "/proc/net/netstat";
const NAMES: [&str; 3] = ["ListenDrops", "ListenOverflows", "TCPReqQFullDrop"];

/// Values of the counters above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters([u64; NAMES.len()]);

impl Counters {
    /// Of this network namespace, now.
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(FILE).with_context(|| format!("failed to read {FILE}"))?;
        Self::parse(&text)
            .with_context(|| format!("failed to find the listeners' counters in {FILE}"))
    }

    /// What was added since `earlier`.
    pub(crate) fn since(self, earlier: &Self) -> Self {
        let mut moved = self.0;
        for (now, before) in moved.iter_mut().zip(earlier.0) {
            *now -= before;
        }
        Self(moved)
    }

    /// Each with the kernel's name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NAMES.into_iter().zip(self.0)
    }

    fn parse(text: &str) -> Option<Self> {
        // Two lines per protocol: names, then values in the same order.
        let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt: "));
        let names: Vec<_> = lines.next()?.split(' ').collect();
        let values: Vec<_> = lines.next()?.split(' ').collect();
        let value = |wanted: &str| {
            let at = names.iter().position(|&name| name == wanted)?;
            values.get(at)?.parse().ok()
        };
        let mut counters = [0; NAMES.len()];
        for (counter, name) in counters.iter_mut().zip(NAMES) {
            *counter = value(name)?;
        }
        Some(Self(counters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPReqQFullDrop
TcpExt: 0 40 45 5
IpExt: InNoRoutes ListenDrops
IpExt: 1 2
";

    #[test]
    fn counters_are_found_by_name() {
        assert_eq!(Counters::parse(TEXT), Some(Counters([45, 40, 5])));
    }

    #[test]
    fn a_missing_counter_is_no_zero() {
        assert_eq!(Counters::parse(&TEXT.replace("TCPReqQFullDrop", "Other")), None);
        assert_eq!(Counters::parse("IpExt: A\nIpExt: 1\n"), None);
    }

    #[test]
    fn only_what_was_added_counts() {
        let moved = Counters([45, 40, 5]).since(&Counters([5, 40, 0]));
        let expected = [("ListenDrops", 40), ("ListenOverflows", 0), ("TCPReqQFullDrop", 5)];
        assert_eq!(moved.all().collect::<Vec<_>>(), expected);
    }
}
