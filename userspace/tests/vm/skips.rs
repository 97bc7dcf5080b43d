//! Which cases may be skipped, and where. A case that is skipped on any other kernel fails: what
//! the kernel should have is missing, or the case looks for it in the wrong way.

use std::fs;

use anyhow::{Context, Result, bail};
use rustix::system::uname;

/// A case, by how its name begins, and the last kernel series that is without what it needs.
const LEGITIMATE: &[(&str, Series)] = &[
    // Echoed timestamps of a handshake's last ACK are checked since then.
    ("ack-tsecr", Series(6, 14)),
    // Requests move to another listener since then.
    ("request-migrated", Series(5, 13)),
    ("famine::ack-migrate", Series(5, 13)),
    // And these look whether a listener's keys were copied.
    ("ack-child-key", Series(6, 1)),
    // Signatures of several kinds are read since 6.7.
    ("pre-md5-ao-of-bad-options", Series(6, 6)),
    // That a request is queued twice was not noticed before 5.11.
    ("race::syn-dup", Series(5, 10)),
    // Debian builds its 5.10 without MPTCP.
    ("syn-mptcp", Series(5, 10)),
    ("mptcp-", Series(5, 10)),
];

/// The same, and the first series that is without it.
const BETWEEN: &[(&str, Series, Series)] = &[
    // Asked back since 7.1, and in some stable series that took it over.
    ("rst-inexact", Series(0, 0), Series(5, 10)),
    ("rst-inexact", Series(6, 16), Series(7, 0)),
    // A bug of the kernel's.
    ("race::syn-tfo-listener-closing", Series(6, 16), Series(6, 16)),
];

/// The first two numbers of a kernel's version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series(pub(crate) u32, pub(crate) u32);

impl Series {
    /// Of the running kernel.
    pub(crate) fn running() -> Result<Self> {
        let release = uname().release().to_string_lossy().into_owned();
        Self::parse(&release)
            .with_context(|| format!("failed to read the kernel release {release:?}"))
    }

    fn parse(release: &str) -> Option<Self> {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit());
        Some(Self(numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

/// Whether the running kernel has PREEMPT_RT, where syndrop does without fentry.
pub(crate) fn is_realtime() -> bool {
    fs::read_to_string("/sys/kernel/realtime").is_ok_and(|text| text.trim() == "1")
}

/// Fails unless this case may be skipped on the running kernel.
pub(crate) fn audit(case: &str, reason: &str) -> Result<()> {
    let series = Series::running()?;
    let legitimate = |&(name, last): &(&str, Series)| case.starts_with(name) && series <= last;
    let between = |&(name, first, last): &(&str, Series, Series)| {
        case.starts_with(name) && (first..=last).contains(&series)
    };
    if LEGITIMATE.iter().any(legitimate) || BETWEEN.iter().any(between) {
        return Ok(());
    }
    bail!("{series:?} should run this case, but it would be skipped: {reason}")
}
