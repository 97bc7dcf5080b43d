//! What the probes cost, for people.

use std::fmt;
use std::io::{self, Write};

use anstyle::Style;

use super::Text;
use super::latency::Short;
use super::summary::counted;
use crate::cost::{Cost, each};
use crate::render::Foreign;

/// Programs that are named; the others are counted.
const PROGRAMS_MAX: usize = 8;

/// A share of one CPU, in percent.
pub(crate) struct OfOneCpu(pub(crate) f64);

impl fmt::Display for OfOneCpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        match percent {
            ..=0.0 => f.write_str("0%"),
            ..0.01 => f.write_str("under 0.01%"),
            ..9.995 => write!(f, "{percent:.2}%"),
            _ => write!(f, "{percent:.0}%"),
        }?;
        f.write_str(" of one CPU")
    }
}

/// All of it in a line.
pub(in crate::render) fn in_short(cost: &Cost) -> String {
    if cost.runs() == 0 {
        return "no probe ran".to_owned();
    }
    let (runs, time) = (counted(cost.runs(), "time"), Short(cost.time()));
    format!("probes ran {runs} for {time}, {}", OfOneCpu(cost.share()))
}

impl Text {
    /// Under the reasons and listeners: what it took to know them.
    pub(super) fn cost(&self, out: &mut dyn Write, cost: &Cost) -> io::Result<()> {
        if cost.programs.is_empty() {
            return writeln!(out, "{}\n", in_short(cost));
        }
        let bold = self.style(Style::new().bold());
        writeln!(out, "{bold}{:>8} {:>7} {:>7}  PROBE{bold:#}", "RUNS", "TIME", "EACH")?;
        for it in cost.programs.iter().take(PROGRAMS_MAX) {
            let (time, each) = (Short(it.time), Short(each(it.time, it.runs)));
            writeln!(out, "{:>8} {time:>7} {each:>7}  {}", it.runs, Foreign(&it.program))?;
        }
        if let Some(more @ 1..) = cost.programs.len().checked_sub(PROGRAMS_MAX) {
            let more = counted(more as u64, "more probe");
            writeln!(out, "{:>26}{more}; --json lists them all", "")?;
        }
        writeln!(out, "{}\n", in_short(cost))
    }
}

#[cfg(test)]
mod tests {
    use super::OfOneCpu;

    #[test]
    fn a_share_is_never_nothing_unless_it_is() {
        let rows = [
            (0.0, "0% of one CPU"),
            (0.000_01, "under 0.01% of one CPU"),
            (0.001_23, "0.12% of one CPU"),
            (0.099_9, "9.99% of one CPU"),
            (0.5, "50% of one CPU"),
            (1.7, "170% of one CPU"),
        ];
        for (share, text) in rows {
            assert_eq!(OfOneCpu(share).to_string(), text);
        }
    }
}
