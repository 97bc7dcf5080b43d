//! The clients: many hosts behind one tun link, which do exactly what a test tells them.
//!
//! A real client resets what it does not expect, repeats what is not answered and acknowledges
//! what it receives. These do nothing of the kind, so a request waits in the SYN queue until the
//! test goes on.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::flow::{Family, Flow, Link};
use crate::rtnetlink;
use crate::segment::{Heard, Segment, echo_request};
use crate::tun::Tun;

/// Only a guard against waiting for ever: a SYN-ACK is repeated after 1, 2, 4 s.
const PATIENCE: Duration = Duration::from_secs(60);
/// Until a new link is tried once more.
const AGAIN: Duration = Duration::from_millis(50);
/// Where every client's sequence numbers start.
const CLIENT_ISN: u32 = 1000;

/// The hosts behind one link.
#[derive(Debug)]
pub(crate) struct Peer {
    tun: Tun,
    link: Link,
    heard: VecDeque<(Flow, Segment)>,
    echoes: u16,
}

impl Peer {
    /// Makes a link with the given number in the current network namespace.
    pub(crate) fn new(number: u8) -> Result<Self> {
        let link = Link(number);
        let tun = Tun::create(&format!("tun{number}"))?;
        rtnetlink::set_up(tun.index())?;
        rtnetlink::add_address(tun.index(), link.server(Family::V4), Link::V4_PREFIX)?;
        rtnetlink::add_address(tun.index(), link.server(Family::V6), Link::V6_PREFIX)?;
        let mut peer = Self { tun, link, heard: VecDeque::new(), echoes: 0 };
        peer.await_link()?;
        Ok(peer)
    }

    /// Waits until the server answers over both protocols: a link and an IPv6 address are not of
    /// use from the moment on in which they are made.
    fn await_link(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        for family in [Family::V4, Family::V6] {
            while !self.echo(family, Instant::now() + AGAIN)? {
                ensure!(Instant::now() < deadline, "no {family} echo reply within {PATIENCE:?}");
            }
        }
        Ok(())
    }

    /// The link's addresses.
    pub(crate) fn link(&self) -> Link {
        self.link
    }

    /// Sets the link down: its routes are gone, packets can no longer be sent.
    pub(crate) fn unplug(&mut self) -> Result<()> {
        rtnetlink::set_down(self.tun.index())
    }

    /// Another hand on the same link, for another CPU.
    pub(crate) fn second_hand(&self) -> Result<Hand> {
        Ok(Hand { tun: self.tun.twin()? })
    }

    /// Sends a packet as it is.
    pub(crate) fn send_raw(&mut self, packet: &[u8]) -> Result<()> {
        self.tun.send(packet)
    }

    /// The n-th client, on its way to a server's port.
    pub(crate) fn flow(&self, family: Family, n: u16, port: u16) -> Flow {
        Flow {
            client: self.link.client(family, n),
            server: SocketAddr::new(self.link.server(family), port),
        }
    }

    /// Leads packets to a host to this link, which its address alone would not.
    pub(crate) fn add_route(&self, host: IpAddr) -> Result<()> {
        rtnetlink::add_route(self.tun.index(), host)
    }

    /// And no longer.
    pub(crate) fn delete_route(&self, host: IpAddr) -> Result<()> {
        rtnetlink::delete_route(self.tun.index(), host)
    }

    /// Sends one segment.
    pub(crate) fn send(&mut self, flow: &Flow, segment: Segment) -> Result<()> {
        self.tun.send(&segment.packet(flow)?).with_context(|| format!("{flow:?}"))
    }

    /// The handshake's first packet.
    pub(crate) fn syn(&mut self, flow: &Flow) -> Result<()> {
        self.send(flow, Segment { syn: true, seq: CLIENT_ISN, ..Segment::default() })
    }

    /// The same with the client's clock in it.
    pub(crate) fn stamped_syn(&mut self, flow: &Flow, clock: u32) -> Result<()> {
        let stamps = Some((clock, 0));
        self.send(flow, Segment { syn: true, seq: CLIENT_ISN, stamps, ..Segment::default() })
    }

    /// A SYN with more options.
    pub(crate) fn syn_with(&mut self, flow: &Flow, options: &'static [u8]) -> Result<()> {
        self.send(flow, Segment { syn: true, seq: CLIENT_ISN, options, ..Segment::default() })
    }

    /// A SYN that carries data.
    pub(crate) fn syn_and_data(&mut self, flow: &Flow, data: &'static [u8]) -> Result<()> {
        self.send(flow, Segment { syn: true, seq: CLIENT_ISN, data, ..Segment::default() })
    }

    /// The handshake's last packet, for the SYN-ACK that was received.
    pub(crate) fn ack(&mut self, flow: &Flow, synack: Segment) -> Result<()> {
        self.stamped_ack(flow, synack, None)
    }

    /// The same with given timestamps.
    pub(crate) fn stamped_ack(
        &mut self,
        flow: &Flow,
        synack: Segment,
        stamps: Option<(u32, u32)>,
    ) -> Result<()> {
        let (seq, ack_seq) = (CLIENT_ISN + 1, synack.seq.wrapping_add(1));
        self.send(flow, Segment { ack: true, seq, ack_seq, stamps, ..Segment::default() })
    }

