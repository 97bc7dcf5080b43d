//! JSON, one object a line: what scripts read, in the published format.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use ebpf_probes::Reason;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::foreign::prints_as_itself;
use super::{Render, Summary};
use crate::catalogue;
use crate::decode::{ListenerId, Packet};
use crate::incident::{Incident, Owner};
use crate::latency::{AcceptLatency, ListenerLatency};
use crate::ndjson::{
    AcceptLatencyLine, AcceptQueueLine, CounterLine, Digits, DropLine, Header, IntervalLine,
    LatencyLine, Line, ListenerLine, ListenerTotalLine, LostLine, ProbeLine, SCHEMA, SummaryLine,
    SynQueueLine, SysctlLine, Time,
};
use crate::reconcile;
use crate::source::{Lost, Opening, Probe};
use crate::totals::{ListenerTotal, ReasonTotal};

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

impl<'a> From<&'a Incident> for DropLine<'a> {
    fn from(Incident { time, drop, owner }: &'a Incident) -> Self {
        let ended = drop.reason.ends_refusal();
        let end = |end: fn(&Packet) -> SocketAddr| drop.packet.as_ref().map(|it| end(it).into());
        Self {
            time: Time(*time),
            boot_ns: drop.boot_ns,
            reason: slug(drop.reason).into(),
            stage: catalogue::stage(drop.stage).into(),
            evidence: catalogue::evidence(drop.evidence).into(),
            outcome: catalogue::of(drop.reason).outcome.map(|id| catalogue::outcome(id).into()),
            family: drop.packet.map(|packet| catalogue::family(packet.family).into()),
            local: end(|packet| packet.local),
            peer: end(|packet| packet.peer),
            accept_queue: AcceptQueueLine {
                len: drop.accept.map(|queue| queue.len),
                limit: drop.accept.map(|queue| queue.limit),
            },
            syn_queue: SynQueueLine {
                len: drop.syn_len,
                young: drop.syn_young,
                limit: drop.accept.map(|queue| queue.limit),
            },
            sysctl: SysctlLine {
                syncookies: drop.sysctls.syncookies,
                max_syn_backlog: drop.sysctls.max_syn_backlog,
                somaxconn: drop.sysctls.somaxconn,
                abort_on_overflow: drop.sysctls.abort_on_overflow,
            },
            listener: listener(&drop.listener, drop.cookie, owner),
            function: drop.function.name().into(),
            cpu: drop.cpu,
            attempt: drop.attempt.filter(|_| !ended),
            after_s: drop.refused_ns.filter(|_| ended).map(|ns| seconds(Duration::from_nanos(ns))),
            attempts: drop.attempt.filter(|_| ended),
        }
    }
}

/// The JSON format.
#[derive(Debug, Default, Clone, Copy)]
pub struct Json;

fn write_line(out: &mut dyn Write, line: &Line) -> io::Result<()> {
    line.serialize(&mut Serializer::with_formatter(&mut *out, Printable))?;
    out.write_all(b"\n")
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
        if fragment.chars().all(prints_as_itself) {
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
        write_line(out, &Line::Header(opening.into()))
    }

    fn incident(&mut self, out: &mut dyn Write, incident: &Incident) -> io::Result<()> {
        let line = if incident.drop.reason.is_notice() { Line::Notice } else { Line::Drop };
        write_line(out, &line(incident.into()))
    }

    fn lost(&mut self, out: &mut dyn Write, lost: &Lost) -> io::Result<()> {
        write_line(out, &Line::Lost(LostLine { events: lost.events, since: Time(lost.since) }))
    }

    fn interval(
        &mut self,
        out: &mut dyn Write,
        time: Timestamp,
        summary: &Summary,
    ) -> io::Result<()> {
        let line = IntervalLine { time: Time(time), summary: summary.into() };
        write_line(out, &Line::Interval(line))
    }

    fn summary(&mut self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        write_line(out, &Line::Summary(summary.into()))
    }
}
