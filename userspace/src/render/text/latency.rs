//! How long connections waited for `accept()`, for people.

use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;

use super::summary::counted;
use super::{OrDash, Text};
use crate::latency::AcceptLatency;
use crate::render::Foreign;

/// Listeners that are named; the others are counted.
const LISTENERS_MAX: usize = 20;

/// A time with three digits that say something.
pub(in crate::render) struct Short(pub(in crate::render) Duration);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        let (value, unit) = match seconds {
            0.999_5.. => (seconds, "s"),
            0.000_999_5.. => (seconds * 1e3, "ms"),
            _ => (seconds * 1e6, "us"),
        };
        let places = match value {
            99.95.. => 0,
            9.995.. => 1,
            _ => 2,
        };
        f.pad(&format!("{value:.places$}{unit}"))
    }
}

impl Text {
    pub(super) fn latency(&self, out: &mut dyn Write, latency: &AcceptLatency) -> io::Result<()> {
        let bold = self.style(Style::new().bold());
        let AcceptLatency { listeners, untimed } = latency;
        if listeners.is_empty() {
            writeln!(out, "no connection was accepted that could be timed")?;
        } else {
            writeln!(
                out,
                "{bold}{:>8} {:<21} {:>7} {:>7} {:>7} {:>7}  waited for accept(){bold:#}",
                "ACCEPTED", "LISTENER", "P50", "P90", "P99", "MAX"
            )?;
        }
        for it in listeners.iter().take(LISTENERS_MAX) {
            let waited = it.quantiles;
            let [p50, p90, p99, max] = [waited.p50, waited.p90, waited.p99, waited.max].map(Short);
            let bound = OrDash(it.id.bound);
            write!(out, "{:>8} {bound:<21} {p50:>7} {p90:>7} {p99:>7} {max:>7}", waited.accepted)?;
            match (&it.owner.comm, it.owner.pid) {
                (None, None) => writeln!(out)?,
                (comm, pid) => {
                    let comm = OrDash(comm.as_deref().map(Foreign));
                    writeln!(out, "  {comm}[{}]", OrDash(pid))?;
                }
            }
        }
        if let Some(more @ 1..) = listeners.len().checked_sub(LISTENERS_MAX) {
            let more = counted(more as u64, "more listener");
            writeln!(out, "{:>8} {more}; --json lists them all", "")?;
        }
        if *untimed > 0 {
            let untimed = counted(*untimed, "accepted connection");
            writeln!(
                out,
                "{:>8} {untimed} not timed: queued before tracing began, or no room",
                ""
            )?;
        }
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Short;

    #[test]
    fn three_digits_say_how_long() {
        let rows = [
            (0, "0.00us"),
            (999, "1.00us"),
            (1_234, "1.23us"),
            (12_345, "12.3us"),
            (123_456, "123us"),
            (999_499, "999us"),
            (999_500, "1.00ms"),
            (1_234_567, "1.23ms"),
            (999_600_000, "1.00s"),
            (275_000_000_000, "275s"),
        ];
        for (ns, text) in rows {
            assert_eq!(Short(Duration::from_nanos(ns)).to_string(), text, "{ns}");
        }
    }
}
