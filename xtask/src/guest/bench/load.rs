//! The workloads: a listener brought to where each packet fares as it should, then the packets.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use boundary::bench::{Load, Workload};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};

use super::flood::Flood;
use super::{client, counters, setting};

/// Enough SYNs that one at least is refused or answered with a cookie.
const MOST_HALF_OPEN: u32 = 1024;

/// Connections until the kernel's caches are filled.
const WARM_UP: u32 = 1000;

/// A load that is ready to be played.
pub(crate) struct Prepared {
    load: Load,
    plan: Plan,
    server: SocketAddrV4,
    listener: TcpListener,
    flood: Flood,
    /// They wait in the accept queue.
    held: Vec<TcpStream>,
    before: u64,
}

/// What makes a workload.
struct Plan {
    port: u16,
    backlog: i32,
    cookies: bool,
    /// Moves once for every packet or connection.
    counter: (&'static str, &'static str),
}

const fn plan(workload: Workload) -> Plan {
    match workload {
        Workload::AcceptQueueFull => {
            Plan { port: 81, backlog: 8, cookies: false, counter: ("TcpExt", "ListenOverflows") }
        }
        Workload::SynQueueFull => {
            Plan { port: 82, backlog: 64, cookies: false, counter: ("TcpExt", "TCPReqQFullDrop") }
        }
        Workload::Healthy => {
            Plan { port: 83, backlog: 128, cookies: false, counter: ("Tcp", "PassiveOpens") }
        }
        Workload::Cookies => {
            Plan { port: 84, backlog: 64, cookies: true, counter: ("TcpExt", "SyncookiesSent") }
        }
    }
}

impl Prepared {
    /// The listener and who floods it; nothing is sent yet.
    pub(crate) fn new(load: &Load) -> Result<Self> {
        let plan = plan(load.workload);
        setting::set("net/ipv4/tcp_syncookies", if plan.cookies { "1" } else { "0" })?;
        let server = SocketAddrV4::new(Ipv4Addr::LOCALHOST, plan.port);
        let lane = u8::try_from(plan.port).context("the port is no lane")?;
        Ok(Self {
            load: load.clone(),
            server,
            listener: listener(server, plan.backlog)?,
            flood: Flood::new(server, lane)?,
            held: Vec::new(),
            before: 0,
            plan,
        })
    }

    /// What the first connections of a kernel cost, more than those after them, is not measured.
    pub(crate) fn warm_up(&self) -> Result<()> {
        match self.load.workload {
            Workload::Healthy => client::connect(&self.listener, self.server, WARM_UP),
            _ => Ok(()),
        }
    }

    /// Fills the queue that is to be full; half-open requests end soon.
    pub(crate) fn fill(&mut self) -> Result<()> {
        match self.load.workload {
            Workload::AcceptQueueFull => {
                for _ in 0..=self.plan.backlog {
                    let client = TcpStream::connect(self.server).context("failed to connect")?;
                    self.held.push(client);
                }
            }
            Workload::SynQueueFull | Workload::Cookies => self.fill_syn_queue()?,
            Workload::Healthy => {}
        }
        self.before = self.counter()?;
        Ok(())
    }

    fn fill_syn_queue(&mut self) -> Result<()> {
        let before = self.counter()?;
        for _ in 0..MOST_HALF_OPEN {
            self.flood.send(1)?;
            if self.counter()? > before {
                return Ok(());
            }
        }
        anyhow::bail!("the SYN queue is not full after {MOST_HALF_OPEN} SYNs")
    }

    /// Sends all of it.
    pub(crate) fn play(&mut self) -> Result<()> {
        match self.load.workload {
            Workload::Healthy => client::connect(&self.listener, self.server, self.load.count),
            _ => self.flood.send(self.load.count),
        }
    }

    /// Fails unless the kernel says that each packet fared as it should.
    pub(crate) fn verify(&self) -> Result<()> {
        let (_, name) = self.plan.counter;
        counters::ensure_moved(name, self.before, self.counter()?, self.load.count)
    }

    fn counter(&self) -> Result<u64> {
        let (group, name) = self.plan.counter;
        counters::read(group, name)
    }
}

fn listener(at: SocketAddrV4, backlog: i32) -> Result<TcpListener> {
    let socket: OwnedFd = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&socket, &at).with_context(|| format!("failed to bind {at}"))?;
    listen(&socket, backlog).with_context(|| format!("failed to listen on {at}"))?;
    Ok(socket.into())
}
