//! Filters narrow what is shown and counted, and make nothing unexplained.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::netns::{self, Home};
use crate::netstat::Netstat;
use crate::peer::Peer;
use crate::provoke;
use crate::report::Report;
use crate::rig::Rig;
use crate::trace::{Trace, Vantage};
use crate::verdict;

const V4_PORT: u16 = 8080;
const V6_PORT: u16 = 8081;
const BACKLOG: i32 = 8;
const OWN_NETNS: &str = "NETNS";

/// A drop that was provoked, as far as filters look at it.
struct Known {
    flow: Flow,
    reason: &'static str,
}

impl Known {
    fn is_v4(&self) -> bool {
        self.flow.client.is_ipv4()
    }
}

/// The arguments, and which of the drops they show.
struct Row {
    name: &'static str,
    arguments: &'static [&'static str],
    shows: fn(&Known) -> bool,
}

/// Under siege are an IPv4 listener on port 8080, link 10.9.0.0/16, by last ACKs, and an IPv6
/// listener on port 8081, link fd09:0:0:1::/64, by SYNs.
const ROWS: &[Row] = &[
    Row { name: "none", arguments: &[], shows: |_| true },
    Row { name: "port", arguments: &["--port", "8080"], shows: Known::is_v4 },
    Row { name: "ports", arguments: &["-P", "8081,9"], shows: |known| !known.is_v4() },
    Row { name: "port-elsewhere", arguments: &["--port", "9"], shows: |_| false },
    Row { name: "peer-v4", arguments: &["--peer", "10.9.0.0/16"], shows: Known::is_v4 },
    Row {
        name: "peer-v6",
        arguments: &["--peer", "fd09:0:0:1::/64"],
        shows: |known| !known.is_v4(),
    },
    Row {
        name: "peer-host",
        arguments: &["--peer", "10.9.16.1/32"],
        shows: |known| known.flow.client.ip().to_string() == "10.9.16.1",
    },
    Row { name: "local", arguments: &["--local", "10.9.0.1"], shows: Known::is_v4 },
    Row { name: "ipv4", arguments: &["-4"], shows: Known::is_v4 },
    Row { name: "ipv6", arguments: &["-6"], shows: |known| !known.is_v4() },
    Row {
        name: "reason",
        arguments: &["--reason", "accept-queue-full-ack"],
        shows: |known| known.reason == "accept-queue-full-ack",
    },
    Row {
        name: "reasons",
        arguments: &["--reason", "syn-queue-full,accept-queue-full-syn"],
        shows: |known| known.reason == "accept-queue-full-syn",
    },
    Row {
        name: "stage",
        arguments: &["--stage", "syn"],
        shows: |known| known.reason == "accept-queue-full-syn",
    },
    Row { name: "netns", arguments: &["--netns", OWN_NETNS], shows: |_| true },
    Row { name: "netns-elsewhere", arguments: &["--netns", "1"], shows: |_| false },
    Row {
        name: "all-at-once",
        arguments: &["-4", "-P", "8080", "--peer", "10.9.16.2/31", "--local", "10.9.0.0/16"],
        shows: |known| known.flow.client.ip().to_string() == "10.9.16.2",
    },
];

pub(crate) fn cases() -> Vec<Case> {
    let case = |row: &'static Row| Case::new(format!("filter::{}", row.name), || narrow(row));
    ROWS.iter().map(case).chain([Case::new("filter::owner", by_owner)]).collect()
}

