//! `docs/labs.md`: all labs on all kernels that they were played on, side by side.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use super::catalogue::{LABS, Lab};
use super::print;
use super::sheet::{Fit, Row, Sheet};
use super::stage::Report;
use super::verdict::Verdict;
use crate::bpf;

const PATH: &str = "docs/labs.md";
const HEAD: &str = "# Published experiments, played again

`cargo xtask lab NAME` plays one of them in a guest, with the same real programs and syndrop beside
it; `cargo xtask lab all` plays them all and writes this page. Each compares what was published,
what `ss`, `nstat` and the clients themselves see on this kernel, and what `syndrop --json` says. It
fails if the three do not fit or if what it is about did not happen. Counts of packets differ from
run to run. What all of it means for a server of yours: [queues.md](queues.md).

The server (10.9.0.1) and the client (10.9.0.2) are network namespaces of one guest with a wire
between them. Where somebody used a small program of their own, in C or Go, a small one in Python
makes the same system calls; everything else is the real thing from Debian's packages.
";

/// One lab on one kernel.
pub(super) struct Played {
    pub(super) lab: &'static Lab,
    pub(super) report: Report,
    pub(super) verdict: Verdict,
}

impl Played {
    fn sheet(&self) -> Option<&Sheet> {
        if let Verdict::Judged(sheet) = &self.verdict { Some(sheet) } else { None }
    }
}

/// All that was played.
#[derive(Default)]
pub(super) struct Page(Vec<Played>);

impl Page {
    /// Adds one.
    pub(super) fn add(&mut self, played: Played) {
        self.0.push(played);
    }

    /// Whether every lab stands.
    pub(super) fn stands(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|played| played.verdict.stands())
    }

    /// A line for each lab and kernel.
    pub(super) fn overview(&self) -> String {
        let mut out = String::new();
        for Played { lab, report, verdict } in &self.0 {
            let kernel = &report.kernel;
            let _ = writeln!(out, "{:<18} {kernel:<28} {}", lab.name, verdict.word());
        }
        out
    }

    /// Writes the page.
    pub(super) fn write(&self) -> Result<()> {
        let path = bpf::workspace().join(PATH);
        fs::write(&path, self.text()).with_context(|| format!("failed to write {PATH}"))?;
        eprintln!("wrote {PATH}");
        Ok(())
    }

    fn text(&self) -> String {
        let mut out = HEAD.to_owned();
        let of = |lab: &Lab| -> Vec<&Played> {
            self.0.iter().filter(|played| played.lab.name == lab.name).collect()
        };
        let _ = writeln!(out, "\n| lab | what it shows |\n| --- | --- |");
        for lab in LABS {
            let _ = writeln!(out, "| [{0}](#{0}) | {1} |", lab.name, lab.title);
        }
        for lab in LABS {
            section(&mut out, lab, &of(lab));
        }
        out
    }
}

fn section(out: &mut String, lab: &Lab, played: &[&Played]) {
    let sheets: Vec<(&str, &Sheet)> = played
        .iter()
        .filter_map(|played| Some((played.report.kernel.as_str(), played.sheet()?)))
        .collect();
    // What is shown once is of the kernel in the middle, the stable release's in the usual run.
    let Some(shown) = played.get(played.len() / 2) else { return };
    let story = paragraph(&format!("**{}.** {}", lab.title, lab.published));
    let _ = writeln!(out, "\n## {}\n\n{story}\n", lab.name);
    let _ = writeln!(out, "```console");
    for step in &shown.report.steps {
        let _ = writeln!(out, "{step}");
    }
    let _ = writeln!(out, "```\n");
    table(out, &sheets);
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (kernel, sheet) in &sheets {
        for why in sheet.explanations() {
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, kernels)) => kernels.push(kernel),
                None => reasons.push((why, vec![kernel])),
            }
        }
    }
    for (why, kernels) in reasons {
        let on = if kernels.len() == sheets.len() {
            String::new()
        } else {
            format!(" ({})", kernels.iter().map(|it| series(it)).collect::<Vec<_>>().join(", "))
        };
        let _ = writeln!(out, "\n{}", paragraph(&format!("Why{on}: {why}")));
    }
    if let Some(sheet) = shown.sheet() {
        let _ = writeln!(out, "\nWhat syndrop printed on {}:\n\n```", shown.report.kernel);
        for line in &sheet.quote {
            let _ = writeln!(out, "{line}");
        }
        let _ = writeln!(out, "```");
    }
    let _ = writeln!(out, "\n{}", paragraph(lab.lesson));
    let verdicts = played.iter().map(|it| {
        let Played { report, verdict, .. } = it;
        format!("{} {}", series(&report.kernel), verdict.word())
    });
    let verdicts = verdicts.collect::<Vec<_>>().join("; ");
    let _ = writeln!(out, "\n{}", paragraph(&format!("**Verdict:** {verdicts}.")));
}

fn paragraph(text: &str) -> String {
    print::wrapped(text, "", print::WIDTH)
}

fn table(out: &mut String, sheets: &[(&str, &Sheet)]) {
    let Some((_, first)) = sheets.first() else { return };
    let kernels: Vec<&str> = sheets.iter().map(|(kernel, _)| series(kernel)).collect();
    let _ = writeln!(out, "| | published | {} | syndrop said |", kernels.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(kernels.len() + 3));
    for (nth, Row { what, published, .. }) in first.rows.iter().enumerate() {
        let rows: Vec<Option<&Row>> = sheets.iter().map(|(_, sheet)| sheet.rows.get(nth)).collect();
        let here = rows.iter().map(|row| row.map_or("", |row| row.here.as_str()));
        let here = here.map(cell).collect::<Vec<_>>().join(" | ");
        let said: Vec<&str> =
            rows.iter().map(|row| row.map_or("", |row| row.said.as_str())).collect();
        let differs = rows.iter().flatten().any(|row| matches!(row.fit, Fit::Explained(_)));
        let is_figure = published.starts_with(|first: char| first.is_ascii_digit());
        let published =
            if differs && is_figure { format!("{published} (differs)") } else { published.clone() };
        let said = if said.iter().all(|it| *it == said[0]) {
            cell(said[0])
        } else {
            let each =
                kernels.iter().zip(&said).map(|(kernel, it)| format!("{kernel}: {}", cell(it)));
            each.collect::<Vec<_>>().join("<br>")
        };
        let _ = writeln!(out, "| {} | {} | {here} | {said} |", cell(what), cell(&published));
    }
}

/// A text that a cell can hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// The first two numbers of a release.
fn series(release: &str) -> &str {
    release.match_indices('.').nth(1).map_or(release, |(at, _)| &release[..at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::sheet::figures;

    #[test]
    fn kernels_stand_side_by_side() {
        let sheet = |here: u32| {
            let mut sheet = Sheet::default();
            sheet.explained("half-open", figures!(256, here, format!("at {here}")), true, "why");
            sheet.same("drops", figures!(1, 1, "a|b"), true);
            sheet
        };
        let (old, new) = (sheet(128), sheet(129));
        let mut out = String::new();
        table(&mut out, &[("5.10.0-46-cloud-amd64", &old), ("7.3.4+deb13", &new)]);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0], "| | published | 5.10 | 7.3 | syndrop said |");
        assert_eq!(
            lines[2],
            "| half-open | 256 (differs) | 128 | 129 | 5.10: at 128<br>7.3: at 129 |"
        );
        assert_eq!(lines[3], "| drops | 1 | 1 | 1 | a\\|b |");
    }

    #[test]
    fn a_page_without_labs_does_not_stand() {
        assert!(!Page::default().stands());
    }
}
