//! docs/benchmark.md: how to read it, and a section for each kernel, which a run on it replaces.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result};

use super::contenders::Origin;
use super::figures::{Figures, Sheet};
use super::loads::Row;
use super::targets;
use crate::bpf;

const PATH: &str = "docs/benchmark.md";
const HEADING: &str = "## Linux ";

const INTRODUCTION: &str = "\
# What tracing costs

`cargo xtask bench` writes this page. It counts instructions, so that it does not matter how fast or
how busy the machine is that it runs on: the same boot, repeated, gives the same figures to a part
in a thousand. What was measured before and has not changed since is not measured again.

## How to read it

- **Instructions, not time.** Each guest runs on an emulator that counts instructions (QEMU,
  `-icount shift=0,sleep=off`, one CPU), and the guest's clock advances by a nanosecond for each. So
  a figure is all that was executed for one packet or one connection: the sender, the kernel, the
  probes, and the tracer's own process, what it does after the last packet included. What the figures
  compare is work done. Cache misses and interrupts between CPUs have no part in it.
- **none** is the same load without a tracer; of the others the table says what they *add* to it, and
  how many times of it the whole then is.
- **lost** are the events that the tool itself says it lost. A tool that loses events looks cheaper
  than it is.
- **start** is what the tool's processes execute until they trace, in milliseconds at one instruction
  a nanosecond; **memory** is the most that was resident; **size** is the program with the libraries
  that it brings.
- The loads: a connection to a listener on loopback that is accepted and closed at once
  (*healthy*); SYNs from a raw socket, each of another client, to a listener whose accept queue is
  full, to one whose SYN queue is full, and to one that answers with cookies because its SYN queue
  is full. The kernel's counters prove that each packet fared so.
- Each row has a guest of its own and goes through all loads in it. Every guest is booted three times
  with other random numbers, and the median counts. *Boots differ by* says how far the dearest of the
  three is from the cheapest, as a part of the whole, at most over all loads.
- Only syndrop tells the reason of a drop from what the kernel did, and counts all of them; what each
  of the others sees stands beside it.
";

fn is_packaged(row: &Figures) -> bool {
    !matches!(row.contender.origin, Origin::Nothing | Origin::Syndrop)
}

/// Replaces the section of a kernel.
pub(crate) fn update(series: &str, sheet: &Sheet, loads: &[&Row]) -> Result<()> {
    let path = bpf::workspace().join(PATH);
    let mut sections = sections(&fs::read_to_string(&path).unwrap_or_default());
    sections.insert(series.to_owned(), section(series, sheet, loads));
    let mut text = INTRODUCTION.to_owned();
    // The stable release first: 6.12 sorts before 7.3.
    for section in sections.values() {
        let _ = write!(text, "\n{section}");
    }
    fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    eprintln!("wrote {PATH}");
    Ok(())
}

/// The sections of kernels by their series.
fn sections(text: &str) -> BTreeMap<String, String> {
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        if let Some(title) = line.strip_prefix(HEADING) {
            current = title.split(' ').next().map(str::to_owned);
        }
        if let Some(series) = &current {
            let section = sections.entry(series.clone()).or_default();
            section.push_str(line);
            section.push('\n');
        }
    }
    for section in sections.values_mut() {
        section.truncate(section.trim_end().len());
        section.push('\n');
    }
    sections
}

