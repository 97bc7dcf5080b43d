//! Text for people: a line per drop under a line of titles, then the summary.
//!
//! Not for scripts; it may change. A line of an IPv4 drop stays under 100 columns: the column of
//! the listener gives way first, as few of them have addresses and ports of full length.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use ebpf_probes::Evidence;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Render, Summary};
use crate::catalogue::{self, Outcome};
use crate::decode::SynDrop;
use crate::incident::Incident;
use crate::source::{Lost, Opening};

mod balance;
pub(super) mod cost;
pub(super) mod latency;
mod summary;

pub(crate) use cost::OfOneCpu;

/// The text format.
#[derive(Debug)]
pub struct Text {
    zone: TimeZone,
    colour: bool,
}

impl Text {
    /// With times of this zone, and with colours where they do some good.
    pub const fn new(zone: TimeZone, colour: bool) -> Self {
        Self { zone, colour }
    }

    fn style(&self, style: Style) -> Style {
        if self.colour { style } else { Style::new() }
    }
}

/// A value, or a dash where it is unknown.
pub(super) struct OrDash<T>(pub(super) Option<T>);

impl<T: fmt::Display> fmt::Display for OrDash<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.pad("-"),
        }
    }
}

/// `65>64`: the accept queue of a drop, and how it stands to its limit.
pub(crate) fn accept_queue(drop: &SynDrop) -> Option<String> {
    let queue = drop.accept?;
    let relation = if queue.len > queue.limit { '>' } else { '/' };
    Some(format!("{}{relation}{}", queue.len, queue.limit))
}

/// `4/64`: its SYN queue.
pub(crate) fn syn_queue(drop: &SynDrop) -> Option<String> {
    let limit = OrDash(drop.accept.map(|queue| queue.limit));
    drop.syn_len.map(|len| format!("{len}/{limit}"))
}

/// The reason, the number of the attempt unless it is the first, and after how long it ended for
/// a client that had been refused.
pub(crate) fn reason(drop: &SynDrop, slug: &str) -> String {
    let mut text = slug.to_owned();
    if drop.reason.ends_refusal()
        && let Some(ns) = drop.refused_ns
    {
        _ = write!(text, " {:.1} s", Duration::from_nanos(ns).as_secs_f64());
    }
    if let Some(attempt @ 2..) = drop.attempt {
        _ = write!(text, " #{attempt}");
    }
    text
}

impl Render for Text {
    fn opening(&mut self, out: &mut dyn Write, _opening: &Opening) -> io::Result<()> {
        let style = self.style(Style::new().bold());
        let titles = ("TIME", "LISTENER", "PEER", "REASON", "ACCEPT-Q", "SYN-Q");
        writeln!(
            out,
            "{style}{:<8} {:<19} {:<21} {:<28} {:<9} {}{style:#}",
            titles.0, titles.1, titles.2, titles.3, titles.4, titles.5
        )
    }

    fn incident(&mut self, out: &mut dyn Write, incident: &Incident) -> io::Result<()> {
        let Incident { time, drop, owner: _ } = incident;
        let time = self.zone.to_datetime(*time).time();
        let entry = catalogue::of(drop.reason);
        let style = self.style(match entry.outcome {
            _ if drop.reason.is_notice() => AnsiColor::Cyan.on_default(),
            Some(Outcome::Silent) => AnsiColor::Yellow.on_default(),
            Some(Outcome::Reset) => AnsiColor::Red.on_default(),
            Some(Outcome::SynAckAgain | Outcome::ChallengeAck) => AnsiColor::Green.on_default(),
            None => AnsiColor::Magenta.on_default(),
        });
        let local = drop.packet.map(|packet| packet.local).or(drop.listener.bound);
        write!(
            out,
            "{:02}:{:02}:{:02} {:<19} {:<21} {style}{:<28}{style:#} {:<9} {}",
            time.hour(),
            time.minute(),
            time.second(),
            OrDash(local),
            OrDash(drop.packet.map(|packet| packet.peer)),
            reason(drop, entry.slug),
            OrDash(accept_queue(drop)),
            OrDash(syn_queue(drop)),
        )?;
        match drop.evidence {
            Evidence::Observed => writeln!(out),
            Evidence::Inferred => writeln!(out, " {}", catalogue::evidence(drop.evidence)),
        }
    }

    fn lost(&mut self, out: &mut dyn Write, lost: &Lost) -> io::Result<()> {
        let style = self.style(AnsiColor::Red.on_default());
        let since = self.zone.to_datetime(lost.since).time();
        let (hour, minute, second) = (since.hour(), since.minute(), since.second());
        let events = summary::counted(lost.events, "event");
        writeln!(out, "{style}{events} lost since {hour:02}:{minute:02}:{second:02}{style:#}")
    }

    fn interval(
        &mut self,
        out: &mut dyn Write,
        time: Timestamp,
        summary: &Summary,
    ) -> io::Result<()> {
        self.write_interval(out, self.zone.to_datetime(time).time(), summary)
    }

    fn summary(&mut self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        self.write_summary(out, summary)
    }
}

#[cfg(test)]
mod tests;
