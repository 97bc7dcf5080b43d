//! Text for people: a line per drop under a line of titles, then the summary.
//!
//! Not for scripts; it may change. A line of an IPv4 drop stays under 100 columns: the column of
//! the listener gives way first, as few of them have addresses and ports of full length.

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;

use anstyle::{AnsiColor, Style};
use ebpf_probes::{Evidence, Reason};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::draft::{Clock, Draft};
use super::{Render, Summary};
use crate::decode::{AcceptQueue, SynDrop};
use crate::incident::Incident;
use crate::source::{Lost, Opening};

mod balance;
pub(super) mod cost;
pub(super) mod latency;
mod row;
mod summary;

use row::Part;

pub(crate) use cost::OfOneCpu;
pub(crate) use row::{accept_queue, reason, syn_queue};

/// The text format.
#[derive(Debug)]
pub struct Text {
    zone: TimeZone,
    colour: bool,
    clock: Clock,
    local: Part<Option<SocketAddr>>,
    what: Part<What>,
    row: Draft,
}

/// What the part of a row behind the addresses is made of.
#[derive(Debug, PartialEq)]
struct What {
    reason: Reason,
    evidence: Evidence,
    attempt: Option<u32>,
    refused_ns: Option<u64>,
    accept: Option<AcceptQueue>,
    syn_len: Option<u32>,
}

impl What {
    fn of(drop: &SynDrop) -> Self {
        let SynDrop { reason, evidence, attempt, accept, syn_len, .. } = *drop;
        let refused_ns = drop.refused_ns.filter(|_| reason.ends_refusal());
        Self { reason, evidence, attempt, refused_ns, accept, syn_len }
    }
}

impl Text {
    /// With times of this zone, and with colours where they do some good.
    pub const fn new(zone: TimeZone, colour: bool) -> Self {
        Self {
            zone,
            colour,
            clock: Clock::new(),
            local: Part::new(),
            what: Part::new(),
            row: Draft::new(),
        }
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
        let at = drop.packet.map(|packet| packet.local).or(drop.listener.bound);
        let Self { zone, colour, clock, local, what, row } = self;
        row.clear();
        row.text(clock.at(*time, |time| {
            let time = zone.to_datetime(time).time();
            format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
        }));
        row.byte(b' ');
        row.bytes(local.of(at, |row, at| row.column(19, |row| row.address(*at))));
        row.byte(b' ');
        row.column(21, |row| row.address(drop.packet.map(|packet| packet.peer)));
        row.bytes(what.of(What::of(drop), |row, _| row.what(drop, *colour)));
        out.write_all(row.as_bytes())
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