fn section(series: &str, sheet: &Sheet, loads: &[&Row]) -> String {
    let mut text = format!("{HEADING}{series} ({})\n\n", sheet.release);
    let write = |text: &mut String, line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    let titles: Vec<&str> = loads.iter().map(|load| load.title).collect();
    write(&mut text, &format!("| | {} | lost | start | memory | size |", titles.join(" | ")));
    write(&mut text, &format!("| --- {}| --: | --: | --: | --: |", "| --: ".repeat(loads.len())));
    for row in &sheet.rows {
        write(&mut text, &table_row(row, sheet.nothing(), loads.len()));
    }
    let _ = write!(
        text,
        "\n{} connections, {} SYNs. Boots differ by {:.2}% at most; those of the tools from packages \
         by {:.2}%.\n",
        count(loads, |load| load.name == "healthy"),
        count(loads, |load| load.name != "healthy"),
        sheet.widest_of(|row| !is_packaged(row)) * 100.0,
        sheet.widest_of(is_packaged) * 100.0
    );
    text.push_str("\nWhat they see of a drop:\n\n");
    for row in sheet.rows.iter().filter(|row| !row.contender.is_nothing()) {
        let _ = writeln!(text, "- {}: {}", row.contender.name, row.contender.note);
    }
    if !sheet.missing.is_empty() {
        text.push_str("\nNot measured:\n\n");
    }
    for (contender, reason) in &sheet.missing {
        let first = reason.lines().next().unwrap_or_default();
        let _ = writeln!(text, "- {}: {first}", contender.name);
    }
    text.push_str(
        "\n| what syndrop wants to reach | at most | reached | |\n| --- | --: | --: | --- |\n",
    );
    let standings = targets::standings(sheet, loads);
    for standing in &standings {
        let reached = standing.reached.map_or_else(|| "?".to_owned(), |it| format!("{it:.0}"));
        let _ = writeln!(
            text,
            "| {} (`{}`) | {:.0} | {reached} | {} |",
            standing.what,
            standing.contender,
            standing.limit,
            standing.word()
        );
    }
    if standings.iter().any(targets::Standing::is_missed) {
        text.push_str("\nWhy what is not met is not:\n\n");
    }
    for standing in standings.iter().filter(|standing| standing.is_missed()) {
        let _ = writeln!(text, "- {}: {}", standing.what, standing.why);
    }
    text
}

fn count(loads: &[&Row], wanted: fn(&Row) -> bool) -> u32 {
    loads.iter().find(|load| wanted(load)).map_or(0, |load| load.count)
}

fn table_row(row: &Figures, nothing: Option<&Figures>, loads: usize) -> String {
    let mut line = format!("| {} |", row.contender.name);
    for place in 0..loads {
        let each = row.costs[place].each;
        let cell = match nothing {
            Some(nothing) if !row.contender.is_nothing() => {
                let bare = nothing.costs[place].each;
                format!("{:+.0} (×{:.2})", each - bare, each / bare)
            }
            _ => format!("{each:.0}"),
        };
        let _ = write!(line, " {cell} |");
    }
    if row.contender.is_nothing() {
        line.push_str(" | | | |");
    } else {
        let _ = write!(
            line,
            " {} | {:.0} ms | {:.0} MB | {:.1} MB |",
            row.lost,
            row.start_ms(),
            row.peak_mb(),
            row.size_mb()
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use boundary::bench::{Outcome, Taken, ToolOutcome};

    use super::*;
    use crate::bench::contenders::{CONTENDERS, Contender};
    use crate::bench::loads::LOADS;

    /// A row whose every packet cost so much.
    fn row(contender: &'static Contender, each: u64) -> Figures {
        let taken = Taken { count: 10, during: each * 10, ..Taken::default() };
        let tool = ToolOutcome { start: 5_000_000, peak_kib: 1000, ..ToolOutcome::default() };
        let outcome = Outcome { loads: vec![taken; LOADS.len()], tool: Some(tool) };
        Figures::new(contender, &LOADS.iter().collect::<Vec<_>>(), &[outcome], 2_000_000)
    }

    #[test]
    fn a_row_says_what_is_added() {
        let loads: Vec<&Row> = LOADS.iter().collect();
        let nothing = row(&CONTENDERS[0], 1000);
        let other = row(&CONTENDERS[1], 1500);
        let line = table_row(&other, Some(&nothing), loads.len());
        assert_eq!(
            line,
            "| syndrop | +500 (×1.50) | +500 (×1.50) | +500 (×1.50) | +500 (×1.50) | 0 | 5 ms | 1 MB | 2.0 MB |"
        );
        let line = table_row(&nothing, Some(&nothing), loads.len());
        assert_eq!(line, "| none | 1000 | 1000 | 1000 | 1000 | | | | |");
        let (titles, cells) = (loads.len() + 5, line.matches('|').count() - 1);
        assert_eq!(titles, cells);
    }

    #[test]
    fn a_section_is_found_again() {
        let text =
            format!("{INTRODUCTION}\n## Linux 6.12 (6.12.1)\n\na\n\n## Linux 7.3 (7.3.4)\n\nb\n");
        let sections = sections(&text);
        assert_eq!(sections["6.12"], "## Linux 6.12 (6.12.1)\n\na\n");
        assert_eq!(sections["7.3"], "## Linux 7.3 (7.3.4)\n\nb\n");
        assert_eq!(sections.len(), 2);
    }
}
