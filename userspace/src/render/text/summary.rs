//! The end of the text: what, where, why, what to do, and whether the kernel agrees.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use jiff::civil::Time;

use super::cost::in_short;
use super::{OrDash, Text};
use crate::catalogue;
use crate::reconcile::Line;
use crate::render::{Foreign, Summary};
use crate::source::Losses;
use crate::totals::{ListenerTotal, Number, ReasonTotal};

/// Listeners that are named; the others are counted.
const LISTENERS_MAX: usize = 20;
/// Columns of running text.
const COLUMNS: usize = 98;

/// A count and what it counts.
pub(super) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

impl Text {
    pub(super) fn write_summary(&self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        let Summary { duration, totals, counters, losses, latency, cost } = summary;
        let drops = totals.count();
        let bold = self.style(Style::new().bold());
        let seconds = duration.as_secs_f64();
        writeln!(out)?;
        if drops == 0 {
            writeln!(out, "{bold}no drops{bold:#} in {seconds:.1} s")?;
        } else {
            let drops = counted(drops, "drop");
            write!(out, "{bold}{drops}{bold:#}")?;
            // Without any event nothing is known of them.
            if totals.connections.count > 0 {
                let connections = number(totals.connections, "connection");
                let clients = number(totals.clients, "client");
                write!(out, " of {connections} from {clients}")?;
            }
            writeln!(out, " in {seconds:.1} s")?;
        }
        writeln!(out)?;
        self.reasons(out, &totals.drops)?;
        if !totals.notices.is_empty() {
            writeln!(out, "notices, which are no drops:")?;
            self.reasons(out, &totals.notices)?;
        }
        let namespaces = several_namespaces(counters, &totals.by_listener);
        self.listeners(out, &totals.by_listener, namespaces)?;
        if let Some(latency) = latency {
            self.latency(out, latency)?;
        }
        if let Some(cost) = cost {
            self.cost(out, cost)?;
        }
        self.balance(out, counters, losses, namespaces)?;
        self.losses(out, losses)
    }

    /// How it stands by now: what changes from one time to the next, and no advice.
    pub(super) fn write_interval(
        &self,
        out: &mut dyn Write,
        time: Time,
        summary: &Summary,
    ) -> io::Result<()> {
        let Summary { duration, totals, counters, losses, latency: _, cost } = summary;
        let bold = self.style(Style::new().bold());
        let (hour, minute, second) = (time.hour(), time.minute(), time.second());
        let (drops, seconds) = (counted(totals.count(), "drop"), duration.as_secs_f64());
        writeln!(out)?;
        writeln!(
            out,
            "{hour:02}:{minute:02}:{second:02} {bold}{drops}{bold:#} in {seconds:.1} s so far"
        )?;
        for total in totals.drops.iter().chain(&totals.notices) {
            writeln!(out, "{:>8} {}", total.count, catalogue::of(total.reason).slug)?;
        }
        self.balance(out, counters, losses, several_namespaces(counters, &totals.by_listener))?;
        self.losses(out, losses)?;
        if let Some(cost) = cost {
            writeln!(out, "{}", in_short(cost))?;
        }
        writeln!(out)
    }

    fn reasons(&self, out: &mut dyn Write, totals: &[ReasonTotal]) -> io::Result<()> {
        let bold = self.style(Style::new().bold());
        for total in totals {
            let entry = catalogue::of(total.reason);
            let (count, slug, headline) = (total.count, entry.slug, entry.headline);
            write!(out, "{bold}{count:>8} {slug:<28}{bold:#} {headline}")?;
            match total.inferred {
                0 => writeln!(out)?,
                inferred => writeln!(out, " ({inferred} inferred)")?,
            }
            writeln!(out, "{:>8} {}", "", entry.remedy)?;
        }
        if totals.is_empty() { Ok(()) } else { writeln!(out) }
    }

