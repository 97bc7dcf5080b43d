//! The catalogue for readers: one reason on a screen, all of them in a list, or as JSON.

use std::io::{self, Write};

use anstyle::Style;
use ebpf_probes::{Counter, Stage};
use serde::Serialize;

use super::paragraph::paragraph;
use crate::catalogue::fate::{self, Fate};
use crate::catalogue::{self, Entry};
use crate::kernel::drop_reasons::PREFIX;
use crate::kernel::hooks::BEFORE_LISTENER;

/// Columns before what stands under a title.
const INDENT: usize = 2;
/// Columns of an id in the list.
const ID: usize = 30;

/// A reason, as scripts read it.
#[derive(Serialize)]
struct ReasonLine {
    reason: &'static str,
    kind: &'static str,
    stage: Option<&'static str>,
    before_listener: bool,
    outcome: Option<&'static str>,
    headline: &'static str,
    what_happened: &'static str,
    site: &'static str,
    kernels: &'static str,
    counters: Vec<&'static str>,
    client: &'static str,
    remedy: &'static str,
    kernel_reason: Option<KernelReason>,
}

/// What the kernel itself calls it where it frees the packet.
#[derive(Serialize)]
struct KernelReason {
    name: String,
    since: &'static str,
    /// In `enum skb_drop_reason` of the running kernel.
    number: Option<u32>,
}

/// Looks up the number that the running kernel gives a drop reason of its own.
type Number<'a> = &'a dyn Fn(&str) -> Option<u32>;

fn counters(entry: &Entry) -> Vec<&'static str> {
    let moved = entry.reason.moves();
    let all = Counter::OF_DROPS.iter().filter(|&&counter| moved.has(counter));
    all.map(|counter| counter.name()).collect()
}

fn is_before(entry: &Entry) -> bool {
    BEFORE_LISTENER.contains(&entry.reason)
}