/// A process that holds one of the two listeners too, and is not the first that does.
fn by_owner() -> Result<()> {
    let home = Home::here()?;
    netns::enter_fresh()?;
    let mut v4 = besieged(0, Family::V4, V4_PORT)?;
    let mut v6 = besieged(1, Family::V6, V6_PORT)?;
    let socket = v4.listener.socket().try_clone_to_owned()?;
    let mut worker = Command::new("sleep").arg("600").stdin(Stdio::from(socket)).spawn()?;
    let (worker_pid, own_pid) = (worker.id().to_string(), std::process::id().to_string());
    let selections: [(&[&str], &[&str]); 3] = [
        (&["--pid", &worker_pid], &["accept-queue-full-ack"]),
        (&["--comm", "sleep"], &["accept-queue-full-ack"]),
        (&["--pid", &own_pid], &["accept-queue-full-ack", "accept-queue-full-syn"]),
    ];
    let traces =
        selections.iter().map(|(arguments, _)| Trace::start(Vantage::Host(&home), arguments));
    let traces = traces.collect::<Result<Vec<_>>>()?;
    let refused = provoke::accept_queue_full_ack(&mut v4, 5)?.refused;
    let acks = refused.iter().map(|refused| (refused.flow, "accept-queue-full-ack"));
    let mut known: Vec<Known> = acks.map(|(flow, reason)| Known { flow, reason }).collect();
    let refused = provoke::accept_queue_full_syn(&mut v6, 3)?.refused;
    let syns = refused.iter().map(|refused| (refused.flow, "accept-queue-full-syn"));
    known.extend(syns.map(|(flow, reason)| Known { flow, reason }));
    for (trace, (arguments, reasons)) in traces.into_iter().zip(selections) {
        let report = trace.stop()?;
        let shown: Vec<Known> = known
            .iter()
            .filter(|known| reasons.contains(&known.reason))
            .map(|known| Known { ..*known })
            .collect();
        judge(&shown, &report).with_context(|| format!("{arguments:?}: {:?}", report.summary))?;
    }
    worker.kill()?;
    worker.wait()?;
    Ok(())
}

fn narrow(row: &Row) -> Result<()> {
    let home = Home::here()?;
    netns::enter_fresh()?;
    let mut v4 = besieged(0, Family::V4, V4_PORT)?;
    let mut v6 = besieged(1, Family::V6, V6_PORT)?;
    let inode = netns::inode()?.to_string();
    let fill_in = |argument: &&'static str| {
        if *argument == OWN_NETNS { inode.as_str() } else { *argument }
    };
    let arguments: Vec<&str> = row.arguments.iter().map(fill_in).collect();
    let trace = Trace::start(Vantage::Host(&home), &arguments)?;

    let before = Netstat::read()?;
    let mut known = Vec::new();
    let refused = provoke::accept_queue_full_ack(&mut v4, 5)?.refused;
    let acks = refused.iter().map(|refused| (refused.flow, "accept-queue-full-ack"));
    known.extend(acks.map(|(flow, reason)| Known { flow, reason }));
    let refused = provoke::accept_queue_full_syn(&mut v6, 3)?.refused;
    let syns = refused.iter().map(|refused| (refused.flow, "accept-queue-full-syn"));
    known.extend(syns.map(|(flow, reason)| Known { flow, reason }));
    let moved = Netstat::read()?.moved_since(&before);

    let report = trace.stop()?;
    known.retain(row.shows);
    judge(&known, &report).with_context(|| format!("{:?}", report.summary))?;
    // What is hidden is counted by the kernel all the same.
    let kernel = report.summary.kernel(netns::inode()?);
    ensure!(kernel == moved, "the kernel's counters are {moved:?}, not {kernel:?}");
    Ok(())
}

fn besieged(link: u8, family: Family, port: u16) -> Result<Rig> {
    let peer = Peer::new(link)?;
    let listener = Listener::new(family, peer.link().server(family), port, BACKLOG)?;
    Ok(Rig::new(peer, listener, family))
}

fn judge(known: &[Known], report: &Report) -> Result<()> {
    let shown = report.drops.iter().map(|event| (event.peer, event.reason.as_str()));
    let expected = known.iter().map(|known| (known.flow.client.into(), known.reason));
    let (shown, expected): (Vec<_>, Vec<_>) = (shown.collect(), expected.collect());
    ensure!(shown == expected, "shows {shown:?}, not {expected:?}");
    let total = u64::try_from(known.len())?;
    ensure!(report.summary.total() == total, "counts not {total}");
    verdict::complete(report)?;
    report.summary.ensure_explained()
}
