//! A handshake's last ACK that finds the accept queue full.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use super::Provoked;
use crate::flow::Flow;
use crate::rig::{Refused, Rig};
use crate::segment::Segment;

/// Clients whose last ACK is refused again and again.
const STUBBORN: usize = 2;

/// Clients wait in the SYN queue, others fill the accept queue, then the first ones go on. They
/// hear nothing, their requests live on, and they get through once there is room.
pub(crate) fn accept_queue_full_ack(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(STUBBORN)?;
    let syn_queue = u32::try_from(STUBBORN)?;
    rig.fill_accept_queue()?;

    let mut refused = Vec::with_capacity(count);
    for (flow, synack) in opened.iter().cycle().take(count) {
        rig.peer.ack(flow, *synack)?;
        refused.push(Refused { flow: *flow, syn_queue });
    }
    for (flow, _) in &opened {
        let answers = rig.peer.answers(flow)?;
        // A SYN-ACK is repeated when its timer says so, not because of the ACK.
        let loud = answers.iter().any(|answer| !answer.is_synack());
        ensure!(!loud, "{flow:?} should not have been answered: {answers:?}");
    }
    recover(rig, &opened)?;
    Ok(refused.into())
}

/// The kernel repeats the SYN-ACK, the server accepts, the repeated ACK finishes the handshake.
fn recover(rig: &mut Rig, opened: &[(Flow, Segment)]) -> Result<()> {
    for (flow, _) in opened {
        let again = rig.peer.await_synack(flow).context("the request should live on")?;
        rig.listener.accept()?;
        rig.peer.ack(flow, again)?;
    }
    let mut late: BTreeSet<_> = opened.iter().map(|(flow, _)| flow.client).collect();
    for _ in 0..rig.listener.capacity() {
        let (_, client) = rig.listener.accept()?;
        late.remove(&client);
    }
    ensure!(late.is_empty(), "these clients should have got through: {late:?}");
    Ok(())
}

/// The same with `tcp_abort_on_overflow`: each client is reset, its request is gone.
pub(crate) fn accept_queue_full_ack_rst(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let opened = rig.open(count)?;
    rig.fill_accept_queue()?;

    let mut waiting = u32::try_from(count)?;
    let mut refused = Vec::with_capacity(count);
    for (flow, synack) in opened {
        rig.peer.ack(&flow, synack)?;
        refused.push(Refused { flow, syn_queue: waiting });
        waiting -= 1;
        let answers = rig.peer.answers(&flow)?;
        let resets = answers.iter().filter(|answer| answer.rst).count();
        ensure!(resets == 1, "{flow:?} should have been reset once: {answers:?}");
    }
    Ok(refused.into())
}
