//! Handshakes that meet a kernel without free memory.

use super::USUAL;
use crate::flow::Family;
use crate::provoke;
use crate::scenario::{Kind, Scenario, Sysctl};

/// Room for as many requests as the kernel has memory ready.
const MANY: Sysctl = ("tcp_max_syn_backlog", 4096);

/// A v4-mapped client takes no other way here than others over IPv4.
const FAMINE: Scenario =
    Scenario { families: &[Family::V4, Family::V6], sysctls: &[MANY], backlog: 2048, ..USUAL };

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "famine::cookie-ack-nomem",
        provoke: provoke::cookie_acks_in_famine,
        count: 2,
        reason: "cookie-ack-nomem",
        stage: "cookie-ack",
        outcome: Some("silent"),
        function: super::cookie::cookie_check,
        moves: &["SyncookiesRecv"],
        ..FAMINE
    },
    Scenario {
        name: "famine::ack-migrate-nomem",
        sysctls: &[MANY, ("tcp_migrate_req", 1)],
        kind: Kind::Shared,
        provoke: provoke::migrating_ack_in_famine,
        count: 1,
        reason: "ack-migrate-nomem",
        stage: "ack",
        outcome: Some("reset"),
        function: |_| "tcp_check_req",
        moves: &[],
        need: Some(super::request::migrates),
        ..FAMINE
    },
];
