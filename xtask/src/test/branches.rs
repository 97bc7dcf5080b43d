//! The table of reasons by kernel, `docs/branches.md`: where each was provoked, and why not
//! elsewhere. The tests write it, and fail where it no longer says what they saw.

mod page;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use self::page::Page;
use super::libtest::Run;
use super::tally::Tally;
use crate::bpf;

/// Asks the harness for the list of branches.
const LIST: &str = "SYNDROP_VM_BRANCHES";
/// Has the page written anew, as other derived pages are.
const WRITE: &str = "SYNDROP_WRITE_DOCS";
const PAGE: &str = "docs/branches.md";

/// Families of cases that no reason of the table needs.
pub(super) const BESIDES: [&str; 25] = [
    "all-reasons-on-two-cpus",
    "application",
    "clients::attempts",
    "clients::gone-",
    "clients::recovered-",
    "clients::recovered/ipv6",
    "clients::recovered/v4-mapped",
    "clients::unasked",
    "drops-before-the-trace",
    "fire::",
    "flooded-at-start",
    "gate::",
    "healthy-connections",
    "inside-the-namespace",
    "kernel-pointers-hidden",
    "leaves-nothing",
    "listeners::",
    "namespace-born",
    "nobody::",
    "no-drop-",
    "reader-stopped",
    "returning-clients::",
    "stats::",
    "top::",
    "two-namespaces",
];

/// A reason, and the cases that provoke it.
#[derive(Debug, Deserialize)]
struct Branch {
    reason: String,
    /// Their names, or how these begin.
    cases: Vec<String>,
    /// Why there are none.
    unprovoked: Option<String>,
}

/// What became of one reason on one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cell {
    /// Provoked and named right.
    Seen,
    /// Not provoked, and why.
    Empty(String),
}

/// All reasons, and what became of them on each kernel that was tested.
pub(super) struct Branches {
    branches: Vec<Branch>,
    kernels: BTreeMap<String, Vec<Cell>>,
}

impl Branches {
    /// Asks the harness, which knows its cases.
    pub(super) fn list(harness: &Path) -> Result<Self> {
        let output = Command::new(harness).env(LIST, "1").output();
        let output =
            output.context("failed to ask the kernel tests for the reasons they provoke")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the kernel tests cannot list what they provoke: {said}");
        let branches = serde_json::from_slice(&output.stdout)?;
        Ok(Self { branches, kernels: BTreeMap::new() })
    }

    /// Adds what the cases came to on one kernel; a reason that has cases of which none ran is an
    /// error, unless they were skipped.
    pub(super) fn add(&mut self, kernel: &str, run: &Run) -> Result<()> {
        let cells = self.branches.iter().map(|branch| branch.cell(run));
        let cells = cells.collect::<Result<_>>().with_context(|| format!("kernel {kernel}"))?;
        self.kernels.insert(kernel.to_owned(), cells);
        Ok(())
    }

    /// Compares the page with what was seen on these kernels, or writes it.
    pub(super) fn settle(&self, tally: &mut Tally) {
        if self.kernels.is_empty() {
            return;
        }
        tally.step(PAGE, self.compare());
    }

    fn compare(&self) -> Result<()> {
        let path = bpf::workspace().join(PAGE);
        let old = fs::read_to_string(&path).unwrap_or_default();
        let mut page = Page::read(&old);
        for (kernel, cells) in &self.kernels {
            let names = self.branches.iter().map(|branch| branch.reason.clone());
            page.set(kernel, names.zip(cells.iter().cloned()).collect());
        }
        let new = page.write();
        if old == new {
            return Ok(());
        }
        if env::var_os(WRITE).is_some() {
            return fs::write(&path, new).with_context(|| format!("failed to write {PAGE}"));
        }
        let line = new.lines().zip(old.lines().chain(std::iter::repeat("")));
        let (new, old) = line.into_iter().find(|(new, old)| new != old).unwrap_or_default();
        bail!("it says {old:?} where this run says {new:?}: {WRITE}=1 in the environment renews it")
    }
}

impl Branch {
    fn cell(&self, run: &Run) -> Result<Cell> {
        if let Some(why) = &self.unprovoked {
            return Ok(Cell::Empty(why.clone()));
        }
        let begins = |name: &str, case: &str| case.ends_with([':', '/']) && name.starts_with(case);
        let mine = |name: &str| self.cases.iter().any(|case| name == case || begins(name, case));
        if run.passed.iter().any(|name| mine(name)) {
            return Ok(Cell::Seen);
        }
        if let Some(skip) = run.skipped.iter().find(|skip| mine(&skip.name)) {
            return Ok(Cell::Empty(skip.reason.clone()));
        }
        bail!("{} was not provoked: of {:?} none ran and passed", self.reason, self.cases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = r#"[
        {"reason": "a", "cases": ["a-first", "a-second"], "unprovoked": null},
        {"reason": "b", "cases": ["b::"], "unprovoked": null},
        {"reason": "c", "cases": [], "unprovoked": "never"}
    ]"#;

    fn cells(text: &str) -> Result<Vec<Cell>> {
        let mut run = Run::default();
        text.lines().for_each(|line| run.push(line));
        let branches: Vec<Branch> = serde_json::from_str(LISTED)?;
        branches.iter().map(|branch| branch.cell(&run)).collect()
    }

    #[test]
    fn a_case_that_passed_is_enough() {
        let cells = cells("test a-second ... ok\ntest b::ipv4 ... ok").unwrap();
        assert_eq!(cells, [Cell::Seen, Cell::Seen, Cell::Empty("never".to_owned())]);
    }

    #[test]
    fn a_skip_says_why_nothing_was_provoked() {
        let cells = cells("test a-first ... ignored (no such thing)\ntest b::x ... ok").unwrap();
        assert_eq!(cells[0], Cell::Empty("no such thing".to_owned()));
    }

    #[test]
    fn a_reason_whose_cases_failed_or_did_not_run_is_an_error() {
        let error = cells("test a-first ... FAILED\ntest b::x ... ok").unwrap_err().to_string();
        assert!(error.starts_with("a was not provoked"), "{error}");
        assert!(cells("test a-first-of-another ... ok\ntest b::x ... ok").is_err());
    }
}
