//! The guest's settings: the same for every measurement, and none that a workload is hindered by.

use std::fs;

use anyhow::{Context, Result};

use super::route;

/// What differs from a stock kernel, and why.
const SETTINGS: &[(&str, &str)] = &[
    // A queue of our choice is the limit, not the machine's share of it.
    ("net/ipv4/tcp_max_syn_backlog", "4096"),
    // Connections of one load: each has a port of its own.
    ("net/ipv4/ip_local_port_range", "10000 65535"),
    // The kernel's measure of BPF programs is asked for where it is wanted.
    ("kernel/bpf_stats_enabled", "0"),
];

/// Sets them.
pub(crate) fn settle() -> Result<()> {
    for (name, value) in SETTINGS {
        set(name, value)?;
    }
    route::clients_behind_loopback().context("failed to set up a route to the clients")
}

/// Writes one, by its path below `/proc/sys`.
pub(crate) fn set(name: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/{name}");
    fs::write(&path, value).with_context(|| format!("failed to write {value} to {path}"))
}
