//! Packets for a request in the SYN queue.

use std::fs;

use anyhow::{Context, Result};

use super::{COOKIES_OFF, USUAL, syn_recv_sock};
use crate::netstat::Netstat;
use crate::provoke;
use crate::scenario::{Scenario, Sysctl};

pub(super) const ABORT: Sysctl = ("tcp_abort_on_overflow", 1);
/// In milliseconds, so that no second answer comes during a test.
const RARE_ANSWERS: Sysctl = ("tcp_invalid_ratelimit", 60_000);

const ACK: Scenario = Scenario { stage: "ack", function: |_| "tcp_check_req", moves: &[], ..USUAL };

const NO_CHILD: Scenario = Scenario { function: syn_recv_sock, moves: &["ListenDrops"], ..ACK };

pub(super) const ROWS: &[Scenario] = &[
    Scenario {
        name: "syn-retransmit-ratelimited",
        sysctls: &[RARE_ANSWERS],
        provoke: provoke::too_soon,
        reason: "syn-retransmit-ratelimited",
        stage: "syn",
        outcome: Some("silent"),
        moves: &["TCPACKSkippedSynRecv"],
        ..ACK
    },
    Scenario {
        name: "ack-bad-number",
        provoke: provoke::wrong_number,
        reason: "ack-bad-number",
        outcome: Some("reset"),
        ..ACK
    },
    Scenario {
        name: "ack-bad-number-without-cookies",
        sysctls: &[COOKIES_OFF],
        provoke: provoke::wrong_number,
        reason: "ack-bad-number",
        outcome: Some("reset"),
        ..ACK
    },
    Scenario {
        name: "ack-bad-number-that-could-be-a-cookie",
        provoke: provoke::wrong_number_among_cookies,
        reason: "ack-bad-number",
        outcome: Some("reset"),
        moves: &["SyncookiesFailed"],
        ..ACK
    },
    Scenario {
        name: "ack-paws",
        provoke: provoke::paws,
        reason: "ack-paws",
        moves: &["PAWSEstab"],
        ..ACK
    },
    Scenario {
        name: "ack-tsecr",
        provoke: provoke::tsecr,
        reason: "ack-tsecr",
        moves: &["TSEcrRejected"],
        need: Some(counts_tsecr),
        ..ACK
    },
    Scenario {
        name: "ack-out-of-window",
        provoke: provoke::out_of_window,
        reason: "ack-out-of-window",
        ..ACK
    },
    Scenario {
        name: "rst-out-of-window",
        provoke: provoke::far_reset,
        reason: "rst-out-of-window",
        outcome: Some("silent"),
        ..ACK
    },
    Scenario {
        name: "rst-inexact",
        provoke: provoke::near_reset,
        reason: "rst-inexact",
        outcome: Some("challenge-ack"),
        moves: &["TCPChallengeACK"],
        need: Some(challenges),
        ..ACK
    },
    Scenario {
        name: "request-client-rst",
        provoke: provoke::client_reset,
        reason: "request-client-rst",
        stage: "request",
        outcome: Some("silent"),
        moves: &["EmbryonicRsts"],
        ..ACK
    },
    Scenario {
        name: "request-bad-syn",
        provoke: provoke::other_syn,
        reason: "request-bad-syn",
        stage: "request",
        outcome: Some("reset"),
        moves: &["EmbryonicRsts"],
        ..ACK
    },
    Scenario {
        name: "ack-flag-missing",
        provoke: provoke::no_flags,
        reason: "ack-flag-missing",
        outcome: Some("silent"),
        ..ACK
    },
    Scenario {
        name: "ack-deferred",
        provoke: provoke::deferred,
        reason: "ack-deferred",
        outcome: Some("silent"),
        moves: &["TCPDeferAcceptDrop"],
        ..ACK
    },
    Scenario {
        name: "ack-child-no-route",
        provoke: provoke::route_lost,
        reason: "ack-child-no-route",
        ..NO_CHILD
    },
    Scenario {
        name: "ack-child-no-route-that-ends-the-request",
        sysctls: &[ABORT],
        provoke: provoke::route_lost_for_good,
        reason: "ack-child-no-route",
        moves: &["EmbryonicRsts", "ListenDrops"],
        ..NO_CHILD
    },
    Scenario {
        name: "ack-child-nomem",
        provoke: provoke::no_memory,
        reason: "ack-child-nomem",
        ..NO_CHILD
    },
    Scenario {
        name: "ack-child-nomem-that-ends-the-request",
        sysctls: &[ABORT],
        provoke: provoke::no_memory_and_reset,
        reason: "ack-child-nomem",
        moves: &["EmbryonicRsts", "ListenDrops"],
        ..NO_CHILD
    },
    Scenario {
        name: "ack-child-key",
        provoke: provoke::no_memory_for_keys,
        reason: "ack-child-key",
        need: Some(copies_keys),
        ..NO_CHILD
    },
];

/// Kernels that check the echoed time also count what they refuse for it.
fn counts_tsecr() -> Result<Option<String>> {
    let missing = "this kernel does not check echoed timestamps: it has no counter TSEcrRejected";
    Ok((!Netstat::read()?.has("TSEcrRejected")).then(|| missing.to_owned()))
}

/// Elsewhere a reset in the window ends the request, wherever in the window it is.
fn challenges() -> Result<Option<String>> {
    Ok(without("tcp_reqsk_send_challenge_ack")?
        .map(|function| format!("this kernel has no {function}")))
}

/// Elsewhere a connection is made without the key.
fn copies_keys() -> Result<Option<String>> {
    let ignored = "this kernel takes no notice of keys that cannot be copied: it has no";
    Ok(without("tcp_md5_key_copy")?.map(|function| format!("{ignored} {function}")))
}

/// The function, unless the kernel has it.
pub(super) fn without(function: &str) -> Result<Option<&str>> {
    let symbols = fs::read_to_string("/proc/kallsyms").context("failed to read the symbols")?;
    let has = symbols.lines().any(|line| line.split_whitespace().nth(2) == Some(function));
    Ok((!has).then_some(function))
}
