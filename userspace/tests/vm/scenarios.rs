//! Every drop that is provoked, one row each.

use std::path::Path;

use anyhow::Result;

use crate::case::Case;
use crate::flow::Family;
use crate::provoke;
use crate::scenario::{Bound, Kind, Scenario};

mod ack;
mod cookie;
mod famine;
mod notice;
mod race;

mod before;
mod request;

const COOKIES_OFF: (&str, u32) = ("tcp_syncookies", 0);
const COOKIES_ALWAYS: (&str, u32) = ("tcp_syncookies", 2);

/// What most rows have in common.
const USUAL: Scenario = Scenario {
    name: "",
    families: Family::ALL,
    sysctls: &[],
    backlog: 8,
    bound: Bound::Server,
    kind: Kind::Tcp,
    provoke: provoke::accept_queue_full_syn,
    count: 7,
    reason: "unattributed",
    stage: "syn",
    outcome: None,
    function: |_| "tcp_conn_request",
    accept_queue: 0,
    moves: &["ListenDrops"],
    need: None,
    any_order: false,
    both_cpus: false,
    asks: &[],
};

/// SYNs against a full accept queue; also what other cases use when any drop will do.
pub(crate) const ACCEPT_QUEUE_FULL_SYN: Scenario = Scenario {
    name: "accept-queue-full-syn",
    reason: "accept-queue-full-syn",
    outcome: Some("silent"),
    accept_queue: 9,
    moves: &["ListenDrops", "ListenOverflows"],
    ..USUAL
};

/// SYNs against a full SYN queue.
pub(crate) const SYN_QUEUE_FULL: Scenario = Scenario {
    name: "syn-queue-full",
    sysctls: &[COOKIES_OFF, ("tcp_max_syn_backlog", 512)],
    provoke: provoke::syn_queue_full,
    reason: "syn-queue-full",
    outcome: Some("silent"),
    moves: &["ListenDrops", "TCPReqQFullDrop"],
    ..USUAL
};

/// SYNs that would take the reserved quarter.
pub(crate) const SYN_BACKLOG_RESERVED: Scenario = Scenario {
    name: "syn-backlog-reserved",
    sysctls: &[COOKIES_OFF, ("tcp_max_syn_backlog", 8)],
    backlog: 128,
    provoke: provoke::syn_backlog_reserved,
    reason: "syn-backlog-reserved",
    outcome: Some("silent"),
    ..USUAL
};

/// Last ACKs against a full accept queue.
pub(crate) const ACCEPT_QUEUE_FULL_ACK: Scenario = Scenario {
    name: "accept-queue-full-ack",
    provoke: provoke::accept_queue_full_ack,
    reason: "accept-queue-full-ack",
    stage: "ack",
    outcome: Some("silent"),
    function: syn_recv_sock,
    accept_queue: 9,
    moves: &["ListenDrops", "ListenOverflows"],
    ..USUAL
};

/// The same where each is answered by a reset.
pub(crate) const ACCEPT_QUEUE_FULL_ACK_RST: Scenario = Scenario {
    name: "accept-queue-full-ack-rst",
    sysctls: &[("tcp_abort_on_overflow", 1)],
    provoke: provoke::accept_queue_full_ack_rst,
    count: 5,
    reason: "accept-queue-full-ack-rst",
    outcome: Some("reset"),
    moves: &["EmbryonicRsts", "ListenDrops", "ListenOverflows"],
    ..ACCEPT_QUEUE_FULL_ACK
};

/// SYNs that cannot be answered; it can be played any number of times.
pub(crate) const NO_ROUTE: Scenario = Scenario {
    name: "syn-no-route",
    provoke: provoke::no_route,
    reason: "syn-no-route",
    outcome: Some("silent"),
    ..USUAL
};

