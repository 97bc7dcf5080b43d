//! Markdown: a page for `$GITHUB_STEP_SUMMARY`, or wherever else a table is read.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

use super::finding::{figures, findings};
use super::text::cost::in_short;
use super::{Foreign, Render, Summary};
use crate::catalogue;
use crate::gate::Gate;
use crate::incident::Incident;
use crate::reconcile::Balance;
use crate::source::{Lost, Opening};

/// The Markdown format.
#[derive(Debug)]
pub struct Markdown {
    gate: Gate,
    kernel: Option<String>,
}

impl Markdown {
    /// For a run that must keep to this.
    pub const fn new(gate: Gate) -> Self {
        Self { gate, kernel: None }
    }
}

/// A text in which nothing is markup: each ASCII punctuation mark can be escaped, so all are that
/// mean something somewhere.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '.' | ',' | '/' | ':' | '-' | '+' | '(' | ')' | ';' | '=' | '\'' | '%' => {}
                c if c.is_ascii_punctuation() => f.write_char('\\')?,
                _ => {}
            }
            f.write_char(c)?;
        }
        Ok(())
    }
}

impl Render for Markdown {
    fn opening(&mut self, _: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        self.kernel.clone_from(&opening.kernel);
        Ok(())
    }

    fn incident(&mut self, _: &mut dyn Write, _: &Incident) -> io::Result<()> {
        Ok(())
    }

    fn lost(&mut self, _: &mut dyn Write, _: &Lost) -> io::Result<()> {
        Ok(())
    }

    fn summary(&mut self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        let verdict = self.gate.judge(&summary.totals, &summary.losses);
        let word = if verdict.passed() { "passed" } else { "failed" };
        writeln!(out, "### TCP listener drops: {word}\n")?;
        write!(out, "{}; in {:.1} s", figures(verdict), summary.duration.as_secs_f64())?;
        match &self.kernel {
            Some(kernel) => writeln!(out, " on kernel {}", Plain(&Foreign(kernel).to_string()))?,
            None => writeln!(out)?,
        }
        self.drops(out, summary)?;
        balance(out, summary)
    }
}

impl Markdown {
    fn drops(&self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        let findings = findings(summary, &self.gate);
        if findings.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n| drops | reason | listener | queue limit | owner | counts |")?;
        writeln!(out, "| ---: | --- | --- | ---: | --- | --- |")?;
        for finding in &findings {
            let limit = finding.limit.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
            let counts = if finding.counts { "yes" } else { "no" };
            writeln!(
                out,
                "| {} | `{}` | {} | {limit} | {} | {counts} |",
                finding.count,
                finding.entry.slug,
                Plain(&finding.listener),
                Plain(&finding.owner),
            )?;
        }
        writeln!(out)?;
        let reasons: BTreeSet<_> = findings.iter().map(|finding| finding.entry.reason).collect();
        for reason in reasons {
            let entry = catalogue::of(reason);
            let (happened, client) = (Plain(entry.what_happened), Plain(entry.client));
            writeln!(out, "- `{}`: {happened} {client} **{}**", entry.slug, Plain(entry.remedy))?;
        }
        Ok(())
    }
}

/// The kernel's own counters, beside what the drops explain of them.
fn balance(out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
    let mut moved = summary.counters.iter().filter(|line| line.moved()).peekable();
    if moved.peek().is_some() {
        writeln!(out, "\n| the kernel's counter | moved by | explained | |")?;
        writeln!(out, "| --- | ---: | ---: | --- |")?;
    }
    for line in moved {
        let kernel = line.kernel.map_or_else(|| "unknown".to_owned(), |kernel| kernel.to_string());
        let rest = match line.balance() {
            Balance::Even | Balance::Unknown => String::new(),
            Balance::InFlight(apart) => format!("{apart} came while both were read"),
            Balance::LeftOver(left) => format!("{left} left over"),
            Balance::Excess(excess) => format!("{excess} more than counted"),
        };
        let name = line.counter.name();
        writeln!(
            out,
            "| {name} (netns {}) | {kernel} | {} | {rest} |",
            line.netns, line.explained
        )?;
    }
    let losses = &summary.losses;
    writeln!(out, "\n{} events lost, {} probes missed", losses.events(), losses.probes())?;
    match &summary.cost {
        Some(cost) => writeln!(out, "\n{}", in_short(cost)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Markdown, Plain};
    use crate::gate::Gate;
    use crate::render::sample::{healthy, summary, written};

    #[test]
    fn a_run_with_drops_has_a_table_of_them() {
        insta::assert_snapshot!(written(&mut Markdown::new(Gate::default()), &summary()));
    }

    #[test]
    fn a_run_without_drops_is_short() {
        insta::assert_snapshot!(written(&mut Markdown::new(Gate::default()), &healthy()));
    }

    #[test]
    fn foreign_names_are_no_markup() {
        assert_eq!(Plain("a|b <i>*_`[x](y)").to_string(), "a\\|b \\<i\\>\\*\\_\\`\\[x\\](y)");
        assert_eq!(Plain("127.0.0.1:80, /a-b.service").to_string(), "127.0.0.1:80, /a-b.service");
    }
}
