//! What is worth counting but refuses nobody.

use super::{COOKIES_ALWAYS, USUAL};
use crate::provoke;
use crate::scenario::Scenario;

const NOTICE: Scenario = Scenario { asks: &["--notices"], moves: &[], ..USUAL };

/// For servers, without a cookie of its own kind, on listeners that did not ask for it
/// (`TFO_SERVER_ENABLE`, `TFO_SERVER_COOKIE_NOT_REQD`, `TFO_SERVER_WO_SOCKOPT1`, include/net/tcp.h).
pub(super) const FAST_OPEN: (&str, u32) = ("tcp_fastopen", 0x602);

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "cookie-sent",
        sysctls: &[COOKIES_ALWAYS],
        provoke: provoke::cookies_sent,
        reason: "cookie-sent",
        moves: &["SyncookiesSent", "TCPReqQFullDoCookies"],
        ..NOTICE
    },
    Scenario {
        name: "syn-retransmit",
        provoke: provoke::syn_again,
        reason: "syn-retransmit",
        outcome: Some("syn-ack-again"),
        function: |_| "tcp_check_req",
        ..NOTICE
    },
    Scenario {
        name: "synack-send-failed",
        provoke: provoke::route_lost_for_synacks,
        reason: "synack-send-failed",
        outcome: Some("silent"),
        function: |_| "tcp_check_req",
        ..NOTICE
    },
    Scenario {
        name: "tfo-child",
        sysctls: &[FAST_OPEN],
        provoke: provoke::tfo_child,
        count: 1,
        reason: "tfo-child",
        accept_queue: 1,
        ..NOTICE
    },
    Scenario {
        name: "tfo-queue-full",
        sysctls: &[FAST_OPEN],
        backlog: 4,
        provoke: provoke::tfo_queue_full,
        count: 3,
        reason: "tfo-queue-full",
        accept_queue: 4,
        moves: &["TCPFastOpenListenOverflow"],
        ..NOTICE
    },
    Scenario {
        name: "tfo-child-failed",
        sysctls: &[FAST_OPEN],
        provoke: provoke::tfo_no_memory,
        count: 3,
        reason: "tfo-child-failed",
        moves: &["ListenDrops"],
        ..NOTICE
    },
];
