//! `docs/reasons.md`: the catalogue as a page.

use std::fmt::Write;

use ebpf_probes::{Counter, Stage};
use syndrop::catalogue::{self, Entry};
use syndrop::kernel::hooks::BEFORE_LISTENER;

const INTRODUCTION: &str = "\
# What each reason means

<!-- Derived from userspace/src/catalogue; a test keeps it fresh and says how to write it anew. -->

One heading per id, as `--reason`, the text and the JSON spell it. What is said of kernels holds
for Linux 5.10 to 7.3. *Counters* are those that one such event always moves by one, as `nstat -az`
prints them, out of the ones that syndrop reconciles. *Outcome* is the word of the JSON's field
`outcome`, `null` where it depends.
";

/// The page.
pub(crate) fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    for &stage in Stage::ALL {
        let title = match stage {
            Stage::Syn => "a SYN meets a listener",
            Stage::Ack => "the third packet meets its request in the SYN queue",
            Stage::CookieAck => "the third packet has no request and may carry a SYN cookie",
            Stage::Request => "a half-open request ends otherwise",
        };
        let rows = |entry: &&Entry| {
            !entry.reason.is_notice()
                && !BEFORE_LISTENER.contains(&entry.reason)
                && entry.reason.stage() == Some(stage)
        };
        section(&mut page, &format!("Stage `{}`: {title}", catalogue::stage(stage)), rows);
    }
    section(&mut page, "Any stage", |entry| {
        !entry.reason.is_notice()
            && !BEFORE_LISTENER.contains(&entry.reason)
            && entry.reason.stage().is_none()
    });
    section(&mut page, "Only with `--before-listener`", |entry| {
        BEFORE_LISTENER.contains(&entry.reason)
    });
    section(&mut page, "Notices: no drops, only with `--notices`", |entry| {
        entry.reason.is_notice()
    });
    page
}

fn section(page: &mut String, title: &str, rows: impl Fn(&&Entry) -> bool) {
    _ = write!(page, "\n## {title}\n");
    for entry in catalogue::all().filter(rows) {
        _ = write!(
            page,
            "\n### {}\n\n{}. {}\n\n",
            entry.slug,
            sentence(entry),
            entry.what_happened
        );
        let outcome = match entry.outcome {
            Some(outcome) => format!("`{}`", catalogue::outcome(outcome)),
            None => "`null`".to_owned(),
        };
        let what = if entry.reason.is_notice() { "What it means" } else { "What to do" };
        let rows = [
            ("Where", entry.site.to_owned()),
            ("Kernels", entry.kernels.to_owned()),
            ("Counters", counters(entry)),
            ("Client", entry.client.to_owned()),
            ("Outcome", outcome),
            (what, entry.remedy.to_owned()),
        ];
        for (name, text) in rows {
            _ = writeln!(page, "- **{name}:** {text}");
        }
    }
}

/// The headline, as the beginning of a sentence.
fn sentence(entry: &Entry) -> String {
    let mut letters = entry.headline.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn counters(entry: &Entry) -> String {
    let moves = entry.reason.moves();
    let moving = Counter::OF_DROPS.iter().filter(|&&counter| moves.has(counter));
    let names: Vec<_> = moving.map(|counter| format!("`TcpExt{}`", counter.name())).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
