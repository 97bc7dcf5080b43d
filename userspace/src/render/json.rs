//! JSON, one object a line: what scripts read, in the published format.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use ebpf_probes::Reason;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::draft::{Clock, Draft};
use super::foreign::prints_as_itself;
use super::{Render, Summary};
use crate::catalogue;
use crate::decode::ListenerId;
use crate::incident::{Incident, Owner};
use crate::latency::{AcceptLatency, ListenerLatency};
use crate::ndjson::{
    AcceptLatencyLine, CounterLine, Digits, Header, IntervalLine, LatencyLine, Line, ListenerLine,
    ListenerTotalLine, LostLine, ProbeLine, SCHEMA, SummaryLine, Time,
};
use crate::reconcile;
use crate::source::{Lost, Opening, Probe};
use crate::totals::{ListenerTotal, ReasonTotal};

mod drop;

fn slug(reason: Reason) -> &'static str {
    catalogue::of(reason).slug
}

/// Seconds, to the millisecond.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// The listener and who owns it.
fn listener<'a>(id: &ListenerId, cookie: Option<u64>, owner: &'a Owner) -> ListenerLine<'a> {
    ListenerLine {
        netns: id.netns,
        inode: id.inode,
        cookie: cookie.map(Digits),
        bound: id.bound.map(Into::into),
        pid: owner.pid,
        comm: owner.comm.as_deref().map(Into::into),
        cgroup: owner.cgroup.as_deref().map(Into::into),
        container: owner.container.as_deref().map(Into::into),
    }
}

impl<'a> From<&'a Opening> for Header<'a> {
    fn from(opening: &'a Opening) -> Self {
        let slugs = |reasons: &[Reason]| reasons.iter().map(|&id| slug(id).into()).collect();
        Self {
            schema: SCHEMA,
            syndrop: opening.version.as_deref().map(Into::into),
            kernel: opening.kernel.as_deref().map(Into::into),
            host: opening.host.as_deref().map(Into::into),
            attach: opening.attach.as_deref().map(Into::into),
            time: opening.time.map(Time),
            probes: opening.probes.iter().map(Into::into).collect(),
            unobservable: slugs(&opening.unobservable),
            inferred: slugs(&opening.inferred),
        }
    }
}

impl<'a> From<&'a Probe> for ProbeLine<'a> {
    fn from(probe: &'a Probe) -> Self {
        Self {
            name: (&probe.name).into(),
            target: (&probe.target).into(),
            attach: probe.attach.as_deref().map(Into::into),
            attached: probe.attached,
        }
    }
}

/// The JSON format.
#[derive(Debug, Clone)]
pub struct Json {
    /// A line in the making. Its room serves for the next one, as does that of a drop's line.
    line: Vec<u8>,
    drop: Draft,
    clock: Clock,
}

impl Default for Json {
    fn default() -> Self {
        Self { line: Vec::new(), drop: Draft::new(), clock: Clock::new() }
    }
}

impl Json {
    fn write_line(&mut self, out: &mut dyn Write, line: &Line) -> io::Result<()> {
        self.line.clear();
        line.serialize(&mut Serializer::with_formatter(&mut self.line, Printable))?;
        self.line.push(b'\n');
        out.write_all(&self.line)
    }
}

/// As short as can be, and with every character escaped that does not print as itself: people read
/// these lines on terminals too, and for JSON it is the same string.
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // Nearly all that is written is ASCII, which is looked at sixteen at a time.
        let plain = |byte| matches!(byte, b' '..=b'~');
        if fragment.bytes().fold(true, |all, byte| all & plain(byte))
            || fragment.chars().all(prints_as_itself)
        {
            return out.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            if prints_as_itself(c) {
                write!(out, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

fn by_reason(drops: &[ReasonTotal]) -> BTreeMap<Cow<'static, str>, u64> {
    drops.iter().map(|total| (slug(total.reason).into(), total.count)).collect()
}

impl<'a> From<&'a ListenerTotal> for ListenerTotalLine<'a> {
    fn from(total: &'a ListenerTotal) -> Self {
        Self {
            local: total.id.bound.map(Into::into),
            listener: listener(&total.id, total.cookie, &total.owner),
            drops: by_reason(&total.drops),
            asked: total.asked,
            clipped: total.clipped(),
            sampled_out: total.sampled_out,
            others: total.id.is_others(),
        }
    }
}

impl<'a> From<&'a AcceptLatency> for AcceptLatencyLine<'a> {
    fn from(latency: &'a AcceptLatency) -> Self {
        let line = |it: &'a ListenerLatency| LatencyLine {
            local: it.id.bound.map(Into::into),
            listener: listener(&it.id, None, &it.owner),
            accepted: it.quantiles.accepted,
            quantiles: it.quantiles.into(),
        };
        let listeners = latency.listeners.iter().map(line).collect();
        Self { listeners, untimed: latency.untimed }
    }
}

impl<'a> From<&'a Summary> for SummaryLine<'a> {
    fn from(summary: &'a Summary) -> Self {
        let Summary { duration, totals, counters, losses, latency, cost } = summary;
        let counter = |line: &reconcile::Line| CounterLine {
            netns: line.netns,
            name: line.counter.name().into(),
            kernel: line.kernel,
            explained: line.explained,
            in_flight: line.in_flight,
        };
        Self {
            duration_s: seconds(*duration),
            drops: by_reason(&totals.drops),
            clients: totals.clients.count,
            clients_exact: totals.clients.exact,
            connections: totals.connections.count,
            connections_exact: totals.connections.exact,
            notices: by_reason(&totals.notices),
            by_listener: totals.by_listener.iter().map(Into::into).collect(),
            counters: counters.iter().map(counter).collect(),
            lost_events: losses.events(),
            sampled_out: losses.sampled_out,
            missed_probes: losses.probes(),
            uncounted_drops: losses.totals_full,
            forgotten_clients: losses.clients_forgotten,
            unfollowed_clients: losses.clients_unfollowed,
            accept_latency: latency.as_ref().map(Into::into),
            probe_cost: cost.as_ref().map(Into::into),
        }
    }
}

impl Render for Json {
    fn opening(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        self.write_line(out, &Line::Header(opening.into()))
    }

    fn incident(&mut self, out: &mut dyn Write, incident: &Incident) -> io::Result<()> {
        self.drop.clear();
        drop::write(&mut self.drop, &mut self.clock, incident);
        out.write_all(self.drop.as_bytes())
    }

    fn lost(&mut self, out: &mut dyn Write, lost: &Lost) -> io::Result<()> {
        self.write_line(out, &Line::Lost(LostLine { events: lost.events, since: Time(lost.since) }))
    }

    fn interval(
        &mut self,
        out: &mut dyn Write,
        time: Timestamp,
        summary: &Summary,
    ) -> io::Result<()> {
        let line = IntervalLine { time: Time(time), summary: summary.into() };
        self.write_line(out, &Line::Interval(line))
    }

    fn summary(&mut self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        self.write_line(out, &Line::Summary(summary.into()))
    }
}