/// A reason as a line of JSON.
///
/// # Errors
/// If it cannot be written; so do the others.
pub fn explain_json(out: &mut dyn Write, entry: &Entry, number: Number<'_>) -> io::Result<()> {
    let line = ReasonLine {
        reason: entry.slug,
        kind: if entry.reason.is_notice() { "notice" } else { "drop" },
        stage: entry.reason.stage().map(catalogue::stage),
        before_listener: is_before(entry),
        outcome: entry.outcome.map(catalogue::outcome),
        headline: entry.headline,
        what_happened: entry.what_happened,
        site: entry.site,
        kernels: entry.kernels,
        counters: counters(entry),
        client: entry.client,
        remedy: entry.remedy,
        kernel_reason: match fate::of(entry.reason) {
            Fate::Dropped(name, since) => {
                Some(KernelReason { name: format!("{PREFIX}{name}"), since, number: number(name) })
            }
            Fate::Consumed | Fate::Unseen => None,
        },
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// A reason on a screen.
///
/// # Errors
/// If it cannot be written.
pub fn explain(
    out: &mut dyn Write,
    entry: &Entry,
    colour: bool,
    number: Number<'_>,
) -> io::Result<()> {
    let bold = if colour { Style::new().bold() } else { Style::new() };
    writeln!(out, "{bold}{}{bold:#}: {}", entry.slug, entry.headline)?;
    let client = match entry.outcome {
        Some(outcome) => format!("{} ({})", entry.client, catalogue::outcome(outcome)),
        None => entry.client.to_owned(),
    };
    let rows = [
        ("What it is", kind(entry)),
        ("What happened", entry.what_happened.to_owned()),
        ("What the client sees", client),
        ("Where in the kernel", entry.site.to_owned()),
        ("In which kernels", entry.kernels.to_owned()),
        ("Which counters", counting(entry)),
        ("What kfree_skb tools see", freeing(entry, number)),
        ("What to do", entry.remedy.to_owned()),
    ];
    for (title, text) in rows.into_iter().filter(|(_, text)| !text.is_empty()) {
        writeln!(out, "\n{bold}{title}{bold:#}")?;
        text.lines().try_for_each(|text| paragraph(out, INDENT, text))?;
    }
    Ok(())
}

fn kind(entry: &Entry) -> String {
    let stage = match entry.reason.stage() {
        Some(stage) => format!("at stage {}", catalogue::stage(stage)),
        None => "at no stage of its own".to_owned(),
    };
    if entry.reason.is_notice() {
        format!("A notice {stage}, no drop. Shown with --notices or --reason {}.", entry.slug)
    } else if is_before(entry) {
        format!("A drop {stage}, before the listener's code. Shown with --before-listener.")
    } else {
        format!("A drop {stage}.")
    }
}

fn counting(entry: &Entry) -> String {
    let names = counters(entry);
    if names.is_empty() {
        return "None that belong to it alone.".to_owned();
    }
    let nstat: Vec<_> = names.iter().map(|name| format!("TcpExt{name}")).collect();
    let each = if names.len() == 1 { "it moves" } else { "each moves" };
    format!("{}; {each} by one. nstat -az {}", names.join(", "), nstat.join(" "))
}

fn freeing(entry: &Entry, number: Number<'_>) -> String {
    match fate::of(entry.reason) {
        Fate::Consumed => {
            "Nothing: the kernel consumes the packet like one that was of use.".to_owned()
        }
        Fate::Dropped(name, since) => {
            let here = number(name).map(|it| format!("\nOn this kernel its number is {it}."));
            format!("{PREFIX}{name} (Linux {since} and later).{}", here.unwrap_or_default())
        }
        Fate::Unseen => String::new(),
    }
}

/// Every reason in a line, by stage.
///
/// # Errors
/// If it cannot be written.
pub fn explain_all(out: &mut dyn Write, colour: bool) -> io::Result<()> {
    let bold = if colour { Style::new().bold() } else { Style::new() };
    let drop = |entry: &&Entry| !entry.reason.is_notice() && !is_before(entry);
    for &stage in Stage::ALL {
        writeln!(out, "{bold}drops at stage {}{bold:#}", catalogue::stage(stage))?;
        let here = |entry: &&Entry| drop(entry) && entry.reason.stage() == Some(stage);
        list(out, catalogue::all().filter(here))?;
    }
    let any = |entry: &&Entry| drop(entry) && entry.reason.stage().is_none();
    writeln!(out, "{bold}drops at any stage{bold:#}")?;
    list(out, catalogue::all().filter(any))?;
    writeln!(out, "{bold}drops before the listener's code, with --before-listener{bold:#}")?;
    list(out, catalogue::all().filter(|entry| is_before(entry)))?;
    writeln!(out, "{bold}notices, which are no drops, with --notices{bold:#}")?;
    list(out, catalogue::all().filter(|entry| entry.reason.is_notice()))
}

fn list(out: &mut dyn Write, entries: impl Iterator<Item = &'static Entry>) -> io::Result<()> {
    for entry in entries {
        writeln!(out, "  {:<ID$} {}", entry.slug, entry.headline)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;

    use ebpf_probes::Reason;
    use serde_json::Value;

    use super::{explain, explain_all, explain_json};
    use crate::catalogue;

    fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn nowhere(_: &str) -> Option<u32> {
        None
    }

    #[test]
    fn the_kernels_own_name_has_the_number_of_the_running_kernel() {
        let entry = catalogue::of(Reason::AckPaws);
        let name = "SKB_DROP_REASON_TCP_RFC7323_PAWS (Linux 6.16 and later";
        let here = written(|out| explain(out, entry, false, &|_| Some(7)));
        assert!(
            here.contains(&format!("  {name}).\n  On this kernel its number is 7.\n")),
            "{here}"
        );
        let elsewhere = written(|out| explain(out, entry, false, &nowhere));
        assert!(elsewhere.contains(&format!("  {name}).\n\n")), "{elsewhere}");
        let line: Value =
            serde_json::from_str(&written(|out| explain_json(out, entry, &|_| Some(7)))).unwrap();
        assert_eq!(line["kernel_reason"]["number"], 7);
    }

    #[test]
    fn each_reason_fits_a_screen() {
        for entry in catalogue::all() {
            let text = written(|out| explain(out, entry, false, &nowhere));
            assert!(text.starts_with(entry.slug));
            assert!(text.contains("\nWhat to do\n"), "{text}");
            assert!(text.lines().count() <= 40, "{text}");
            for line in text.lines().filter(|line| line.trim().contains(' ')).skip(1) {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn what_shows_it_and_what_counts_it_is_said() {
        let text = |reason| {
            let text = written(|out| explain(out, catalogue::of(reason), false, &nowhere));
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let full = text(Reason::AcceptQueueFullSyn);
        assert!(full.contains(" A drop at stage syn. "), "{full}");
        assert!(full.contains("nstat -az TcpExtListenOverflows"), "{full}");
        assert!(text(Reason::SynFin).contains("--before-listener"));
        assert!(text(Reason::CookieSent).contains("--reason cookie-sent."));
        assert!(text(Reason::StrayAck).contains("None that belong"));
    }

    #[test]
    fn the_list_has_each_once() {
        let list = written(|out| explain_all(out, false));
        for entry in catalogue::all() {
            let times = list.lines().filter(|line| {
                line.strip_prefix("  ").and_then(|line| line.split(' ').next()) == Some(entry.slug)
            });
            assert_eq!(times.count(), 1, "{}", entry.slug);
        }
    }

    #[test]
    fn colours_are_there_only_if_wanted() {
        let entry = catalogue::of(Reason::SynQueueFull);
        let colourful = written(|out| explain(out, entry, true, &nowhere));
        let plain = written(|out| explain(out, entry, false, &nowhere));
        assert!(colourful.contains("\u{1b}[1m") && !plain.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&colourful).to_string(), plain);
    }

    #[test]
    fn json_says_the_same() {
        let entry = catalogue::of(Reason::SynQueueFull);
        let line = written(|out| explain_json(out, entry, &|_| Some(7)));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["reason"], "syn-queue-full");
        assert_eq!((&value["kind"], &value["stage"]), (&"drop".into(), &"syn".into()));
        assert_eq!(value["counters"].as_array().unwrap().len(), 2);
        assert_eq!(
            (line.matches('\n').count(), value["before_listener"].as_bool()),
            (1, Some(false))
        );
    }
}
