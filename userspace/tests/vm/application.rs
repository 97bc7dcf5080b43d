//! What is told of the applications behind listeners: how long they left connections waiting, and
//! what they gave to `listen()`.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, ipproto, socket_with};

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::netns;
use crate::peer::Peer;
use crate::report::{ListenerLatency, Report};
use crate::scenario::Kind;
use crate::sysctl;
use crate::trace::{Trace, Vantage};

const SOMAXCONN: u32 = 4;
/// Fast Open for every listener, without cookies.
const FAST_OPEN: u32 = 0x602;
/// Cookies for every client.
const COOKIES: u32 = 2;
const MULTIPATH: u16 = 8085;
const HELLO: &[u8] = b"hello";
const SLOW: Duration = Duration::from_millis(300);

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("application::waits-and-backlogs", waits_and_backlogs)]
}

/// How a connection comes about.
type Arrive = fn(&mut Peer, &Flow) -> Result<()>;

fn handshake(peer: &mut Peer, flow: &Flow) -> Result<()> {
    peer.handshake(flow)
}

fn at_once(peer: &mut Peer, flow: &Flow) -> Result<()> {
    peer.syn_and_data(flow, HELLO)?;
    peer.await_synack(flow).map(drop)
}

/// Connections that were accepted, and between which times each must have waited.
struct Waited {
    bound: SocketAddr,
    asked: u32,
    bounds: Vec<(Duration, Duration)>,
    listener: Listener,
    /// Connections stay open to the end.
    accepted: Vec<TcpStream>,
}

impl Waited {
    fn new(listener: Listener, asked: u32) -> Self {
        let bound = listener.bound();
        Self { bound, asked, bounds: Vec::new(), listener, accepted: Vec::new() }
    }

    fn time(&mut self, wait: Duration, arrive: impl FnOnce() -> Result<()>) -> Result<()> {
        let before = Instant::now();
        arrive()?;
        // A client may believe itself connected before its last ACK has arrived.
        self.listener.await_connection()?;
        let queued = Instant::now();
        sleep(wait);
        let lower = queued.elapsed();
        self.accepted.push(self.listener.accept()?.0);
        self.bounds.push((lower, before.elapsed()));
        Ok(())
    }

    /// Quick ones, and a slow one among them.
    fn times(&mut self, peer: &mut Peer, flows: &[Flow], arrive: Arrive) -> Result<()> {
        for (nth, flow) in flows.iter().enumerate() {
            let wait = if nth == 1 { SLOW } else { Duration::ZERO };
            self.time(wait, || arrive(peer, flow).and_then(|()| peer.settle()))?;
        }
        Ok(())
    }

    /// Fails unless what was told lies between the bounds; quantiles may be an eighth too long.
    fn judge(&self, told: &ListenerLatency) -> Result<()> {
        ensure!(told.accepted == self.bounds.len() as u64);
        let sorted = |of: fn(&(Duration, Duration)) -> Duration| {
            let mut all: Vec<Duration> = self.bounds.iter().map(of).collect();
            all.sort_unstable();
            all
        };
        let (lower, upper) = (sorted(|bounds| bounds.0), sorted(|bounds| bounds.1));
        let rank = |per_cent: usize| (self.bounds.len() * per_cent).div_ceil(100) - 1;
        for (per_cent, told) in [(50, told.p50_s), (90, told.p90_s), (99, told.p99_s)] {
            let (least, most) = (lower[rank(per_cent)], upper[rank(per_cent)]);
            let range = least.as_secs_f64()..=most.as_secs_f64() * 1.125;
            ensure!(range.contains(&told), "{per_cent}%: {told} is not in {range:?}");
        }
        let last = self.bounds.len() - 1;
        let range = lower[last].as_secs_f64()..=upper[last].as_secs_f64();
        ensure!(range.contains(&told.max_s), "{} is not in {range:?}", told.max_s);
        Ok(())
    }
}

