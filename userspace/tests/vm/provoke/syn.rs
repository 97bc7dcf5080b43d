//! SYNs that meet a full queue.

use anyhow::{Result, ensure};

use super::Provoked;
use crate::rig::Rig;
use crate::sysctl;

/// The accept queue holds all that it can; SYNs of newcomers are not answered.
pub(crate) fn accept_queue_full_syn(rig: &mut Rig, count: usize) -> Result<Provoked> {
    rig.fill_accept_queue()?;
    Ok(rig.refused_syns(count, 0)?.into())
}

/// Nobody finishes a handshake until the SYN queue is full.
pub(crate) fn syn_queue_full(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let limit = rig.listener.backlog();
    let (held, provoked) = until_full(rig, count)?;
    // Some kernels refuse at the limit, newer ones above it.
    ensure!(held == limit || held == limit + 1, "{held} half-open of a limit of {limit}");
    Ok(provoked)
}

/// The last quarter of `tcp_max_syn_backlog` is kept for clients that the kernel knows.
pub(crate) fn syn_backlog_reserved(rig: &mut Rig, count: usize) -> Result<Provoked> {
    let backlog = sysctl::get("net.ipv4.tcp_max_syn_backlog")?;
    let (held, provoked) = until_full(rig, count)?;
    let expected = backlog - (backlog >> 2) + 1;
    ensure!(held == expected, "{held} half-open, not {expected}");
    Ok(provoked)
}

/// Leaves requests behind until SYNs are refused; returns how many wait.
fn until_full(rig: &mut Rig, count: usize) -> Result<(u32, Provoked)> {
    let (held, first) = rig.syns_until_refused(rig.listener.capacity())?;
    let mut refused = vec![first];
    refused.extend(rig.refused_syns(count.saturating_sub(1), held)?);
    Ok((held, refused.into()))
}
