//! Many namespaces: some are there at the start, some appear, some vanish.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::Size;
use super::balance::falls_short;
use super::siege::{ACCEPT_QUEUE_FULL, Besieger, Castle, REASONS, Refused, add};
use crate::flow::Family;
use crate::listener::Listener;
use crate::netns::{self, Home, Resident};
use crate::trace::{Trace, Vantage};

const PORT: u16 = 8080;

/// A namespace with a listener whose queue is full.
struct Place {
    netns: u64,
    address: SocketAddr,
    home: Home,
    _resident: Resident,
    _listener: Listener,
    _guest: OwnedFd,
}

impl Place {
    fn make() -> Result<Self> {
        in_a_thread(|| {
            netns::enter_fresh()?;
            let address = IpAddr::from(Ipv4Addr::LOCALHOST);
            let listener = Listener::new(Family::V4, address, PORT, 0)?;
            let address = listener.bound();
            Ok(Self {
                netns: netns::inode()?,
                home: Home::here()?,
                _resident: Resident::settle()?,
                _guest: knock(address)?,
                _listener: listener,
                address,
            })
        })
    }

    /// One client is refused; it does not come again.
    fn refuse(&self) -> Result<()> {
        self.home.visit(|| knock(self.address).map(drop))
    }
}

/// On loopback the first SYN has been dealt with when `connect` returns.
fn knock(address: SocketAddr) -> Result<OwnedFd> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let client = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    match connect(&client, &address) {
        Err(Errno::INPROGRESS) => Ok(client),
        other => other.map(|()| client).context("failed to connect"),
    }
}

fn in_a_thread<T: Send>(make: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    match thread::scope(|scope| scope.spawn(make).join()) {
        Ok(outcome) => outcome,
        Err(panic) => resume_unwind(panic),
    }
}

pub(super) fn come_and_go(size: Size) -> Result<()> {
    let make = |count: usize| (0..count).map(|_| Place::make()).collect::<Result<Vec<_>>>();
    let early = make(size.namespaces / 2)?;
    for place in &early {
        // What happened before the start is nobody's business.
        place.refuse()?;
    }
    let trace = Trace::start(Vantage::Inside, &["--interval", "1s"])?;
    let late = make(size.namespaces - early.len())?;
    for place in early.iter().chain(&late) {
        place.refuse()?;
        place.refuse()?;
    }
    // Two of them go, after an interval has told of them or not.
    thread::sleep(Duration::from_secs(2));
    let mut staying: Vec<Place> = early.into_iter().chain(late).collect();
    let last = staying.pop().context("no namespace")?;
    let gone = [staying.remove(0), last];
    drop(gone);
    thread::sleep(Duration::from_secs(1));
    let report = trace.stop()?;
    let summary = &report.summary;

    for place in &staying {
        let kernel = summary.kernel(place.netns);
        let both =
            kernel.get("ListenDrops") == Some(&2) && kernel.get("ListenOverflows") == Some(&2);
        ensure!(both, "namespace {}: {kernel:?}", place.netns);
    }
    for line in &summary.counters {
        if let Some(kernel) = line.kernel {
            ensure!(kernel == line.explained, "left over: {line:?}");
        } else {
            // Those that went, and those of earlier cases that are still on their way out.
            let stays = staying.iter().any(|place| place.netns == line.netns);
            ensure!(!stays, "unknown: {line:?}");
        }
    }
    // Those that went took a connection along that nobody had accepted; that is another reason.
    let all = 2 * u64::try_from(size.namespaces)?;
    let refused = summary.drops.get("accept-queue-full-syn");
    ensure!(refused == Some(&all), "{:?}, not {all}", summary.drops);
    ensure!(!report.intervals.is_empty(), "no interval was told");
    for interval in &report.intervals {
        for line in &interval.summary.counters {
            let kernel = line.kernel.unwrap_or(line.explained);
            let apart = kernel.abs_diff(line.explained);
            ensure!(apart <= line.in_flight, "left over, at {}: {line:?}", interval.time);
        }
    }
    Ok(())
}

/// Many namespaces in which little happens, while two CPUs flood another one.
pub(super) fn besieged(size: Size) -> Result<()> {
    let home = Home::here()?;
    let places = (0..size.namespaces).map(|_| Place::make()).collect::<Result<Vec<_>>>()?;
    let mut castle = Castle::build()?;
    let trace = Trace::start(Vantage::Host(&home), &["--interval", "3s"])?;
    eprintln!("ready after {:?}", trace.start_time());
    let [first, second] = &mut castle.peers;
    let refused = thread::scope(|scope| {
        let besiege = |cpu, peer| {
            let mut besieger = Besieger::on(cpu, peer)?;
            for _ in 0..size.syns {
                besieger.strike(size.syns)?;
            }
            besieger.refused()
        };
        let sieges =
            [scope.spawn(move || besiege(0, first)), scope.spawn(move || besiege(1, second))];
        let visited = places.iter().try_for_each(Place::refuse);
        let mut refused = Refused::new();
        for siege in sieges {
            add(&mut refused, siege.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        visited.map(|()| refused)
    })?;
    places.iter().try_for_each(Place::refuse)?;
    let report = trace.stop()?;
    let summary = &report.summary;
    let missed = summary.missed_probes;
    eprintln!("{refused:?}, {} namespaces, {missed} probes missed", places.len());
    let elsewhere = 2 * u64::try_from(places.len())?;
    for (port, reason) in REASONS {
        let more = if port == ACCEPT_QUEUE_FULL { elsewhere } else { 0 };
        let (counted, expected) = (summary.drops.get(reason), refused[&port] + more);
        let counted = counted.copied().unwrap_or(0);
        ensure!(falls_short(counted, expected, missed), "{reason}: {counted} of {expected}");
    }
    for line in &summary.counters {
        let kernel = line.kernel.with_context(|| format!("unknown: {line:?}"))?;
        ensure!(falls_short(line.explained, kernel, missed), "left over: {line:?}");
    }
    for place in &places {
        let kernel = summary.kernel(place.netns);
        ensure!(kernel.get("ListenDrops") == Some(&2), "namespace {}: {kernel:?}", place.netns);
    }
    let told = report.drops.iter().filter(|drop| drop.listener.netns != castle.netns);
    let told = told.count() as u64;
    ensure!(falls_short(told, elsewhere, missed), "{told} of {elsewhere} told");
    Ok(())
}
