//! A lab's result for a person at a terminal: the story, the steps, the table, the verdict.

use std::fmt::Write as _;

use super::catalogue::Lab;
use super::sheet::{Fit, Row};
use super::stage::Report;
use super::verdict::Verdict;

pub(super) const WIDTH: usize = 100;
const HEADS: [&str; 4] = ["", "published", "this kernel", "syndrop said"];
/// Of the four columns; the rest is the gaps between them, and the mark.
const COLUMNS: [usize; 4] = [32, 14, 22, 24];

/// All that there is to say about one lab on one kernel.
pub(super) fn whole(lab: &Lab, report: &Report, verdict: &Verdict) -> String {
    let mut out = String::new();
    let rule = "=".repeat(WIDTH);
    let _ = writeln!(out, "{rule}\n{}: {}\nLinux {}\n{rule}", lab.name, lab.title, report.kernel);
    section(&mut out, "What was published", lab.published);
    let _ = writeln!(out, "\nWhat is done here");
    for step in &report.steps {
        let _ = writeln!(out, "  {}", clipped(step, WIDTH - 2));
    }
    if let Verdict::Judged(sheet) = verdict {
        let _ = writeln!(out);
        table(&mut out, &sheet.rows, &sheet.explanations());
        for (number, why) in (1..).zip(sheet.explanations()) {
            let _ = writeln!(out, "\n{}", wrapped(&format!("({number}) {why}"), "  ", WIDTH));
        }
        let _ = writeln!(out, "\nWhat syndrop printed");
        for line in &sheet.quote {
            let _ = writeln!(out, "{}", format!("  {line}").trim_end());
        }
    }
    section(&mut out, "What to take from it", lab.lesson);
    let _ = writeln!(out, "\n{}", verdict.line(lab.name));
    for failure in verdict.failures() {
        let _ = writeln!(out, "{}", wrapped(&format!("- {failure}"), "  ", WIDTH));
    }
    out
}

fn section(out: &mut String, head: &str, text: &str) {
    let _ = writeln!(out, "\n{head}\n{}", wrapped(text, "  ", WIDTH));
}

/// Rows of cells that are broken into lines, with a mark for what is not as published.
fn table(out: &mut String, rows: &[Row], explanations: &[&str]) {
    line(out, &HEADS.map(str::to_owned), "");
    let _ = writeln!(out, "  {}", "-".repeat(WIDTH - 2));
    for row in rows {
        let mark = match &row.fit {
            Fit::Same => String::new(),
            Fit::Explained(why) => {
                let number = explanations.iter().position(|it| it == why).map_or(0, |at| at + 1);
                format!("({number})")
            }
            Fit::Wrong => "WRONG".to_owned(),
        };
        let cells = [&row.what, &row.published, &row.here, &row.said].map(Clone::clone);
        line(out, &cells, &mark);
    }
}

fn line(out: &mut String, cells: &[String; 4], mark: &str) {
    let broken: Vec<Vec<String>> =
        cells.iter().zip(COLUMNS).map(|(cell, width)| broken(cell, width)).collect();
    let height = broken.iter().map(Vec::len).max().unwrap_or(0);
    for nth in 0..height {
        let mut text = String::from(" ");
        for (cell, width) in broken.iter().zip(COLUMNS) {
            let part = cell.get(nth).map_or("", String::as_str);
            let _ = write!(text, " {part:<width$}");
        }
        if nth == 0 {
            let _ = write!(text, " {mark}");
        }
        let _ = writeln!(out, "{}", text.trim_end());
    }
}

/// The text in lines of at most so many characters, broken between words.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// The text in lines of at most so many characters, each behind the indent.
pub(super) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    let lines = broken(text, width - indent.len());
    lines.iter().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}

fn clipped(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width - 2).collect();
    format!("{kept} …")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole() {
        assert_eq!(broken("one two three", 7), ["one two", "three"]);
        assert_eq!(broken("accept-queue-full-syn 4", 7), ["accept-queue-full-syn", "4"]);
        assert_eq!(broken("", 7), [""]);
    }

    #[test]
    fn what_differs_is_marked() {
        let row = |fit| Row {
            what: "half-open".into(),
            published: "256".into(),
            here: "129".into(),
            said: "syn-queue-full at 129, as it was foretold".into(),
            fit,
        };
        let mut out = String::new();
        let rows = [row(Fit::Explained("newer".into())), row(Fit::Wrong)];
        table(&mut out, &rows, &["newer"]);
        assert!(out.lines().all(|line| line.chars().count() <= WIDTH + 4), "{out}");
        assert!(out.contains("(1)\n") && out.contains("WRONG\n"), "{out}");
    }
}
