//! Races of two CPUs: the packet that loses them, every time.

use super::notice::FAST_OPEN;
use super::{COOKIES_ALWAYS, USUAL, syn_recv_sock};
use crate::provoke;
use crate::scenario::Scenario;

const ACK: Scenario = Scenario { stage: "ack", function: |_| "tcp_check_req", moves: &[], ..USUAL };

const COOKIE: Scenario = Scenario {
    sysctls: &[COOKIES_ALWAYS],
    stage: "cookie-ack",
    function: super::cookie::cookie_check,
    moves: &["SyncookiesRecv"],
    ..USUAL
};

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "race::syn-dup-request-race",
        provoke: provoke::same_syn_twice,
        reason: "syn-dup-request-race",
        moves: &[],
        ..USUAL
    },
    Scenario {
        name: "race::syn-nomem-for-a-listener-that-closes",
        provoke: provoke::syn_and_close,
        count: 1,
        reason: "syn-nomem",
        outcome: Some("silent"),
        ..USUAL
    },
    Scenario {
        name: "race::syn-tfo-listener-closing",
        sysctls: &[FAST_OPEN],
        provoke: provoke::tfo_syn_and_stop,
        count: 1,
        reason: "syn-tfo-listener-closing",
        ..USUAL
    },
    Scenario {
        name: "race::ack-lost-race",
        provoke: provoke::same_ack_twice,
        reason: "ack-lost-race",
        accept_queue: 1,
        asks: &["--notices"],
        ..ACK
    },
    Scenario {
        name: "race::ack-listener-closing",
        provoke: provoke::ack_and_stop,
        count: 1,
        reason: "ack-listener-closing",
        outcome: Some("reset"),
        ..ACK
    },
    Scenario {
        name: "race::ack-child-port-inherit",
        provoke: provoke::ack_and_close,
        count: 1,
        reason: "ack-child-port-inherit",
        function: syn_recv_sock,
        moves: &["ListenDrops"],
        ..ACK
    },
    Scenario {
        name: "race::cookie-ack-dup-child",
        provoke: provoke::same_cookie_twice,
        reason: "cookie-ack-dup-child",
        accept_queue: 1,
        ..COOKIE
    },
    Scenario {
        name: "race::cookie-ack-listener-closing",
        provoke: provoke::cookie_and_stop,
        count: 1,
        reason: "cookie-ack-listener-closing",
        outcome: Some("reset"),
        ..COOKIE
    },
];