    /// The client gives the handshake up.
    pub(crate) fn rst(&mut self, flow: &Flow) -> Result<()> {
        self.send(flow, Segment { rst: true, seq: CLIENT_ISN + 1, ..Segment::default() })
    }

    /// All three packets. The last one is not confirmed by anything.
    pub(crate) fn handshake(&mut self, flow: &Flow) -> Result<()> {
        let synack = self.open(flow)?;
        self.ack(flow, synack)
    }

    /// The first two packets: a request is left in the SYN queue, or a cookie was received.
    pub(crate) fn open(&mut self, flow: &Flow) -> Result<Segment> {
        self.syn(flow)?;
        self.await_synack(flow)
    }

    /// The next SYN-ACK for a client.
    pub(crate) fn await_synack(&mut self, flow: &Flow) -> Result<Segment> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(synack) = self.take(|of, segment| of == flow && segment.is_synack()) {
                return Ok(synack);
            }
            match self.tun.receive(deadline)? {
                Some(packet) => drop(self.hear(&packet)?),
                None => bail!("no SYN-ACK for {flow:?} within {PATIENCE:?}"),
            }
        }
    }

    /// Everything that the kernel has answered to a client so far and was not taken before.
    pub(crate) fn answers(&mut self, flow: &Flow) -> Result<Vec<Segment>> {
        self.settle()?;
        let mut answers = Vec::new();
        while let Some(segment) = self.take(|of, _| of == flow) {
            answers.push(segment);
        }
        Ok(answers)
    }

    /// The clients that were sent a SYN-ACK which was not taken; `settle` first.
    pub(crate) fn answered(&self) -> impl Iterator<Item = Flow> {
        self.heard.iter().filter(|(_, segment)| segment.is_synack()).map(|(flow, _)| *flow)
    }

    /// The clients that were reset.
    pub(crate) fn reset(&self) -> impl Iterator<Item = Flow> {
        self.heard.iter().filter(|(_, segment)| segment.rst).map(|(flow, _)| *flow)
    }

    /// Reads what is there and does not wait.
    pub(crate) fn listen(&mut self) -> Result<()> {
        while let Some(packet) = self.tun.try_receive()? {
            self.hear(&packet)?;
        }
        Ok(())
    }

    /// The clients that were sent a SYN-ACK, and nothing that was heard is kept.
    pub(crate) fn take_answered(&mut self) -> Vec<Flow> {
        let answered = self.answered().collect();
        self.heard.clear();
        answered
    }

    /// Reads until the kernel has answered an echo request. Packets leave the link in the order
    /// in which they were sent, so all answers to earlier packets have been read then.
    pub(crate) fn settle(&mut self) -> Result<()> {
        let answered = self.echo(Family::V4, Instant::now() + PATIENCE)?;
        ensure!(answered, "no echo reply within {PATIENCE:?}");
        Ok(())
    }

    /// Sends an echo request and reads until it is answered; false if it is not in time.
    fn echo(&mut self, family: Family, deadline: Instant) -> Result<bool> {
        self.echoes += 1;
        let from = self.link.watchman(family);
        self.tun.send(&echo_request(from, self.link.server(family), self.echoes)?)?;
        loop {
            match self.tun.receive(deadline)? {
                Some(packet) if self.hear(&packet)? == Some(self.echoes) => return Ok(true),
                Some(_) => {}
                None => return Ok(false),
            }
        }
    }

    /// Keeps a segment for its flow; returns the number of an echo reply.
    fn hear(&mut self, packet: &[u8]) -> Result<Option<u16>> {
        match Heard::parse(packet)? {
            Heard::Tcp(flow, segment) => {
                self.heard.push_back((flow, segment));
                Ok(None)
            }
            Heard::Echo(number) => Ok(Some(number)),
            Heard::Other => Ok(None),
        }
    }

    fn take(&mut self, wanted: impl Fn(&Flow, &Segment) -> bool) -> Option<Segment> {
        let place = self.heard.iter().position(|(flow, segment)| wanted(flow, segment))?;
        self.heard.remove(place).map(|(_, segment)| segment)
    }
}

/// Sends over a peer's link and hears nothing.
#[derive(Debug)]
pub(crate) struct Hand {
    tun: Tun,
}

impl Hand {
    /// The handshake's first packet, as the peer sends it.
    pub(crate) fn syn(&mut self, flow: &Flow) -> Result<()> {
        self.tun.send(&Segment { syn: true, seq: CLIENT_ISN, ..Segment::default() }.packet(flow)?)
    }

    /// The last one.
    pub(crate) fn ack(&mut self, flow: &Flow, synack: Segment) -> Result<()> {
        let (seq, ack_seq) = (CLIENT_ISN + 1, synack.seq.wrapping_add(1));
        self.tun.send(&Segment { ack: true, seq, ack_seq, ..Segment::default() }.packet(flow)?)
    }
}