/// All rows.
const SCENARIOS: &[Scenario] = &[
    ACCEPT_QUEUE_FULL_SYN,
    SYN_QUEUE_FULL,
    SYN_BACKLOG_RESERVED,
    ACCEPT_QUEUE_FULL_ACK,
    ACCEPT_QUEUE_FULL_ACK_RST,
    Scenario {
        name: "accept-queue-full-syn-though-a-cookie-was-wanted",
        sysctls: &[COOKIES_ALWAYS],
        provoke: provoke::accept_queue_full_cookie_syn,
        moves: &["ListenDrops", "ListenOverflows", "TCPReqQFullDoCookies"],
        ..ACCEPT_QUEUE_FULL_SYN
    },
    Scenario {
        name: "accept-queue-of-one-more-than-nothing",
        backlog: 0,
        accept_queue: 1,
        ..ACCEPT_QUEUE_FULL_SYN
    },
    NO_ROUTE,
    Scenario {
        name: "syn-dst-not-unicast",
        bound: Bound::Any,
        reason: "syn-dst-not-unicast",
        outcome: Some("silent"),
        provoke: provoke::not_unicast,
        function: conn_request,
        ..USUAL
    },
    Scenario {
        name: "syn-v4mapped-source",
        reason: "syn-v4mapped-source",
        outcome: Some("silent"),
        families: &[Family::V6],
        provoke: provoke::mapped_source,
        function: conn_request,
        moves: &[],
        ..USUAL
    },
    Scenario {
        name: "syn-lsm-denied",
        provoke: provoke::denied,
        reason: "syn-lsm-denied",
        outcome: Some("silent"),
        ..USUAL
    },
    Scenario {
        name: "syn-mptcp-reject",
        kind: Kind::Mptcp,
        provoke: provoke::unknown_token,
        reason: "syn-mptcp-reject",
        outcome: Some("reset"),
        need: Some(mptcp),
        ..USUAL
    },
    Scenario {
        name: "mptcp-accept-queue-full-syn",
        kind: Kind::Mptcp,
        need: Some(mptcp),
        ..ACCEPT_QUEUE_FULL_SYN
    },
    Scenario {
        name: "mptcp-accept-queue-full-ack",
        kind: Kind::Mptcp,
        need: Some(mptcp),
        ..ACCEPT_QUEUE_FULL_ACK
    },
    Scenario {
        name: "mptcp-syn-dst-not-unicast",
        kind: Kind::Mptcp,
        bound: Bound::Any,
        provoke: provoke::not_unicast,
        reason: "syn-dst-not-unicast",
        outcome: Some("silent"),
        function: |family| match family {
            Family::V4 | Family::Mapped => "subflow_v4_conn_request",
            Family::V6 => "subflow_v6_conn_request",
        },
        need: Some(mptcp),
        ..USUAL
    },
];

/// Every row.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    let tables = [
        SCENARIOS,
        ack::ROWS,
        cookie::ROWS,
        notice::ROWS,
        request::SCENARIOS,
        race::ROWS,
        famine::ROWS,
        before::SCENARIOS,
    ];
    tables.into_iter().flatten()
}

/// Scenarios whose events name no listener, so that they need a trace of their own.
pub(crate) fn cases() -> Vec<Case> {
    before::cases()
}

/// A v4-mapped client is refused by the IPv4 function, inside the IPv6 one.
fn syn_recv_sock(family: Family) -> &'static str {
    match family {
        Family::V4 | Family::Mapped => "tcp_v4_syn_recv_sock",
        Family::V6 => "tcp_v6_syn_recv_sock",
    }
}

fn rcv(family: Family) -> &'static str {
    match family {
        Family::V4 | Family::Mapped => "tcp_v4_rcv",
        Family::V6 => "tcp_v6_rcv",
    }
}

fn conn_request(family: Family) -> &'static str {
    match family {
        Family::V4 | Family::Mapped => "tcp_v4_conn_request",
        Family::V6 => "tcp_v6_conn_request",
    }
}

/// Kernels without it have no sockets of that protocol.
#[expect(clippy::unnecessary_wraps, reason = "needs of other scenarios can fail to be read")]
fn mptcp() -> Result<Option<String>> {
    let has = Path::new("/proc/sys/net/mptcp/enabled").exists();
    Ok((!has).then(|| "this kernel has no MPTCP".to_owned()))
}
