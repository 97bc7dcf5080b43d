//! Compares a trace with what was provoked: every event field by field, the totals, and the
//! kernel's own counters.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use rustix::system::uname;

use crate::netstat::Counters;
use crate::report::{AcceptQueue, DropEvent, End, Owner, Report, SynQueue};
use crate::rig::Refused;
use crate::scenario::{Kind, Scenario};
use crate::setting::{Played, Setting};

/// The counters that syndrop reconciles.
pub(crate) const RECONCILED: &[&str] = &[
    "ListenDrops",
    "ListenOverflows",
    "TCPReqQFullDrop",
    "SyncookiesFailed",
    "TCPDeferAcceptDrop",
    "PAWSEstab",
    "EmbryonicRsts",
    "TSEcrRejected",
    "TCPFastOpenListenOverflow",
];

/// Fails unless the report says exactly what was played, and nothing else.
pub(crate) fn judge(
    row: &Scenario,
    setting: &Setting,
    played: &Played,
    report: &Report,
) -> Result<()> {
    header(report).context("the header is wrong")?;
    scene(row, setting, played, report)?;
    complete(report)?;
    let summary = &report.summary;
    let refused = &played.provoked.refused;
    let drops = BTreeMap::from([(row.reason.to_owned(), u64::try_from(refused.len())?)]);
    ensure!(summary.drops == drops, "drops are {:?}, not {drops:?}", summary.drops);
    let clients: BTreeSet<_> = refused.iter().map(|refused| refused.flow.client.ip()).collect();
    ensure!(summary.clients == u64::try_from(clients.len())?, "clients are not {}", clients.len());
    let flows: BTreeSet<_> = refused.iter().map(|refused| refused.flow).collect();
    let connections = u64::try_from(flows.len())?;
    ensure!(summary.connections == connections, "connections are not {connections}");
    ensure!(summary.by_listener.len() == 1, "more than one listener");
    summary.ensure_explained()
}

/// Fails unless the report says of this scenario's stage exactly what was played on it.
pub(crate) fn scene(
    row: &Scenario,
    setting: &Setting,
    played: &Played,
    report: &Report,
) -> Result<()> {
    let inspect = || {
        counters(row, played).context("the scenario itself went wrong")?;
        events(row, setting, played, report)?;
        totals(row, setting, played, report)
    };
    inspect().with_context(|| format!("with {} clients", setting.rig.family))
}

fn events(row: &Scenario, setting: &Setting, played: &Played, report: &Report) -> Result<()> {
    let refused = &played.provoked.refused;
    let here = |event: &&DropEvent| event.listener.netns == setting.netns;
    let mut events: Vec<_> = report.drops.iter().filter(here).collect();
    if row.is_notice() {
        ensure!(events.is_empty(), "nothing was refused: {events:?}");
        let notices = report.notices.iter().map(|notice| &notice.event).filter(here);
        events = notices.filter(|event| event.reason == row.reason).collect();
    }
    ensure!(
        events.len() == refused.len(),
        "{} events for {} refused packets: {events:?}",
        events.len(),
        refused.len(),
    );
    for (number, (event, refused)) in events.into_iter().zip(refused).enumerate() {
        let refused = &in_place(row, &played.provoked.refused, *refused, event);
        one(row, setting, played, refused, event)
            .with_context(|| format!("event {number} is wrong"))?;
    }
    Ok(())
}

/// The kernel counted what the row says, so what was provoked is what the row is about.
pub(crate) fn counters(row: &Scenario, played: &Played) -> Result<()> {
    let mut expected = Counters::new();
    let refused = u64::try_from(played.provoked.refused.len())?;
    ensure!(refused == u64::try_from(row.count)?, "{refused} packets refused, not {}", row.count);
    let each = row.moves.iter().map(|name| (*name, refused));
    for (name, by) in each.chain(played.provoked.besides.iter().copied()) {
        *expected.entry(name.to_owned()).or_default() += by;
    }
    ensure!(played.moved == expected, "counters moved {:?}, not {expected:?}", played.moved);
    Ok(())
}

/// The header names this machine, and every reason can be told.
pub(crate) fn header(report: &Report) -> Result<()> {
    let header = &report.header;
    let system = uname();
    ensure!(header.schema == 1, "schema {}", header.schema);
    ensure!(header.kernel == system.release().to_string_lossy(), "kernel {}", header.kernel);
    ensure!(header.host == system.nodename().to_string_lossy(), "host {}", header.host);
    ensure!(header.syndrop == env!("CARGO_PKG_VERSION"), "version {}", header.syndrop);
    let kinds = ["fentry", "kprobe"];
    ensure!(kinds.contains(&header.attach.as_str()), "attach {}", header.attach);
    for probe in header.probes.iter().filter(|probe| probe.attached) {
        let kind = probe.attach.as_deref();
        ensure!(kind.is_some_and(|kind| kinds.contains(&kind)), "a probe without kind: {probe:?}");
    }
    header.time.parse::<jiff::Timestamp>().context("time")?;
    ensure!(header.unobservable.is_empty(), "unobservable {:?}", header.unobservable);
    ensure!(header.inferred.is_empty(), "inferred {:?}", header.inferred);
    let attached = header.probes.iter().filter(|probe| probe.attached);
    let targets: BTreeSet<_> = attached.map(|probe| probe.target.as_str()).collect();
    for target in ["tcp_conn_request", "tcp_check_req", "tcp_v4_syn_recv_sock"] {
        ensure!(targets.contains(target), "no probe on {target}: {:?}", header.probes);
    }
    ensure!(header.probes.iter().all(|probe| !probe.name.is_empty()), "a probe has no name");
    Ok(())
}

