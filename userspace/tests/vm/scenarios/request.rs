//! Requests that end, or go on, without a packet of their client.

use anyhow::Result;

use super::{USUAL, rcv};
use crate::flow::Family;
use crate::netstat::Netstat;
use crate::provoke;
use crate::scenario::{Kind, Scenario};

const TIMER: fn(Family) -> &'static str = |_| "reqsk_timer_handler";

const NOTICES: &[&str] = &["--notices"];

/// What these rows have in common.
const REQUEST: Scenario = Scenario {
    count: 3,
    stage: "request",
    outcome: Some("silent"),
    function: TIMER,
    moves: &[],
    ..USUAL
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "request-expired",
        any_order: true,
        sysctls: &[("tcp_synack_retries", 0)],
        provoke: provoke::expired,
        reason: "request-expired",
        asks: NOTICES,
        ..REQUEST
    },
    Scenario {
        name: "synack-retransmit",
        any_order: true,
        provoke: provoke::synack_repeated,
        reason: "synack-retransmit",
        outcome: Some("syn-ack-again"),
        asks: NOTICES,
        ..REQUEST
    },
    Scenario {
        name: "request-synack-rtx-failed",
        any_order: true,
        provoke: provoke::synack_unsendable,
        reason: "request-synack-rtx-failed",
        asks: NOTICES,
        ..REQUEST
    },
    Scenario {
        name: "request-listener-gone",
        any_order: true,
        provoke: provoke::listener_gone,
        reason: "request-listener-gone",
        ..REQUEST
    },
    Scenario {
        name: "request-listener-gone-and-closed",
        any_order: true,
        provoke: provoke::listener_closed,
        reason: "request-listener-gone",
        ..REQUEST
    },
    Scenario {
        name: "request-migrated",
        any_order: true,
        sysctls: &[("tcp_migrate_req", 1)],
        kind: Kind::Shared,
        provoke: provoke::migrated,
        reason: "request-migrated",
        outcome: None,
        asks: NOTICES,
        need: Some(migrates),
        ..REQUEST
    },
    Scenario {
        name: "request-icmp-error",
        provoke: provoke::icmp_error,
        reason: "request-icmp-error",
        function: |_| "tcp_req_err",
        moves: &["ListenDrops"],
        ..REQUEST
    },
    Scenario {
        name: "request-destroyed",
        provoke: provoke::destroyed,
        reason: "request-destroyed",
        function: |_| "tcp_abort",
        ..REQUEST
    },
    Scenario {
        name: "child-not-accepted",
        provoke: provoke::child_not_accepted,
        count: 1,
        reason: "child-not-accepted",
        outcome: Some("reset"),
        function: |_| "inet_csk_listen_stop",
        ..REQUEST
    },
    Scenario {
        name: "ack-listener-gone",
        provoke: provoke::packet_for_the_gone,
        reason: "ack-listener-gone",
        stage: "ack",
        outcome: Some("reset"),
        function: rcv,
        ..REQUEST
    },
    Scenario {
        name: "accepted",
        provoke: provoke::accepted,
        reason: "accepted",
        stage: "ack",
        outcome: None,
        function: |_| "inet_csk_accept",
        asks: NOTICES,
        ..REQUEST
    },
];

/// Requests move since 5.14, and kernels that move them count it. The setting alone is in 5.10.y
/// too.
pub(super) fn migrates() -> Result<Option<String>> {
    let missing = "requests of this kernel never move: it has no counter TCPMigrateReqSuccess";
    Ok((!Netstat::read()?.has("TCPMigrateReqSuccess")).then(|| missing.to_owned()))
}
