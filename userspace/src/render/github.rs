//! GitHub's workflow commands: each finding as an annotation of the run.
//!
//! The runner takes them from stdout and from stderr alike. It shows ten of a kind a step.

use std::io::{self, Write};

use super::finding::{figures, findings};
use super::{Render, Summary};
use crate::gate::Gate;
use crate::incident::Incident;
use crate::source::{Lost, Opening};

/// Annotations: errors if the run does not pass, else warnings.
#[derive(Debug)]
pub struct Github {
    gate: Gate,
}

impl Github {
    /// For a run that must keep to this.
    pub const fn new(gate: Gate) -> Self {
        Self { gate }
    }
}

/// What would end the command's message, or a percent sign, as the runner decodes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for a property, which colons and commas end, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

impl Render for Github {
    fn opening(&mut self, _: &mut dyn Write, _: &Opening) -> io::Result<()> {
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
        let findings = findings(summary, &self.gate);
        for finding in &findings {
            let level = if finding.counts && !verdict.passed() { "error" } else { "warning" };
            let title = format!("{} at {}", finding.entry.slug, finding.listener);
            let message = format!("{}\n{}", finding.sentence(), finding.entry.remedy);
            writeln!(out, "::{level} title={}::{}", property(&title), data(&message))?;
        }
        if !verdict.passed() && findings.iter().all(|finding| !finding.counts) {
            let title = property("TCP listener drops");
            let message = format!("they could not be told apart; {}", figures(verdict));
            writeln!(out, "::error title={title}::{}", data(&message))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ebpf_probes::Reason;

    use super::{Github, data, property};
    use crate::gate::Gate;
    use crate::render::sample::{healthy, summary, written};
    use crate::source::Losses;

    fn annotations(gate: Gate) -> String {
        written(&mut Github::new(gate), &summary())
    }

    #[test]
    fn each_finding_is_one_line_that_nothing_foreign_ends() {
        insta::assert_snapshot!(annotations(Gate::default()));
    }

    #[test]
    fn what_passes_or_does_not_count_is_a_warning() {
        let levels = |gate| {
            let text = annotations(gate);
            let levels = text.lines().filter_map(|line| line.strip_prefix("::")?.split(' ').next());
            levels.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(levels(Gate { allowed: 16, only: vec![] }), ["warning"; 3]);
        let only = vec![Reason::AcceptQueueFullAck];
        assert_eq!(levels(Gate { allowed: 0, only }), ["warning", "error", "warning"]);
    }

    #[test]
    fn without_drops_there_is_nothing_to_say() {
        assert_eq!(written(&mut Github::new(Gate::default()), &healthy()), "");
    }

    #[test]
    fn drops_without_a_reason_are_an_error_of_their_own() {
        let mut blind = healthy();
        blind.losses = Losses { totals_full: 3, ..Losses::default() };
        let text = written(&mut Github::new(Gate::default()), &blind);
        assert_eq!(
            text,
            "::error title=TCP listener drops::they could not be told apart; \
             drops that count: 3; allowed: 0\n"
        );
    }

    #[test]
    fn what_ends_a_command_is_escaped() {
        assert_eq!(data("50%\r\n::x"), "50%25%0D%0A::x");
        assert_eq!(property("[::]:80, 50%"), "[%3A%3A]%3A80%2C 50%25");
    }
}
