//! ACKs without a request.

use super::{COOKIES_ALWAYS, COOKIES_OFF, USUAL, syn_recv_sock};
use crate::flow::Family;
use crate::provoke;
use crate::scenario::{Kind, Scenario};

const COOKIE: Scenario = Scenario {
    sysctls: &[COOKIES_ALWAYS],
    stage: "cookie-ack",
    function: cookie_check,
    moves: &["SyncookiesRecv"],
    ..USUAL
};

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "stray-ack",
        sysctls: &[COOKIES_OFF],
        provoke: provoke::stray_acks,
        reason: "stray-ack",
        outcome: Some("reset"),
        moves: &[],
        ..COOKIE
    },
    Scenario {
        name: "cookie-ack-no-overflow",
        provoke: provoke::stray_acks,
        reason: "cookie-ack-no-overflow",
        outcome: Some("reset"),
        moves: &[],
        ..COOKIE
    },
    Scenario {
        name: "cookie-ack-invalid",
        provoke: provoke::forged_cookies,
        reason: "cookie-ack-invalid",
        outcome: Some("reset"),
        moves: &["SyncookiesFailed"],
        ..COOKIE
    },
    Scenario {
        name: "cookie-ack-ts-bad",
        sysctls: &[COOKIES_ALWAYS, ("tcp_sack", 0)],
        provoke: provoke::cookies_of_other_options,
        reason: "cookie-ack-ts-bad",
        outcome: Some("reset"),
        ..COOKIE
    },
    Scenario {
        name: "cookie-ack-no-route",
        provoke: provoke::route_lost_for_cookies,
        reason: "cookie-ack-no-route",
        outcome: Some("silent"),
        ..COOKIE
    },
    Scenario {
        name: "mptcp-cookie-ack-without-state",
        kind: Kind::Mptcp,
        provoke: provoke::joining_cookies,
        reason: "cookie-ack-nomem",
        outcome: Some("silent"),
        need: Some(super::mptcp),
        ..COOKIE
    },
    Scenario {
        name: "cookie-ack-lsm",
        provoke: provoke::denied_cookies,
        reason: "cookie-ack-lsm",
        outcome: Some("silent"),
        ..COOKIE
    },
    Scenario {
        name: "cookie-ack-accept-queue-full",
        provoke: provoke::accept_queue_full_cookie_ack,
        reason: "cookie-ack-accept-queue-full",
        outcome: Some("silent"),
        function: syn_recv_sock,
        accept_queue: 9,
        moves: &["ListenDrops", "ListenOverflows", "SyncookiesRecv"],
        ..COOKIE
    },
    Scenario {
        name: "cookie-ack-child-failed",
        provoke: provoke::no_memory_for_cookies,
        reason: "cookie-ack-child-failed",
        outcome: Some("silent"),
        function: syn_recv_sock,
        moves: &["ListenDrops", "SyncookiesRecv"],
        ..COOKIE
    },
];

/// IPv4 packets are IPv4's, whatever the listener is.
pub(super) fn cookie_check(family: Family) -> &'static str {
    match family {
        Family::V4 | Family::Mapped => "cookie_v4_check",
        Family::V6 => "cookie_v6_check",
    }
}
