//! The lines that hold the named drops against the kernel's own counters.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::Text;
use super::summary::{counted, wrapped};
use crate::reconcile::{Balance, Line, other_sources};
use crate::source::Losses;

/// Why the two may differ by a little.
const IN_FLIGHT: &str = "the difference came while both were read, and stands on one side only";

/// Where the numbers begin.
const INDENT: usize = 17;

impl Text {
    /// A line per counter that moved, by namespace where there are several.
    pub(super) fn balance(
        &self,
        out: &mut dyn Write,
        lines: &[Line],
        losses: &Losses,
        namespaces: bool,
    ) -> io::Result<()> {
        let unread = lines.iter().filter(|line| line.kernel.is_none() && !line.moved());
        let unread: BTreeSet<u32> = unread.map(|line| line.netns).collect();
        if lines.iter().all(|line| line.kernel.is_none()) && !unread.is_empty() {
            writeln!(out, "the kernel's own counters could not be read")?;
        } else if !unread.is_empty() {
            let count = counted(unread.len() as u64, "network namespace");
            writeln!(out, "the counters of {count} could not be read, or went away with it")?;
        } else if !lines.is_empty() && lines.iter().all(|line| !line.moved()) {
            writeln!(out, "no kernel counter of refused connections moved")?;
        }
        let mut namespace = None;
        for line in lines.iter().filter(|line| line.moved()) {
            if namespaces && namespace.replace(line.netns) != Some(line.netns) {
                writeln!(out, "network namespace {}:", line.netns)?;
            }
            let balance = line.balance();
            let style = self.style(match balance {
                Balance::Even => AnsiColor::Green.on_default(),
                Balance::Unknown | Balance::InFlight(_) => Style::new(),
                Balance::LeftOver(_) | Balance::Excess(_) => AnsiColor::Red.on_default(),
            });
            let Line { counter, explained, .. } = line;
            let explained = match line.kernel {
                Some(kernel) => format!("{explained} of {kernel} explained"),
                None => format!("{explained} explained, the kernel's own count is unknown"),
            };
            let name = counter.name();
            writeln!(out, "{style}{name:<INDENT$}{explained}{style:#}")?;
            match balance {
                Balance::Even | Balance::Unknown => {}
                Balance::InFlight(_) => wrapped(out, INDENT, IN_FLIGHT)?,
                Balance::LeftOver(left) => wrapped(out, INDENT, &left_over(left, line, losses))?,
                Balance::Excess(excess) => wrapped(out, INDENT, &too_many(excess))?,
            }
        }
        Ok(())
    }
}

fn left_over(left: u64, line: &Line, losses: &Losses) -> String {
    let mut sources = Vec::new();
    if line.unattributed > 0 {
        sources.push(counted(line.unattributed, "unattributed drop"));
    }
    if losses.probes() > 0 {
        sources.push(counted(losses.probes(), "missed probe"));
    }
    if losses.totals_full > 0 {
        sources.push(format!("{} uncounted", counted(losses.totals_full, "drop")));
    }
    sources.push(other_sources(line.counter).to_owned());
    format!("{left} left over; likely from: {}", sources.join(", "))
}

fn too_many(excess: u64) -> String {
    format!(
        "{excess} more than the kernel counted: either its counter was read at another moment, \
         or drops were named wrongly"
    )
}
