//! A listener and the clients that besiege it: what every scenario is played on.

use anyhow::{Result, bail, ensure};

use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::peer::Peer;
use crate::segment::Segment;

/// A packet that the kernel must have refused, in the order in which it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) flow: Flow,
    /// How many requests waited in the SYN queue, by what the peer saw answered.
    pub(crate) syn_queue: u32,
}

/// One listener under the hands of one peer.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) peer: Peer,
    pub(crate) listener: Listener,
    pub(crate) family: Family,
    clients: u16,
}

impl Rig {
    pub(crate) fn new(peer: Peer, listener: Listener, family: Family) -> Self {
        Self { peer, listener, family, clients: 0 }
    }

    /// A client that was not there before.
    pub(crate) fn newcomer(&mut self) -> Flow {
        self.clients += 1;
        self.peer.flow(self.family, self.clients, self.listener.bound().port())
    }

    /// Finishes one handshake more than the limit says, which is what the queue holds.
    pub(crate) fn fill_accept_queue(&mut self) -> Result<()> {
        for _ in 0..self.listener.capacity() {
            let flow = self.newcomer();
            self.peer.handshake(&flow)?;
        }
        Ok(())
    }

    /// Clients whose SYN was answered and who wait.
    pub(crate) fn open(&mut self, count: usize) -> Result<Vec<(Flow, Segment)>> {
        let mut opened = Vec::with_capacity(count);
        for _ in 0..count {
            let flow = self.newcomer();
            let synack = self.peer.open(&flow)?;
            opened.push((flow, synack));
        }
        Ok(opened)
    }

    /// SYNs of newcomers, none of which may be answered.
    pub(crate) fn refused_syns(&mut self, count: usize, syn_queue: u32) -> Result<Vec<Refused>> {
        let mut refused = Vec::with_capacity(count);
        for _ in 0..count {
            let flow = self.newcomer();
            self.peer.syn(&flow)?;
            refused.push(Refused { flow, syn_queue });
        }
        self.ensure_silence(&refused)?;
        Ok(refused)
    }

    /// Newcomers' SYNs until one is not answered; what was answered, and the first refused.
    pub(crate) fn syns_until_refused(&mut self, at_most: u32) -> Result<(u32, Refused)> {
        for answered in 0..=at_most {
            let flow = self.newcomer();
            self.peer.syn(&flow)?;
            if self.peer.answers(&flow)?.is_empty() {
                return Ok((answered, Refused { flow, syn_queue: answered }));
            }
        }
        bail!("more than {at_most} SYNs were answered")
    }

    /// Fails if any of the clients was answered.
    pub(crate) fn ensure_silence(&mut self, refused: &[Refused]) -> Result<()> {
        for Refused { flow, .. } in refused {
            let answers = self.peer.answers(flow)?;
            ensure!(answers.is_empty(), "{flow:?} should not have been answered: {answers:?}");
        }
        Ok(())
    }
}
