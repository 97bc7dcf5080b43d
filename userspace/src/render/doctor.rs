//! A diagnosis, for people and for scripts: what works, what does not, what would help.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use ebpf_probes::{Counter, NOWHERE, Reason};

use super::Foreign;
use super::paragraph::paragraph;
use crate::catalogue;
use crate::exit::Exit;
use crate::kernel::diagnosis::HookState;
use crate::kernel::rights::State;
use crate::kernel::{Diagnosis, Plan};

mod json;

pub use json::doctor_json;

/// Columns before what belongs to a line.
const INDENT: usize = 10;

/// Where it goes, in colours or not.
struct Page<'a> {
    out: &'a mut dyn Write,
    colour: bool,
}

/// A diagnosis as text.
///
/// # Errors
/// If it cannot be written.
pub fn doctor(out: &mut dyn Write, diagnosis: &Diagnosis, colour: bool) -> io::Result<()> {
    let mut page = Page { out, colour };
    let version = env!("CARGO_PKG_VERSION");
    writeln!(page.out, "syndrop {version} on kernel {}", Foreign(&diagnosis.release))?;
    page.title("Rights and prerequisites")?;
    for check in &diagnosis.checks {
        page.line(word(check.state), &format!("{:<20} {}", check.name, check.found))?;
    }
    match &diagnosis.plan {
        Ok(plan) => page.plan(plan)?,
        Err(error) => {
            page.title("Probes")?;
            page.line(Word::No, &chain(error))?;
        }
    }
    page.remedies(diagnosis)?;
    let verdict = match diagnosis.exit {
        Exit::Ended if diagnosis.suspicions.is_empty() => "syndrop can trace here.".to_owned(),
        Exit::Ended => "syndrop can trace here, unless what is in doubt is refused.".to_owned(),
        exit => format!("syndrop cannot trace here: it would end with status {}.", exit.code()),
    };
    writeln!(page.out, "\n{verdict}")
}

/// The first word of a line.
#[derive(Debug, Clone, Copy)]
enum Word {
    Ok,
    No,
    Doubt,
    Unknown,
    None,
}

const fn word(state: State) -> Word {
    match state {
        State::Met => Word::Ok,
        State::Unmet => Word::No,
        State::Doubtful => Word::Doubt,
        State::Unknown => Word::Unknown,
    }
}

impl Page<'_> {
    fn title(&mut self, title: &str) -> io::Result<()> {
        let bold = if self.colour { Style::new().bold() } else { Style::new() };
        writeln!(self.out, "\n{bold}{title}{bold:#}")
    }

    fn line(&mut self, word: Word, text: &str) -> io::Result<()> {
        let (word, style) = match word {
            Word::Ok => ("ok", AnsiColor::Green.on_default()),
            Word::No => ("no", AnsiColor::Red.on_default()),
            Word::Doubt => ("perhaps", AnsiColor::Yellow.on_default()),
            Word::Unknown => ("unknown", AnsiColor::Yellow.on_default()),
            Word::None => ("-", Style::new()),
        };
        let style = if self.colour { style } else { Style::new() };
        writeln!(self.out, "  {style}{word:<7}{style:#} {text}")
    }

    fn plan(&mut self, plan: &Plan) -> io::Result<()> {
        self.title("Probes, and the kind that attaches each; listed by the kernel's types")?;
        for (hook, state) in plan.hooks() {
            let target = hook.targets.first().copied().unwrap_or_default();
            match state {
                HookState::Attachable { target, attach } => {
                    self.line(Word::Ok, &format!("{:<6} {target}", attach.name()))?;
                }
                HookState::NotNeeded => {
                    self.line(Word::None, &format!("{target}: nothing is lost without it here"))?;
                }
                HookState::Missing { why, costs } => {
                    self.line(Word::No, target)?;
                    paragraph(self.out, INDENT, &format!("{}; {costs}", chain(why)))?;
                }
            }
        }
        self.title("Kernel fields and counters that the probes read")?;
        let (all, known) = plan.known_fields();
        let whole = if known == all { Word::Ok } else { Word::No };
        self.line(whole, &format!("{known} of {all} fields"))?;
        for field in &plan.unknown {
            paragraph(self.out, INDENT, &format!("unknown: {}", chain(&field.why)))?;
        }
        match &plan.uncounted {
            None => {
                let unread = unread(plan).len();
                let read = Counter::COUNT - unread;
                self.line(Word::Ok, &format!("{read} of {} counters", Counter::COUNT))?;
            }
            Some(why) => self.line(Word::No, &format!("no counters: {}", chain(why)))?,
        }
        for counter in unread(plan).into_iter().filter(|_| plan.uncounted.is_none()) {
            paragraph(self.out, INDENT, &format!("not on this kernel: {counter}"))?;
        }
        self.title("What can be told")?;
        let blind = plan.inferred.len() + plan.unobservable.len();
        let all = Reason::ALL.len();
        self.line(Word::Ok, &format!("{} of {all} reasons are observed", all - blind))?;
        self.reasons(Word::Doubt, "deduced from state, at least at times", &plan.inferred)?;
        self.reasons(Word::No, "called otherwise, or nothing", &plan.unobservable)
    }

    fn reasons(&mut self, word: Word, text: &str, reasons: &[Reason]) -> io::Result<()> {
        if reasons.is_empty() {
            return Ok(());
        }
        self.line(word, &format!("{} {text}:", reasons.len()))?;
        paragraph(self.out, INDENT, &slugs(reasons).join(" "))
    }

    fn remedies(&mut self, diagnosis: &Diagnosis) -> io::Result<()> {
        let certain = diagnosis.gaps.iter().map(|gap| (Word::No, gap));
        let all: Vec<_> =
            certain.chain(diagnosis.suspicions.iter().map(|gap| (Word::Doubt, gap))).collect();
        if all.is_empty() {
            return Ok(());
        }
        self.title("What is in the way, and what helps")?;
        for (word, gap) in all {
            let text = gap.to_string();
            let mut lines = Vec::new();
            paragraph(&mut lines, INDENT, &text)?;
            let lines = String::from_utf8_lossy(&lines).into_owned();
            self.line(word, lines.trim())?;
        }
        Ok(())
    }
}

