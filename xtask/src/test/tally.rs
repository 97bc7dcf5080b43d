//! How many tests passed, failed and were skipped, and which.

use anyhow::Error;

/// Every part of a run adds to one of these.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failures: Vec<String>,
    skips: Vec<String>,
}

impl Tally {
    /// Counts tests that passed.
    pub(crate) fn pass(&mut self, tests: usize) {
        self.passed += tests;
    }

    /// Counts one failure; `what` names the test and where it ran.
    pub(crate) fn fail(&mut self, what: impl Into<String>) {
        self.failures.push(what.into());
    }

    /// Counts one skip; `what` names the test, where, and why.
    pub(crate) fn skip(&mut self, what: impl Into<String>) {
        self.skips.push(what.into());
    }

    /// Counts a step that is one test by itself.
    pub(crate) fn step(&mut self, name: &str, outcome: Result<(), Error>) {
        match outcome {
            Ok(()) => self.pass(1),
            Err(error) => self.fail(format!("{name}: {error:#}")),
        }
    }

    /// Whether nothing failed, and there was something that could have.
    pub(crate) fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.passed > 0
    }

    /// The skips and failures, and the line that says it all, as the last of the run.
    pub(crate) fn print(&self) {
        eprintln!();
        for skip in &self.skips {
            eprintln!("skipped: {skip}");
        }
        for failure in &self.failures {
            eprintln!("FAILED: {failure}");
        }
        println!("{}", self.summary());
    }

    #[cfg(test)]
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    fn summary(&self) -> String {
        let Self { passed, failures, skips } = self;
        format!("{passed} passed, {} failed, {} skipped", failures.len(), skips.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_all_of_it() {
        let mut tally = Tally::default();
        tally.pass(40);
        tally.step("cargo fmt", Ok(()));
        tally.step("cargo clippy", Err(anyhow::anyhow!("exit status: 101")));
        tally.skip("5.10: x: no such check there");
        assert_eq!(tally.summary(), "41 passed, 1 failed, 1 skipped");
        assert_eq!(tally.failures, ["cargo clippy: exit status: 101"]);
        assert!(!tally.is_clean());
    }

    #[test]
    fn a_run_of_nothing_is_not_clean() {
        assert!(!Tally::default().is_clean());
        let mut tally = Tally::default();
        tally.pass(1);
        assert!(tally.is_clean());
    }
}
