//! TCP Fast Open: SYNs with data, of which the kernel makes connections at once.

use anyhow::{Context, Result, ensure};

use super::Provoked;
use crate::rig::{Refused, Rig};
use crate::scarcity::Scarcity;
use crate::sockopt;

const HELLO: &[u8] = b"hello";

/// Each SYN is a connection before its handshake ends.
pub(crate) fn tfo_child(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let children = syns(rig, count)?;
    let waiting = rig.listener.accept_all()?;
    ensure!(waiting == count, "{waiting} connections of {count} SYNs with data");
    Ok(children.into())
}

/// As many as the Fast Open queue holds are connections; further SYNs take the usual way.
pub(crate) fn tfo_queue_full(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let limit = usize::try_from(rig.listener.backlog())?;
    syns(rig, limit)?;
    let mut late = syns(rig, count)?;
    // Those that took the usual way are half-open, all earlier ones are not.
    for (before, packet) in (0..).zip(&mut late) {
        packet.syn_queue = before + 1;
    }
    let waiting = rig.listener.accept_all()?;
    ensure!(waiting == limit, "{waiting} connections, where the queue holds {limit}");
    Ok(late.into())
}

/// The listener's filter does not fit into the memory that a connection may take, so that none is
/// made at once.
pub(crate) fn tfo_no_memory(rig: &mut Rig, count: usize) -> Result<Provoked> {
    sockopt::filter(rig.listener.socket(), u32::MAX)?;
    let mut late = {
        let _scarcity = Scarcity::begin()?;
        syns(rig, count)?
    };
    for (before, packet) in (0..).zip(&mut late) {
        packet.syn_queue = before;
    }
    let waiting = rig.listener.accept_all()?;
    ensure!(waiting == 0, "{waiting} connections, where none could be made");
    Ok(late.into())
}

fn syns(rig: &mut Rig, count: usize) -> Result<Vec<Refused>> {
    let mut sent = Vec::with_capacity(count);
    for _ in 0..count {
        let flow = rig.newcomer();
        rig.peer.syn_and_data(&flow, HELLO)?;
        rig.peer.await_synack(&flow).context("a SYN with data should have been answered")?;
        sent.push(Refused { flow, syn_queue: 0 });
    }
    Ok(sent)
}