/// What an event should be about. Where the order is open, the packet that it names has the place
/// of the one that was expected, and what depends on the place alone.
fn in_place(row: &Scenario, all: &[Refused], expected: Refused, event: &DropEvent) -> Refused {
    let named = all.iter().find(|refused| event.peer == refused.flow.client.into());
    match named {
        Some(named) if row.any_order => Refused { flow: named.flow, ..expected },
        _ => expected,
    }
}

fn one(
    row: &Scenario,
    setting: &Setting,
    played: &Played,
    refused: &Refused,
    event: &DropEvent,
) -> Result<()> {
    let listener = &setting.rig.listener;
    let limit = listener.backlog();
    // What listens is a socket inside the one that the program has.
    let hidden = row.kind == Kind::Mptcp;
    let expected = DropEvent {
        reason: row.reason.to_owned(),
        stage: row.stage.to_owned(),
        evidence: "observed".to_owned(),
        outcome: row.outcome.map(str::to_owned),
        family: setting.rig.family.shown().to_owned(),
        local: refused.flow.server.into(),
        peer: refused.flow.client.into(),
        accept_queue: AcceptQueue { len: row.accept_queue, limit },
        // How many are young depends on time.
        syn_queue: SynQueue { len: refused.syn_queue, limit, ..event.syn_queue },
        sysctl: setting.sysctls,
        listener: Owner {
            netns: setting.netns,
            inode: if hidden { event.listener.inode } else { listener.inode() },
            cookie: if hidden {
                event.listener.cookie.clone()
            } else {
                Some(listener.cookie().to_string())
            },
            bound: listener.bound().into(),
            // Who owns it may be unknown.
            ..event.listener.clone()
        },
        function: (row.function)(setting.rig.family).to_owned(),
        cpu: if row.both_cpus { event.cpu } else { played.cpu },
        // When it happened is compared below, and how often is another story.
        time: event.time.clone(),
        boot_ns: event.boot_ns,
        attempt: event.attempt,
    };
    let differences = differences(&expected, event)?;
    ensure!(differences.is_empty(), "{}", differences.join("; "));
    ensure!(event.syn_queue.young <= event.syn_queue.len, "young {:?}", event.syn_queue);
    let own = std::process::id();
    ensure!(event.listener.pid.is_none_or(|pid| pid == own), "pid {:?}", event.listener.pid);
    let (began, ended) = played.boot_ns;
    ensure!((began..=ended).contains(&event.boot_ns), "boot_ns not in {began}..={ended}");
    event.time.parse::<jiff::Timestamp>().context("time")?;
    Ok(())
}

/// The fields in which two events differ.
fn differences(expected: &DropEvent, event: &DropEvent) -> Result<Vec<String>> {
    let (expected, event) = (serde_json::to_value(expected)?, serde_json::to_value(event)?);
    let fields = expected.as_object().into_iter().flatten();
    let differ = fields.filter(|(name, value)| event[name.as_str()] != **value);
    Ok(differ.map(|(name, value)| format!("{name} is {}, not {value}", event[name])).collect())
}

fn totals(row: &Scenario, setting: &Setting, played: &Played, report: &Report) -> Result<()> {
    let summary = &report.summary;
    let here = summary.by_listener.iter().filter(|line| line.listener.netns == setting.netns);
    let listeners: Vec<_> = here.collect();
    match listeners[..] {
        [] if row.is_notice() => {}
        [listener] if !row.is_notice() => {
            let refused = u64::try_from(played.provoked.refused.len())?;
            let drops = BTreeMap::from([(row.reason.to_owned(), refused)]);
            ensure!(listener.drops == drops, "the listener's drops are not {drops:?}");
            let same = listener.listener.inode == setting.rig.listener.inode();
            ensure!(same || row.kind == Kind::Mptcp, "another listener");
            let bound = End::from(setting.rig.listener.bound());
            ensure!(listener.local == Some(bound), "another listener");
        }
        _ => bail!("not the listeners that were expected: {listeners:?}"),
    }
    let moved = RECONCILED.iter().filter_map(|name| played.moved.get_key_value(*name));
    let moved: Counters = moved.map(|(name, by)| (name.clone(), *by)).collect();
    let kernel = summary.kernel(setting.netns);
    ensure!(kernel == moved, "the kernel's counters are {kernel:?}, not {moved:?}");
    Ok(())
}

/// Nothing was lost or missed on the way, and nothing was left out.
pub(crate) fn complete(report: &Report) -> Result<()> {
    let summary = &report.summary;
    ensure!(report.lost.is_empty(), "lost {:?}", report.lost);
    let lost = (summary.lost_events, summary.sampled_out, summary.missed_probes);
    ensure!(lost == (0, 0, 0), "lost, sampled out, missed: {lost:?}");
    ensure!(summary.uncounted_drops == 0, "{} drops not counted", summary.uncounted_drops);
    ensure!(summary.clients_exact, "not every client was seen");
    ensure!(summary.connections_exact, "not every connection was seen");
    let bounds = (summary.forgotten_clients, summary.unfollowed_clients);
    ensure!(bounds == (0, 0), "forgotten, not followed: {bounds:?}");
    Ok(())
}