    fn listeners(
        &self,
        out: &mut dyn Write,
        listeners: &[ListenerTotal],
        namespaces: bool,
    ) -> io::Result<()> {
        let bold = self.style(Style::new().bold());
        for listener in listeners.iter().take(LISTENERS_MAX) {
            let name = match listener.id.bound {
                Some(bound) => bound.to_string(),
                None if listener.id.is_others() => "all other listeners".to_owned(),
                None => "-".to_owned(),
            };
            write!(out, "{:>8} {bold}{name}{bold:#}", listener.count())?;
            if let Some(limit) = listener.limit {
                write!(out, "  queue limit {limit}")?;
            }
            if let (Some(true), Some(asked)) = (listener.clipped(), listener.asked) {
                write!(out, ", clipped by somaxconn: listen() asked for {asked}")?;
            }
            match (&listener.owner.comm, listener.owner.pid) {
                (None, None) if listener.id.is_others() => {
                    write!(out, "  for which the table of totals has no room")?;
                }
                (None, None) => write!(out, "  owner unknown")?,
                (comm, pid) => {
                    let comm = OrDash(comm.as_deref().map(Foreign));
                    write!(out, "  {comm}[{}]", OrDash(pid))?;
                }
            }
            if let Some(cgroup) = &listener.owner.cgroup {
                write!(out, "  {}", Foreign(cgroup))?;
            }
            if namespaces {
                write!(out, "  netns {}", OrDash(listener.id.netns))?;
            }
            let reason = |total: &ReasonTotal| {
                format!("{} {}", total.count, catalogue::of(total.reason).slug)
            };
            let reasons: Vec<String> = listener.drops.iter().map(reason).collect();
            writeln!(out)?;
            wrapped(out, 9, &reasons.join(", "))?;
        }
        if let Some(more @ 1..) = listeners.len().checked_sub(LISTENERS_MAX) {
            let more = counted(more as u64, "more listener");
            writeln!(out, "{:>8} {more}; --json lists them all", "")?;
        }
        if listeners.is_empty() { Ok(()) } else { writeln!(out) }
    }

    fn losses(&self, out: &mut dyn Write, losses: &Losses) -> io::Result<()> {
        let (events, missed) = (losses.events(), losses.probes());
        let (forgotten, unfollowed) = (losses.clients_forgotten, losses.clients_unfollowed);
        let all = [events, missed, losses.totals_full, forgotten, unfollowed];
        let whole = all.iter().all(|&count| count == 0);
        let style = self.style(if whole { Style::new() } else { AnsiColor::Red.on_default() });
        let (events, probes) = (counted(events, "event"), counted(missed, "probe"));
        write!(out, "{style}{events} lost, {probes} missed")?;
        if missed > 0 {
            write!(out, " (at most {})", counted(missed, "event"))?;
        }
        if losses.totals_full > 0 {
            write!(out, ", {} uncounted", counted(losses.totals_full, "drop"))?;
        }
        if losses.sampled_out > 0 {
            write!(out, ", {} sampled out", counted(losses.sampled_out, "event"))?;
        }
        if forgotten > 0 {
            write!(out, ", {} forgotten", counted(forgotten, "refused client"))?;
        }
        if unfollowed > 0 {
            write!(out, ", {} not followed", counted(unfollowed, "refused client"))?;
        }
        writeln!(out, "{style:#}")
    }
}

fn number(number: Number, noun: &str) -> String {
    let count = counted(number.count, noun);
    if number.exact { count } else { format!("at least {count}") }
}

/// Whether it takes more than the name of a counter, or an address, to say which one is meant.
fn several_namespaces(lines: &[Line], listeners: &[ListenerTotal]) -> bool {
    let moved = lines.iter().filter(|line| line.moved()).map(|line| Some(line.netns));
    let mut all = moved.chain(listeners.iter().map(|listener| listener.id.netns));
    all.next().is_some_and(|first| all.any(|other| other != first))
}

/// Running text, indented.
pub(super) fn wrapped(out: &mut dyn Write, indent: usize, text: &str) -> io::Result<()> {
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column == 0 {
            write!(out, "{:indent$}{word}", "")?;
            column = indent + width;
        } else if column + 1 + width > COLUMNS {
            write!(out, "\n{:indent$}{word}", "")?;
            column = indent + width;
        } else {
            write!(out, " {word}")?;
            column += 1 + width;
        }
    }
    writeln!(out)
}
