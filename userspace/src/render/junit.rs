//! JUnit XML: what CI systems read as the result of tests.
//!
//! Each listener's drops of one reason are a case, named so that the same case of another run has
//! the same name. The file is valid by the two schemas in use, Ant's and that of Jenkins' xUnit.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::finding::{Finding, figures, findings};
use super::text::cost::in_short;
use super::{Foreign, Render, Summary};
use crate::gate::{Gate, Verdict};
use crate::incident::Incident;
use crate::source::{Lost, Opening};

/// The JUnit format.
#[derive(Debug)]
pub struct Junit {
    gate: Gate,
    opening: Opening,
}

impl Junit {
    /// For a run that must keep to this.
    pub fn new(gate: Gate) -> Self {
        Self { gate, opening: Opening::default() }
    }
}

/// A text inside of XML, be it in quotes or not. What no XML may contain is left out.
struct Xml<'a>(&'a str);

impl std::fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                // A line break within an attribute is read as a space unless it is written so.
                '\n' => f.write_str("&#10;")?,
                '\u{fffe}' | '\u{ffff}' => {}
                c if c.is_control() => write!(f, "{}", c.escape_default())?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl Render for Junit {
    fn opening(&mut self, _: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        self.opening = opening.clone();
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
        let mut failures = findings.iter().filter(|it| it.counts && !verdict.passed()).count();
        // The verdict is a case of its own where no finding says it.
        let alone = findings.is_empty() || !verdict.passed() && failures == 0;
        failures += usize::from(alone && !verdict.passed());
        let tests = findings.len() + usize::from(alone);
        writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>")?;
        self.suite(out, summary, tests, failures)?;
        self.properties(out, summary)?;
        if alone {
            whole(out, summary, verdict)?;
        }
        for finding in &findings {
            case(out, finding, verdict)?;
        }
        writeln!(out, "    <system-out>{}</system-out>", Xml(&log(&findings, verdict)))?;
        writeln!(out, "    <system-err/>\n  </testsuite>\n</testsuites>")
    }
}

impl Junit {
    fn suite(
        &self,
        out: &mut dyn Write,
        summary: &Summary,
        tests: usize,
        failures: usize,
    ) -> io::Result<()> {
        let host = self.opening.host.as_deref().filter(|host| !host.is_empty());
        let time = self.opening.time.unwrap_or_default();
        write!(
            out,
            "  <testsuite name=\"syndrop\" package=\"syndrop\" id=\"0\" tests=\"{tests}\""
        )?;
        write!(out, " failures=\"{failures}\" errors=\"0\"")?;
        // Ant's schema wants whole seconds and no zone.
        write!(out, " timestamp=\"{}\"", time.strftime("%Y-%m-%dT%H:%M:%S"))?;
        write!(out, " hostname=\"{}\"", Xml(&Foreign(host.unwrap_or("localhost")).to_string()))?;
        writeln!(out, " time=\"{:.3}\">", summary.duration.as_secs_f64())
    }

    fn properties(&self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        let cost = summary.cost.as_ref().map(in_short);
        let all = [
            ("syndrop", &self.opening.version),
            ("kernel", &self.opening.kernel),
            ("attach", &self.opening.attach),
            ("cost", &cost),
        ];
        writeln!(out, "    <properties>")?;
        for (name, value) in all {
            if let Some(value) = value {
                writeln!(
                    out,
                    "      <property name=\"{name}\" value=\"{}\"/>",
                    Xml(&Foreign(value).to_string())
                )?;
            }
        }
        writeln!(out, "    </properties>")
    }
}

/// The run as one case.
fn whole(out: &mut dyn Write, summary: &Summary, verdict: Verdict) -> io::Result<()> {
    let time = summary.duration.as_secs_f64();
    write!(out, "    <testcase classname=\"syndrop\" name=\"listener drops\" time=\"{time:.3}\"")?;
    if verdict.passed() {
        return writeln!(out, "/>");
    }
    let message = figures(verdict);
    writeln!(out, ">\n      <failure type=\"drops\" message=\"{}\"/>", Xml(&message))?;
    writeln!(out, "    </testcase>")
}

fn case(out: &mut dyn Write, finding: &Finding, verdict: Verdict) -> io::Result<()> {
    let Finding { entry, listener, comm, .. } = finding;
    let name = format!("{listener} {comm}");
    write!(
        out,
        "    <testcase classname=\"syndrop.{}\" name=\"{}\" time=\"0\"",
        entry.slug,
        Xml(name.trim_end())
    )?;
    if verdict.passed() || !finding.counts {
        return writeln!(out, "/>");
    }
    let sentence = finding.sentence();
    write!(out, ">\n      <failure type=\"{}\" message=\"{}\">", entry.slug, Xml(&sentence))?;
    for line in [&sentence, entry.what_happened, entry.client, entry.remedy] {
        writeln!(out, "{}", Xml(line))?;
    }
    writeln!(out, "{}</failure>\n    </testcase>", Xml(&figures(verdict)))
}

fn log(findings: &[Finding], verdict: Verdict) -> String {
    let lines = findings.iter().map(Finding::sentence).chain([figures(verdict)]);
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use ebpf_probes::Reason;

    use super::{Junit, Xml};
    use crate::gate::Gate;
    use crate::render::Summary;
    use crate::render::sample::{healthy, summary, written};
    use crate::source::Losses;

    fn xml(gate: Gate, summary: &Summary) -> String {
        written(&mut Junit::new(gate), summary)
    }

    /// Cases and failures, as the head says and as there are.
    fn counts(text: &str) -> [(String, usize); 2] {
        let said = |name: &str| {
            let (_, rest) = text.split_once(&format!(" {name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        let there = |tag: &str| text.matches(&format!("<{tag} ")).count();
        [(said("tests"), there("testcase")), (said("failures"), there("failure"))]
    }

    fn both(cases: usize, failures: usize) -> [(String, usize); 2] {
        [(cases.to_string(), cases), (failures.to_string(), failures)]
    }

    #[test]
    fn a_failure_names_reason_listener_and_owner() {
        insta::assert_snapshot!(xml(Gate::default(), &summary()));
    }

    #[test]
    fn a_run_without_drops_is_one_case_that_passed() {
        insta::assert_snapshot!(xml(Gate::default(), &healthy()));
    }

    #[test]
    fn the_head_counts_what_follows() {
        let only = |reason| Gate { only: vec![reason], ..Gate::default() };
        assert_eq!(counts(&xml(Gate::default(), &summary())), both(3, 3));
        assert_eq!(counts(&xml(Gate { allowed: 16, only: vec![] }, &summary())), both(3, 0));
        assert_eq!(counts(&xml(only(Reason::AcceptQueueFullAck), &summary())), both(3, 1));
        assert_eq!(counts(&xml(only(Reason::SynNoRoute), &summary())), both(3, 0));
        assert_eq!(counts(&xml(Gate::default(), &healthy())), both(1, 0));
        let mut blind = summary();
        blind.losses = Losses { totals_full: 3, ..Losses::default() };
        assert_eq!(counts(&xml(only(Reason::SynNoRoute), &blind)), both(4, 1));
    }

    #[test]
    fn what_xml_may_not_contain_is_not_there() {
        let text = "a<b>&\"c\"]]>\u{1b}\u{0}\u{ffff}\n\u{1f980}";
        let escaped = "a&lt;b&gt;&amp;&quot;c&quot;]]&gt;\\u{1b}\\u{0}&#10;\u{1f980}";
        assert_eq!(Xml(text).to_string(), escaped);
    }
}
