//! What is no drop: connections that work, and half-opens that end in a way of their own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::netns::{self, Home};
use crate::netstat::Netstat;
use crate::report::Report;
use crate::rig::Rig;
use crate::scenario::Scenario;
use crate::scenarios::ACCEPT_QUEUE_FULL_SYN;
use crate::segment::Segment;
use crate::setting::Setting;
use crate::trace::{Trace, Vantage};
use crate::verdict::{self, RECONCILED};

const CONNECTIONS: usize = 200;
/// The same at length.
const MANY: usize = 20_000;
/// Only a guard.
const PATIENCE: Duration = Duration::from_secs(900);
const PORT: u16 = 8080;
/// A port where nobody listens.
const CLOSED: u16 = 9;

/// A listener whose SYN queue is soon full, and then sends cookies.
const ANSWERED: Scenario = Scenario {
    sysctls: &[("tcp_syncookies", 1), ("tcp_max_syn_backlog", 512)],
    backlog: 4,
    ..ACCEPT_QUEUE_FULL_SYN
};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("healthy-connections", || connect(CONNECTIONS)),
        Case::new("no-drop-whatever-clients-do", watch),
    ]
}

/// The large one.
pub(crate) fn full() -> Vec<Case> {
    vec![Case::new("full::healthy-connections", || connect(MANY)).with_patience(PATIENCE)]
}

/// What clients may do without anything being dropped.
type Act = fn(&mut Rig) -> Result<()>;

const ACTS: &[(&str, Act)] = &[
    ("syn-answered-again", syn_twice),
    ("reset-out-of-nowhere", stray_reset),
    ("cookies", cookies),
    ("closed-port", closed_port),
];

/// Real sockets over the loopback interface: connect, exchange, close.
fn connect(connections: usize) -> Result<()> {
    let home = Home::here()?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    for &family in Family::ALL {
        netns::enter_fresh()?;
        let server = match family {
            Family::V4 | Family::Mapped => Ipv4Addr::LOCALHOST.into(),
            Family::V6 => Ipv6Addr::LOCALHOST.into(),
        };
        let bound = if family == Family::Mapped { family.any() } else { server };
        let listener = Listener::new(family, bound, PORT, 128)?;
        let before = Netstat::read()?;
        for _ in 0..connections {
            exchange(&listener, SocketAddr::new(server, PORT))?;
        }
        let moved = Netstat::read()?.moved_since(&before);
        ensure!(moved.is_empty(), "with {family} clients counters moved {moved:?}");
    }
    ensure_nothing(&trace.stop()?)
}

/// A client connects, is accepted, and both say something.
pub(crate) fn exchange(listener: &Listener, server: SocketAddr) -> Result<()> {
    let mut client = TcpStream::connect(server)?;
    let (mut accepted, _) = listener.accept()?;
    client.write_all(b"ping")?;
    let mut ping = [0; 4];
    accepted.read_exact(&mut ping)?;
    accepted.write_all(&ping)?;
    Ok(client.read_exact(&mut ping)?)
}

/// Clients behind a tun link act, and the kernel counts no drop.
fn watch() -> Result<()> {
    let home = Home::here()?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    // What waits for a listener would be dropped with it.
    let mut settings = Vec::new();
    for &family in Family::ALL {
        for (name, act) in ACTS {
            let mut setting = Setting::make(&ANSWERED, family)?;
            let before = Netstat::read()?;
            act(&mut setting.rig).with_context(|| format!("{name} with {family} clients"))?;
            let moved = Netstat::read()?.moved_since(&before);
            let dropped = RECONCILED.iter().any(|counter| moved.contains_key(*counter));
            ensure!(!dropped, "{name} with {family} clients went wrong: {moved:?}");
            settings.push(setting);
        }
    }
    ensure_nothing(&trace.stop()?)
}

fn ensure_nothing(report: &Report) -> Result<()> {
    ensure!(report.drops.is_empty(), "these are no drops: {:?}", report.drops);
    ensure!(report.summary.total() == 0, "no drops, but a total: {:?}", report.summary);
    verdict::header(report)?;
    verdict::complete(report)?;
    report.summary.ensure_explained()
}

/// The client did not hear the SYN-ACK and repeats its SYN.
fn syn_twice(rig: &mut Rig) -> Result<()> {
    let flow = rig.newcomer();
    let first = rig.peer.open(&flow)?;
    let again = rig.peer.open(&flow)?;
    ensure!(first.seq == again.seq, "another request answered: {first:?}, then {again:?}");
    rig.peer.ack(&flow, again)?;
    ensure_accepted(rig, &[flow])
}

/// A reset and a packet without flags for no connection: no handshake is lost by them.
fn stray_reset(rig: &mut Rig) -> Result<()> {
    let flow = rig.newcomer();
    rig.peer.rst(&flow)?;
    rig.peer.send(&flow, Segment { seq: 1, ..Segment::default() })?;
    let answers = rig.peer.answers(&flow)?;
    ensure!(answers.is_empty(), "should not have been answered: {answers:?}");
    Ok(())
}

/// The SYN queue is full, so newcomers get a cookie and get through with it.
fn cookies(rig: &mut Rig) -> Result<()> {
    let before = Netstat::read()?;
    let stored = usize::try_from(rig.listener.capacity())?;
    rig.open(stored)?;
    let served = rig.open(3)?;
    for (flow, cookie) in &served {
        rig.peer.ack(flow, *cookie)?;
    }
    let moved = Netstat::read()?.moved_since(&before);
    let received = moved.get("SyncookiesRecv");
    ensure!(received == Some(&3), "3 cookies should have come back: {moved:?}");
    let flows: Vec<Flow> = served.iter().map(|(flow, _)| *flow).collect();
    ensure_accepted(rig, &flows)
}

/// A SYN to a port without a listener is reset, and no listener's business.
fn closed_port(rig: &mut Rig) -> Result<()> {
    let mut flow = rig.newcomer();
    flow.server.set_port(CLOSED);
    rig.peer.syn(&flow)?;
    let answers = rig.peer.answers(&flow)?;
    ensure!(answers.iter().any(|answer| answer.rst), "should have been reset: {answers:?}");
    Ok(())
}

fn ensure_accepted(rig: &Rig, flows: &[Flow]) -> Result<()> {
    for flow in flows {
        let (_, client) = rig.listener.accept().context("a client should have got through")?;
        ensure!(client == flow.client, "{client} was accepted instead of {}", flow.client);
    }
    Ok(())
}
