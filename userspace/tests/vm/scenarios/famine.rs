//! Handshakes that meet a kernel without free memory.

use super::{COOKIES_ALWAYS, COOKIES_OFF, USUAL};
use crate::flow::Family;
use crate::provoke;
use crate::scenario::{Kind, Scenario, Sysctl};

/// Room for as many requests as the kernel keeps ready.
const MANY: Sysctl = ("tcp_max_syn_backlog", 4096);

const FAMINE: Scenario = Scenario {
    families: &[Family::V4, Family::V6],
    sysctls: &[COOKIES_OFF, MANY],
    backlog: 2048,
    count: 2,
    ..USUAL
};

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "famine::syn-nomem",
        provoke: provoke::syns_in_famine,
        reason: "syn-nomem",
        outcome: Some("silent"),
        ..FAMINE
    },
    Scenario {
        name: "famine::cookie-ack-nomem",
        sysctls: &[COOKIES_ALWAYS, MANY],
        provoke: provoke::cookie_acks_in_famine,
        reason: "cookie-ack-nomem",
        stage: "cookie-ack",
        outcome: Some("silent"),
        function: super::cookie::cookie_check,
        moves: &["SyncookiesRecv"],
        ..FAMINE
    },
    Scenario {
        name: "famine::ack-migrate-nomem",
        families: &[Family::V4],
        sysctls: &[COOKIES_OFF, MANY, ("tcp_migrate_req", 1)],
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