fn waits_and_backlogs() -> Result<()> {
    netns::enter_fresh()?;
    sysctl::set("net.core.somaxconn", SOMAXCONN)?;
    sysctl::set("net.ipv4.tcp_fastopen", FAST_OPEN)?;
    let mut peer = Peer::new(0)?;
    // One that listens already: nobody knows what it asked for, nor since when its client waits.
    let address = peer.link().server(Family::V4);
    let early = Listener::new(Family::V4, address, 8079, 1000)?;
    peer.handshake(&peer.flow(Family::V4, 1, 8079))?;
    let trace = Trace::start(Vantage::Inside, &["--latency"])?;

    // No more at once than the Fast Open queue holds: these clients say nothing further.
    let rows: [(Family, u16, i32, u16, Arrive); 4] = [
        (Family::V4, 8080, 1000, 10, handshake),
        (Family::V6, 8081, 2, 10, handshake),
        (Family::Mapped, 8082, -1, 10, handshake),
        (Family::V4, 8083, 4, 3, at_once),
    ];
    let mut all = Vec::new();
    for (family, port, backlog, clients, arrive) in rows {
        let address = match family {
            Family::Mapped => family.any(),
            _ => peer.link().server(family),
        };
        let listener = Listener::new(family, address, port, backlog)?;
        let mut waited = Waited::new(listener, backlog.cast_unsigned());
        let flows: Vec<Flow> =
            (1..=clients).map(|client| peer.flow(family, client, port)).collect();
        waited.times(&mut peer, &flows, arrive)?;
        eprintln!("{} accepted", waited.bound);
        all.push(waited);
    }
    sysctl::set("net.ipv4.tcp_syncookies", COOKIES)?;
    let mut cookies = Waited::new(Listener::new(Family::V4, address, 8084, 3)?, 3);
    let flows: Vec<Flow> = (1..=3).map(|client| peer.flow(Family::V4, client, 8084)).collect();
    cookies.times(&mut peer, &flows, handshake)?;
    all.push(cookies);
    early.accept()?;
    let multipath = multipath(address)?;
    overflow(&mut peer, &mut all)?;
    let report = trace.stop()?;
    judge(&all, multipath.as_ref(), &report)
}

/// MPTCP: one client that speaks it, and one that does not. `None` on a kernel without.
fn multipath(address: std::net::IpAddr) -> Result<Option<Waited>> {
    if !Path::new("/proc/sys/net/mptcp/enabled").exists() {
        return Ok(None);
    }
    let listener = Listener::of_kind(Kind::Mptcp, Family::V4, address, MULTIPATH, 7)?;
    let mut waited = Waited::new(listener, 7);
    let mut clients = Vec::new();
    for (protocol, wait) in [(Some(ipproto::MPTCP), SLOW), (None, Duration::ZERO)] {
        let client =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, protocol)?;
        waited.time(wait, || Ok(connect(&client, &SocketAddr::new(address, MULTIPATH))?))?;
        clients.push(client);
    }
    Ok(Some(waited))
}

/// A drop of the first listener, so that its row tells of the backlog.
fn overflow(peer: &mut Peer, all: &mut [Waited]) -> Result<()> {
    let flow = |peer: &Peer, client| peer.flow(Family::V4, client, 8080);
    sysctl::set("net.ipv4.tcp_syncookies", 0)?;
    for client in 0..=u16::try_from(SOMAXCONN)? {
        let flow = flow(peer, 100 + client);
        peer.handshake(&flow)?;
    }
    let refused = flow(peer, 200);
    peer.syn(&refused)?;
    let answers = peer.answers(&refused)?;
    ensure!(answers.is_empty(), "{:?} answered {answers:?}", all[0].bound);
    Ok(())
}

fn judge(all: &[Waited], multipath: Option<&Waited>, report: &Report) -> Result<()> {
    let latency = report.summary.accept_latency.as_ref().context("no latency")?;
    for waited in all.iter().chain(multipath) {
        let mut rows = latency.listeners.iter();
        let told = rows.find(|row| row.local == waited.bound.into());
        let told = told.with_context(|| format!("nothing of {}: {latency:?}", waited.bound))?;
        waited.judge(told).with_context(|| format!("{told:?} of {:?}", waited.bounds))?;
        eprintln!("{}: {told:?}", waited.bound);
    }
    ensure!(latency.listeners.len() == all.len() + usize::from(multipath.is_some()));
    ensure!(latency.untimed == 1, "{} untimed, not the one that waited before", latency.untimed);
    let owners = latency.listeners.iter().map(|row| row.listener.pid);
    // The kernel's own socket inside one of MPTCP has no descriptor.
    let known = owners.filter(|pid| *pid == Some(std::process::id())).count();
    ensure!(known >= all.len(), "{latency:?}");
    let [dropped] = &report.summary.by_listener[..] else {
        anyhow::bail!("{:?}", report.summary.by_listener)
    };
    ensure!(dropped.asked == Some(all[0].asked), "{dropped:?}");
    ensure!(dropped.clipped == Some(true), "{dropped:?}");
    report.summary.ensure_explained()
}
