//! What goes to stderr: that tracing began, what the user should know, why it failed.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write, stderr};

use ebpf_probes::Reason;
use log::{LevelFilter, Log, Metadata, Record};

use super::Foreign;
use super::finding::figures;
use crate::catalogue;
use crate::gate::Verdict;
use crate::source::Opening;

/// A line that the user should see.
///
/// # Errors
/// If it cannot be written; so do the others.
pub fn note(out: &mut dyn Write, note: &str) -> io::Result<()> {
    writeln!(out, "syndrop: {}", Foreign(note))
}

/// What this run cannot do, then the line that says that every probe is attached; if `verbose`,
/// with all of them.
///
/// # Errors
/// If it cannot be written.
pub fn ready(out: &mut dyn Write, opening: &Opening, verbose: bool) -> io::Result<()> {
    for probe in opening.probes.iter().filter(|_| verbose) {
        let attached = if probe.attached { "attached to" } else { "not attached to" };
        note(out, &format!("{} {attached} {}", probe.name, probe.target))?;
    }
    for text in notes(opening) {
        note(out, &text)?;
    }
    write!(out, "Tracing TCP listener drops")?;
    for (nth, (kind, probes)) in kinds(opening).iter().enumerate() {
        let with = if nth == 0 { "with" } else { "and" };
        write!(out, " {with} {probes} {} probes", Foreign(kind))?;
    }
    writeln!(out, " ... Ctrl-C to end")
}

/// What the user should know about this run, one line each.
pub fn notes(opening: &Opening) -> Vec<String> {
    let mut notes = opening.notes.clone();
    if !opening.unobservable.is_empty() {
        notes.push(format!("cannot be told on this kernel: {}", slugs(&opening.unobservable)));
    }
    if !opening.inferred.is_empty() {
        let slugs = slugs(&opening.inferred);
        notes.push(format!("inferred on this kernel, at least at times: {slugs}"));
    }
    notes
}

/// How many probes of each kind are attached; of those that do not say, of the usual one.
fn kinds(opening: &Opening) -> BTreeMap<&str, usize> {
    let mut kinds = BTreeMap::new();
    for probe in opening.probes.iter().filter(|probe| probe.attached) {
        if let Some(kind) = probe.attach.as_deref().or(opening.attach.as_deref()) {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    kinds
}

/// Which of the wanted reasons this run cannot tell, if any are wanted by name.
///
/// # Errors
/// If it cannot be written.
pub fn blind_spots(out: &mut dyn Write, opening: &Opening, wanted: &[Reason]) -> io::Result<()> {
    let blind = |reason: &&Reason| wanted.contains(reason);
    let blind: Vec<_> = opening.unobservable.iter().filter(blind).copied().collect();
    if blind.is_empty() {
        return Ok(());
    }
    note(out, &format!("cannot be told on this kernel, and so cannot fail: {}", slugs(&blind)))
}

/// How a run kept to its gate.
///
/// # Errors
/// If it cannot be written.
pub fn verdict(out: &mut dyn Write, verdict: Verdict) -> io::Result<()> {
    let word = if verdict.passed() { "passed" } else { "failed" };
    note(out, &format!("{word}; {}", figures(verdict)))
}

fn slugs(reasons: &[Reason]) -> String {
    let slugs: Vec<_> = reasons.iter().map(|&reason| catalogue::of(reason).slug).collect();
    slugs.join(", ")
}

/// The one line that says why it failed: what, then its causes.
///
/// # Errors
/// If it cannot be written.
pub fn failure(out: &mut dyn Write, error: &dyn Error) -> io::Result<()> {
    writeln!(out, "syndrop: {}", causes(error))
}

/// What failed, then its causes, in a line.
pub fn causes(error: &dyn Error) -> String {
    let mut line = Foreign(&error.to_string()).to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line += ": ";
        line += &Foreign(&error.to_string()).to_string();
        cause = error.source();
    }
    line
}

/// Lets diagnostics of the probes appear on stderr from now on.
pub fn diagnostics_to_stderr() {
    // It fails only if it was done already.
    if log::set_logger(&Diagnostics).is_ok() {
        log::set_max_level(LevelFilter::Debug);
    }
}

/// Diagnostics as lines on stderr.
struct Diagnostics;

impl Log for Diagnostics {
    fn enabled(&self, metadata: &Metadata) -> bool {
        // Libraries are talkative; the probes' programs are called syndrop_probes.
        metadata.target().starts_with("syndrop") || metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            let _ = note(&mut stderr().lock(), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use std::io;

    use ebpf_probes::Reason;

    use super::{failure, ready};
    use crate::source::{Opening, Probe};

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_failure_is_one_line_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("failed to write to \u{1b}x")]
        struct Write(#[source] io::Error);
        let error = Write(io::Error::other("no space\nleft"));
        let line = written(|out| failure(out, &error));
        assert_eq!(line, "syndrop: failed to write to \\u{1b}x: no space\\nleft\n");
    }

    #[test]
    fn the_last_line_says_that_it_is_ready() {
        let probe = |name: &str, attached| Probe {
            name: name.to_owned(),
            target: "tcp_check_req".to_owned(),
            attach: None,
            attached,
        };
        let opening = Opening {
            attach: Some("kprobe".into()),
            probes: vec![probe("a", true), probe("b", false)],
            unobservable: vec![Reason::SynBacklogReserved],
            inferred: vec![Reason::SynQueueFull, Reason::AcceptQueueFullAck],
            notes: vec!["a note".into()],
            ..Opening::default()
        };
        let quiet = written(|out| ready(out, &opening, false));
        let lines: Vec<_> = quiet.lines().collect();
        assert_eq!(lines[0], "syndrop: a note");
        assert!(lines[1].ends_with(": syn-backlog-reserved"));
        assert!(lines[2].ends_with(": syn-queue-full, accept-queue-full-ack"));
        assert_eq!(lines[3], "Tracing TCP listener drops with 1 kprobe probes ... Ctrl-C to end");
        let verbose = written(|out| ready(out, &opening, true));
        assert!(verbose.starts_with(
            "syndrop: a attached to tcp_check_req\nsyndrop: b not attached to tcp_check_req\n"
        ));
        assert!(verbose.ends_with(&quiet));
    }

    #[test]
    fn probes_of_two_kinds_are_told_apart() {
        let probe = |attach: &str, attached| Probe {
            name: "a".to_owned(),
            target: "tcp_check_req".to_owned(),
            attach: Some(attach.to_owned()),
            attached,
        };
        let probes = vec![probe("kprobe", true), probe("fentry", true), probe("kprobe", false)];
        let opening = Opening { attach: Some("fentry".into()), probes, ..Opening::default() };
        let said = written(|out| ready(out, &opening, false));
        assert!(said.contains(" drops with 1 fentry probes and 1 kprobe probes ..."), "{said}");
    }
}
