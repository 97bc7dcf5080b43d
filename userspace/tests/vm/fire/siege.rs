//! Three listeners that refuse for three reasons, and SYNs for them from one CPU.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use anyhow::{Context, Result, ensure};

use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::netns::{self, Resident};
use crate::peer::Peer;
use crate::setting::pin;
use crate::sysctl;

/// The ports, by what happens there.
pub(crate) const ACCEPT_QUEUE_FULL: u16 = 8081;
pub(crate) const SYN_QUEUE_FULL: u16 = 8082;
pub(crate) const LAST_QUARTER: u16 = 8083;

/// Their reasons.
pub(crate) const REASONS: [(u16, &str); 3] = [
    (ACCEPT_QUEUE_FULL, "accept-queue-full-syn"),
    (SYN_QUEUE_FULL, "syn-queue-full"),
    (LAST_QUARTER, "syn-backlog-reserved"),
];

/// `tcp_max_syn_backlog`: the last quarter of it begins behind the 48th request.
const MAX_SYN_BACKLOG: u32 = 64;
/// `tcp_synack_retries`: requests stay for minutes, so that the last quarter stays reserved.
const SYNACK_RETRIES: u32 = 12;
/// SYNs of each CPU for the listener that gets few.
const FEW: usize = 80;
/// SYNs after which answers are read.
const BREATH: usize = 64;

/// SYNs that were refused, by port.
pub(crate) type Refused = BTreeMap<u16, u64>;

/// The place of the siege.
#[derive(Debug)]
pub(crate) struct Castle {
    _resident: Resident,
    _listeners: Vec<Listener>,
    pub(crate) netns: u64,
    /// One per CPU.
    pub(crate) peers: [Peer; 2],
}

/// Every address of both families.
pub(crate) fn everywhere() -> IpAddr {
    Family::Mapped.any()
}

impl Castle {
    /// In a fresh namespace.
    pub(crate) fn build() -> Result<Self> {
        netns::enter_fresh()?;
        sysctl::set("net.ipv4.tcp_syncookies", 0)?;
        sysctl::set("net.ipv4.tcp_max_syn_backlog", MAX_SYN_BACKLOG)?;
        sysctl::set("net.ipv4.tcp_synack_retries", SYNACK_RETRIES)?;
        let mut peers = [Peer::new(0)?, Peer::new(1)?];
        let backlogs = [(ACCEPT_QUEUE_FULL, 4), (SYN_QUEUE_FULL, 4), (LAST_QUARTER, 512)];
        let mut listeners = Vec::new();
        for (port, backlog) in backlogs {
            listeners.push(Listener::new(Family::Mapped, everywhere(), port, backlog)?);
        }
        for n in 0..5 {
            let flow = peers[0].flow(Family::V4, u16::MAX - n, ACCEPT_QUEUE_FULL);
            peers[0].handshake(&flow)?;
        }
        Ok(Self {
            _resident: Resident::settle()?,
            _listeners: listeners,
            netns: netns::inode()?,
            peers,
        })
    }
}

/// One CPU's part.
#[derive(Debug)]
pub(crate) struct Besieger<'a> {
    peer: &'a mut Peer,
    client: u16,
    sent: usize,
    by_port: Refused,
    answered: BTreeSet<Flow>,
}

impl<'a> Besieger<'a> {
    /// From now on this thread is on that CPU.
    pub(crate) fn on(cpu: u32, peer: &'a mut Peer) -> Result<Self> {
        pin(cpu)?;
        let (by_port, answered) = (Refused::new(), BTreeSet::new());
        Ok(Self { peer, client: 0, sent: 0, by_port, answered })
    }

    /// Sends one more SYN of so many, of either family in turn.
    pub(crate) fn strike(&mut self, of: usize) -> Result<()> {
        let family = if self.sent.is_multiple_of(2) { Family::V4 } else { Family::V6 };
        let port = match self.sent {
            nth if nth.is_multiple_of((of / FEW).max(1)) => LAST_QUARTER,
            nth if nth % 4 < 2 => ACCEPT_QUEUE_FULL,
            _ => SYN_QUEUE_FULL,
        };
        // Some numbers stay free for those who finish their handshakes.
        self.client = (self.client + 1) % 60_000;
        self.sent += 1;
        let flow = self.peer.flow(family, self.client, port);
        // A request that waits is answered once more, and not refused.
        if !self.answered.contains(&flow) {
            self.peer.syn(&flow)?;
            *self.by_port.entry(port).or_default() += 1;
        }
        if self.sent.is_multiple_of(BREATH) { self.breathe() } else { Ok(()) }
    }

    /// A listener comes, refuses one client, and goes.
    pub(crate) fn visit(&mut self, port: u16) -> Result<()> {
        let listener = Listener::new(Family::Mapped, everywhere(), port, 0)?;
        let (guest, refused) = (self.guest(60_001, port), self.guest(60_002, port));
        self.peer.handshake(&guest)?;
        self.peer.syn(&refused)?;
        let answers = self.peer.answers(&refused)?;
        ensure!(answers.is_empty(), "{refused:?} should not have been answered: {answers:?}");
        drop(listener);
        Ok(())
    }

    fn guest(&self, client: u16, port: u16) -> Flow {
        self.peer.flow(Family::V4, client, port)
    }

    fn breathe(&mut self) -> Result<()> {
        self.peer.listen()?;
        let answered = self.peer.take_answered();
        self.answered.extend(answered);
        Ok(())
    }

    /// What was refused: all that was sent but for what was answered.
    pub(crate) fn refused(mut self) -> Result<Refused> {
        self.peer.settle()?;
        self.breathe()?;
        for flow in self.answered {
            // Visitors' guests are nobody's business here.
            if let Some(refused) = self.by_port.get_mut(&flow.server.port()) {
                *refused = refused.checked_sub(1).context("more answers than SYNs")?;
            }
        }
        Ok(self.by_port)
    }
}

/// Adds one part to another.
pub(crate) fn add(to: &mut Refused, part: Refused) {
    for (port, count) in part {
        *to.entry(port).or_default() += count;
    }
}
