//! The ids of reasons on the command line: read, corrected, and listed by stage.

use std::fmt::Write;
use std::sync::LazyLock;

use ebpf_probes::{Reason, Stage};

use crate::catalogue::{self, Entry};
use crate::kernel::hooks::BEFORE_LISTENER;

/// Columns of a list of ids, and where they begin.
const COLUMNS: usize = 80;
const INDENT: usize = 14;
/// Words less alike than this have nothing to do with each other.
const ALIKE: f64 = 0.7;

/// A reason, or a notice.
pub(super) fn reason(word: &str) -> Result<Reason, String> {
    find(word, "reason", |_| true)
}

/// A reason that is a drop.
pub(super) fn drop(word: &str) -> Result<Reason, String> {
    match catalogue::by_slug(word) {
        Some(entry) if entry.reason.is_notice() => Err("it is a notice, and no drop".to_owned()),
        _ => find(word, "reason", |entry| !entry.reason.is_notice()),
    }
}

/// A notice.
pub(super) fn notice(word: &str) -> Result<Reason, String> {
    match catalogue::by_slug(word) {
        Some(entry) if !entry.reason.is_notice() => {
            Err("it is a drop, which is shown anyway; --reason narrows to it".to_owned())
        }
        _ => find(word, "notice", |entry| entry.reason.is_notice()),
    }
}

/// Finds the id, or says which one is nearest.
fn find(word: &str, kind: &str, among: fn(&Entry) -> bool) -> Result<Reason, String> {
    if let Some(entry) = catalogue::by_slug(word) {
        return Ok(entry.reason);
    }
    let alike = |entry: &Entry| strsim::jaro_winkler(word, entry.slug);
    let nearest = catalogue::all()
        .filter(|entry| among(entry))
        .min_by(|one, other| alike(other).total_cmp(&alike(one)))
        .filter(|entry| alike(entry) >= ALIKE);
    Err(match nearest {
        Some(entry) => format!("no {kind} is called that; did you mean {}?", entry.slug),
        None => format!("no {kind} is called that; --help lists them all"),
    })
}

/// Further help, then the list.
pub(super) fn with_list(help: &str) -> String {
    format!("{help}\n\n{}", list())
}

/// Every id, by stage, as --help shows them.
pub(super) fn list() -> &'static str {
    static LIST: LazyLock<String> = LazyLock::new(listed);
    &LIST
}

fn listed() -> String {
    let before = |entry: &Entry| BEFORE_LISTENER.contains(&entry.reason);
    let drops = |entry: &Entry| !entry.reason.is_notice();
    let mut text = String::from("Reasons by stage, what each means is in docs/reasons.md:\n");
    for &stage in Stage::ALL {
        let of_stage =
            |entry: &&Entry| drops(entry) && !before(entry) && entry.reason.stage() == Some(stage);
        row(&mut text, catalogue::stage(stage), catalogue::all().filter(of_stage));
    }
    let any = |entry: &&Entry| drops(entry) && !before(entry) && entry.reason.stage().is_none();
    row(&mut text, "any", catalogue::all().filter(any));
    text.push_str("With --before-listener:\n");
    row(&mut text, "", catalogue::all().filter(|entry| before(entry)));
    text.push_str("With --notices:\n");
    row(&mut text, "", catalogue::all().filter(|entry| !drops(entry)));
    text.truncate(text.trim_end().len());
    text
}

/// A title and ids, wrapped behind it.
fn row(text: &mut String, title: &str, entries: impl Iterator<Item = &'static Entry>) {
    let mut entries = entries.peekable();
    // Nothing is ever wrong with writing to a string.
    let _ = write!(text, "  {title:<width$}", width = INDENT - 2);
    let mut column = INDENT;
    while let Some(entry) = entries.next() {
        let comma = if entries.peek().is_some() { "," } else { "" };
        let width = entry.slug.len() + comma.len();
        if column > INDENT && column + 1 + width > COLUMNS {
            let _ = write!(text, "\n{:INDENT$}", "");
            column = INDENT;
        } else if column > INDENT {
            text.push(' ');
            column += 1;
        }
        let _ = write!(text, "{}{comma}", entry.slug);
        column += width;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use ebpf_probes::Reason;

    use super::{COLUMNS, drop, list, notice, reason};
    use crate::catalogue;

    #[test]
    fn ids_are_read_or_corrected() {
        assert_eq!(reason("syn-queue-full"), Ok(Reason::SynQueueFull));
        assert_eq!(reason("cookie-sent"), Ok(Reason::CookieSent));
        assert_eq!(notice("cookie-sent"), Ok(Reason::CookieSent));
        for (word, near) in [
            ("syn-queue-ful", "syn-queue-full?"),
            ("accept-queue", "accept-queue-full-syn?"),
            ("SYN_QUEUE_FULL", "--help"),
            ("", "--help"),
        ] {
            let error = reason(word).unwrap_err();
            assert!(error.contains(near), "{word}: {error}");
        }
        assert_eq!(drop("syn-queue-full"), Ok(Reason::SynQueueFull));
        assert!(drop("cookie-sent").unwrap_err().contains("no drop"));
        assert!(notice("cookie-snt").unwrap_err().contains("cookie-sent?"));
        assert!(notice("syn-queue-full").unwrap_err().contains("a drop"));
    }

    #[test]
    fn every_id_is_listed_once_and_fits() {
        let list = list();
        let words: Vec<_> = list.split([' ', '\n', ',']).collect();
        for entry in catalogue::all() {
            let times = words.iter().filter(|word| **word == entry.slug).count();
            assert_eq!(times, 1, "{}", entry.slug);
        }
        assert!(list.lines().all(|line| line.len() <= COLUMNS), "{list}");
    }
}
