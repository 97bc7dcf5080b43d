//! What a test binary prints, read back: one line per case, one summary.
//!
//! The format of libtest and of libtest-mimic alike, which is what people read too, so there is
//! nothing to switch on in the binaries.

use std::collections::BTreeMap;

use super::tally::Tally;

/// The lines of one or more test binaries.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) passed: Vec<String>,
    pub(crate) failed: Vec<String>,
    pub(crate) skipped: Vec<Skip>,
    /// What failed cases said, by name.
    said: BTreeMap<String, String>,
    /// Whose words the next lines are.
    speaker: Option<String>,
    /// What the summaries count, to catch a case line that was not understood.
    summed: usize,
    summaries: usize,
}

/// A case that did not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Run {
    /// Takes the next line.
    pub(crate) fn push(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(header) = line.strip_prefix("---- ").and_then(|it| it.strip_suffix(" ----")) {
            let name = header.strip_suffix(" stdout").unwrap_or(header);
            self.speaker = Some(name.to_owned());
            return;
        }
        if line == "failures:" || line.starts_with("test result: ") {
            self.speaker = None;
        }
        if let Some(speaker) = &self.speaker {
            let said = self.said.entry(speaker.clone()).or_default();
            *said = format!("{said}\n    {line}");
            return;
        }
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.summaries += 1;
            self.summed += ["passed", "failed", "ignored"]
                .map(|what| count(counts, what))
                .iter()
                .sum::<usize>();
        } else if let Some((name, outcome)) =
            line.strip_prefix("test ").and_then(|case| case.split_once(" ... "))
        {
            let name = name.trim().to_owned();
            match outcome {
                "ok" => self.passed.push(name),
                "FAILED" => self.failed.push(name),
                other => {
                    if let Some(reason) = other.strip_prefix("ignored") {
                        let reason = reason.trim_matches([',', ' ', '(', ')']).to_owned();
                        self.skipped.push(Skip { name, reason });
                    }
                }
            }
        }
    }

    /// Adds the cases to `tally`, where they ran before each name, and what is wrong with the run
    /// itself: `succeeded` is what the exit status said.
    pub(crate) fn add_to(&self, tally: &mut Tally, place: &str, succeeded: bool) {
        tally.pass(self.passed.len());
        for name in &self.failed {
            let said = self.said.get(name).map_or("", |said| said.trim_end());
            tally.fail(format!("{place}: {name}{said}"));
        }
        for Skip { name, reason } in &self.skipped {
            let reason = if reason.is_empty() { "no reason given" } else { reason };
            tally.skip(format!("{place}: {name}: {reason}"));
        }
        let read = self.passed.len() + self.failed.len() + self.skipped.len();
        if self.summaries == 0 {
            tally.fail(format!("{place}: no test binary came to its end"));
        } else if read != self.summed {
            tally.fail(format!("{place}: {} cases counted, {read} seen", self.summed));
        } else if !succeeded && self.failed.is_empty() {
            tally.fail(format!("{place}: failed, though no case did"));
        }
    }
}

/// The number before `what` in `ok. 4 passed; 0 failed; …`.
fn count(counts: &str, what: &str) -> usize {
    counts
        .split([';', '.'])
        .filter_map(|part| part.trim().split_once(' '))
        .find_map(|(number, unit)| (unit == what).then(|| number.parse().ok())?)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Run {
        let mut run = Run::default();
        for line in text.lines() {
            run.push(line);
        }
        run
    }

    fn summary(text: &str, succeeded: bool) -> (Tally, Vec<String>) {
        let mut tally = Tally::default();
        run(text).add_to(&mut tally, "6.12", succeeded);
        let failures = tally.failures().to_vec();
        (tally, failures)
    }

    const MIXED: &str = "\
running 4 tests
test accept-queue-full-syn/ipv4 ... ok
test syn-queue-full/ipv6        ... FAILED
test unattributed/ipv4 ... ignored (no such check on 5.10)
test with_a_libtest_reason ... ignored, needs root

test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 1.2s
";

    #[test]
    fn each_outcome_is_read_with_its_name_and_reason() {
        let run = run(MIXED);
        assert_eq!(run.passed, ["accept-queue-full-syn/ipv4"]);
        assert_eq!(run.failed, ["syn-queue-full/ipv6"]);
        let reasons: Vec<_> = run.skipped.iter().map(|skip| skip.reason.as_str()).collect();
        assert_eq!(reasons, ["no such check on 5.10", "needs root"]);
    }

    #[test]
    fn failed_cases_are_failures_by_name() {
        assert_eq!(summary(MIXED, false).1, ["6.12: syn-queue-full/ipv6"]);
    }

    #[test]
    fn a_failure_says_what_the_case_said() {
        let text = "test a ... FAILED\ntest b ... ok\n\nfailures:\n\n---- a ----\n9 events\nnot 8\n\n\
            failures:\n    a\n\ntest result: FAILED. 1 passed; 1 failed; 0 ignored";
        assert_eq!(summary(text, false).1, ["6.12: a\n    9 events\n    not 8"]);
    }

    #[test]
    fn several_binaries_add_up() {
        let one = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured";
        let (tally, failures) = summary(&format!("{one}\n{one}"), true);
        assert!(failures.is_empty(), "{failures:?}");
        assert!(tally.is_clean());
    }

    #[test]
    fn a_binary_without_an_end_is_a_failure() {
        let failures = summary("test a ... ok\n", true).1;
        assert_eq!(failures, ["6.12: no test binary came to its end"]);
    }

    #[test]
    fn a_case_line_that_was_not_understood_is_a_failure() {
        let text = "test a ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored";
        assert_eq!(summary(text, true).1, ["6.12: 2 cases counted, 1 seen"]);
    }

    #[test]
    fn a_bad_exit_without_a_failed_case_is_a_failure() {
        let text = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored";
        assert_eq!(summary(text, false).1, ["6.12: failed, though no case did"]);
    }
}