/// An error and its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    Foreign(&text).to_string()
}

fn slugs(reasons: &[Reason]) -> Vec<&'static str> {
    reasons.iter().map(|&reason| catalogue::of(reason).slug).collect()
}

/// The counters that the probes cannot read, because this kernel has none of that name.
fn unread(plan: &Plan) -> Vec<&'static str> {
    let unread = |counter: &&Counter| plan.config.counters[**counter as usize] == NOWHERE;
    Counter::ALL.iter().filter(unread).map(|counter| counter.name()).collect()
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::Value;

    use super::{Diagnosis, doctor, doctor_json};
    use crate::kernel::diagnosis::sample;

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_gap_has_its_remedy_and_fits_a_screen() {
        let text = written(|out| doctor(out, &sample::poor(), false));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("\n  no      CAP_BPF              not held\n"), "{text}");
        let hook = "\n  no      inet_csk_prepare_forced_close\n          the kernel has no function inet_c";
        assert!(text.contains(hook), "{text}");
        assert!(text.contains("\n          unknown: struct sock_common has no member"), "{text}");
        let (_, end) = text.split_once("\nWhat is in the way, and what helps\n").unwrap();
        insta::assert_snapshot!(end);
    }

    #[test]
    fn where_nothing_is_missing_nothing_is_in_the_way() {
        let text = written(|out| doctor(out, &sample::rich(), false));
        assert!(text.ends_with("\nsyndrop can trace here.\n"), "{text}");
        assert!(!text.contains("in the way") && !text.contains("\n  no "), "{text}");
    }

    #[test]
    fn colours_are_there_only_if_wanted() {
        let colourful = written(|out| doctor(out, &sample::poor(), true));
        let plain = written(|out| doctor(out, &sample::poor(), false));
        assert!(colourful.contains("\u{1b}[31mno") && !plain.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&colourful).to_string(), plain);
    }

    #[test]
    fn json_says_the_same() {
        let parse = |diagnosis: Diagnosis| -> Value {
            serde_json::from_str(&written(|out| doctor_json(out, &diagnosis))).unwrap()
        };
        let poor = parse(sample::poor());
        assert_eq!(poor["exit"], 77);
        assert_eq!(poor["in_the_way"][0]["certain"], true);
        let hooks = poor["hooks"].as_array().unwrap();
        let missing: Vec<_> = hooks.iter().filter(|hook| hook["state"] == "missing").collect();
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0]["target"], "inet_csk_prepare_forced_close");
        assert!(missing[0]["why"].is_string() && missing[0]["costs"].is_string());
        assert!(!poor["inferred"].as_array().unwrap().is_empty());
        let blind = parse(sample::blind());
        assert_eq!((&blind["exit"], &blind["attach"]), (&69.into(), &Value::Null));
        assert!(blind["failure"].as_str().unwrap().contains("tcp_conn_request"));
    }
}
