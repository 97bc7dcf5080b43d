//! Races of two CPUs: the packet that loses them, every time.

use anyhow::Result;
use syndrop::kernel::btf::{KernelBtf, Returned};

use super::ack::ABORT;
use super::notice::FAST_OPEN;
use super::{COOKIES_ALWAYS, USUAL, syn_recv_sock};
use crate::flow::Family;
use crate::provoke;
use crate::scenario::Scenario;
use crate::skips::Series;

/// A v4-mapped client takes no other way here than others over IPv4.
const RACE: Scenario = Scenario { families: &[Family::V4, Family::V6], ..USUAL };

const ACK: Scenario = Scenario { stage: "ack", function: |_| "tcp_check_req", moves: &[], ..RACE };

const COOKIE: Scenario = Scenario {
    sysctls: &[COOKIES_ALWAYS],
    stage: "cookie-ack",
    function: super::cookie::cookie_check,
    moves: &["SyncookiesRecv"],
    ..RACE
};

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "race::syn-dup-request-race",
        provoke: provoke::same_syn_twice,
        count: 3,
        reason: "syn-dup-request-race",
        outcome: Some("silent"),
        moves: &[],
        need: Some(notices_twins),
        ..RACE
    },
    Scenario {
        name: "race::syn-nomem-for-a-listener-that-closes",
        provoke: provoke::syn_and_close,
        count: 1,
        reason: "syn-nomem",
        outcome: Some("silent"),
        ..RACE
    },
    Scenario {
        name: "race::syn-tfo-listener-closing",
        sysctls: &[FAST_OPEN],
        provoke: provoke::tfo_syn_and_stop,
        count: 1,
        reason: "syn-tfo-listener-closing",
        outcome: Some("reset"),
        need: Some(survives),
        ..RACE
    },
    Scenario {
        name: "race::ack-lost-race",
        provoke: provoke::same_ack_twice,
        count: 3,
        reason: "ack-lost-race",
        accept_queue: 1,
        asks: &["--notices"],
        ..ACK
    },
    Scenario {
        name: "race::accept-queue-full-ack-rst",
        sysctls: &[ABORT],
        provoke: provoke::same_ack_reset_twice,
        count: 2,
        reason: "accept-queue-full-ack-rst",
        outcome: Some("reset"),
        function: syn_recv_sock,
        accept_queue: 9,
        both_cpus: true,
        moves: &["ListenOverflows", "ListenDrops"],
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
        sysctls: &[ABORT],
        provoke: provoke::ack_and_close,
        count: 1,
        reason: "ack-child-port-inherit",
        function: syn_recv_sock,
        moves: &["EmbryonicRsts", "ListenDrops"],
        ..ACK
    },
    Scenario {
        name: "race::cookie-ack-dup-child",
        provoke: provoke::same_cookie_twice,
        count: 3,
        function: syn_recv_sock,
        reason: "cookie-ack-dup-child",
        accept_queue: 1,
        ..COOKIE
    },
    Scenario {
        name: "race::cookie-ack-listener-closing",
        provoke: provoke::cookie_and_stop,
        count: 1,
        reason: "cookie-ack-listener-closing",
        ..COOKIE
    },
];

/// Such a SYN is enough to bring 6.16.12 down (`kernel BUG` of `kmem_cache_free`, called by
/// `tcp_conn_request`); 6.17.13 frees the request once.
fn survives() -> Result<Option<String>> {
    let frees_twice = Series::running()? == Series(6, 16);
    Ok(frees_twice.then(|| "this kernel frees the request twice, and stops there".to_owned()))
}

/// Where nobody looks, both requests are queued.
fn notices_twins() -> Result<Option<String>> {
    const FUNCTION: &str = "inet_csk_reqsk_queue_hash_add";
    let returned = KernelBtf::open(&[FUNCTION])?.function(FUNCTION)?.returned;
    let both = "this kernel queues both of two equal requests, and no race is lost";
    Ok((returned == Returned::Void).then(|| both.to_owned()))
}
