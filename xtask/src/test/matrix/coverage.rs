//! Which cases ran on any kernel: one that is skipped on all of them tests nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::test::libtest::{Run, Skip};

/// The cases of all kernels so far.
#[derive(Default)]
pub(crate) struct Coverage {
    ran: BTreeSet<String>,
    skipped: BTreeMap<String, Skip>,
}

impl Coverage {
    /// Adds the cases of one kernel.
    pub(crate) fn add(&mut self, run: Run) {
        self.ran.extend(run.passed);
        self.ran.extend(run.failed);
        self.skipped.extend(run.skipped.into_iter().map(|skip| (skip.name.clone(), skip)));
    }

    /// Cases that were skipped wherever they could have run.
    pub(crate) fn never_run(&self) -> impl Iterator<Item = &Skip> {
        self.skipped.values().filter(|skip| !self.ran.contains(&skip.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_was_skipped_everywhere_never_ran() {
        let mut coverage = Coverage::default();
        let kernels = [
            "test a ... ignored (x)\ntest b ... ignored (y)",
            "test a ... ignored (x)\ntest b ... ok",
        ];
        for text in kernels {
            let mut run = Run::default();
            for line in text.lines() {
                run.push(line);
            }
            coverage.add(run);
        }
        let names: Vec<_> = coverage.never_run().map(|skip| skip.name.as_str()).collect();
        assert_eq!(names, ["a"]);
    }
}
