//! Which kernel functions are watched, by which programs, for what.
//!
//! One row per hook: the programs of the object that belong to it, the functions that it may be
//! (spellings newest first), which arguments they take by which names, and what is known once
//! it is attached. Which milestone proves what is not said here but by the decision tables of
//! the contract; `costs` says in words what is lost without the row.

use ebpf_probes::{Arg, Milestone};

use super::fields::Need::{self, Mandatory, Optional};

/// Which end of a function a program runs at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// When it is entered.
    Entry,
    /// When it has returned.
    Return,
}

/// On which kernels a hook makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// On all.
    Always,
    /// Where the function returns a `bool`.
    ReturnsBool,
    /// Where the function returns nothing.
    ReturnsVoid,
    /// Where the probes cannot read the kernel's counters.
    WithoutCounters,
}

/// An argument and the names that prototypes give it, newest first.
pub type Argument = (Arg, &'static [&'static str]);

/// A row of [`HOOKS`].
#[derive(Debug)]
pub struct Hook {
    /// The programs in the object. They are attached all or none.
    pub programs: &'static [(&'static str, Kind)],
    /// The function, newest spelling first.
    pub targets: &'static [&'static str],
    /// The arguments that the programs take.
    pub args: &'static [Argument],
    /// Whether syndrop can do without. Of the mandatory rows of one function, one is enough.
    pub need: Need,
    /// On which kernels it makes sense.
    pub when: When,
    /// Whether the function is IPv6's: a kernel without IPv6 lacks it and loses nothing.
    pub ipv6: bool,
    /// What is seen through it.
    pub provides: &'static [Milestone],
    /// What is lost without it.
    pub costs: &'static str,
}

impl Hook {
    /// Whether its programs only tell that the function was passed: those that judge a call take
    /// arguments of it.
    pub const fn is_milestone(&self) -> bool {
        self.args.is_empty()
    }
}

use Kind::{Entry, Return};
use When::{Always, ReturnsBool, ReturnsVoid, WithoutCounters};

const SK: &[&str] = &["sk"];
const SKB: &[&str] = &["skb"];

/// Every hook.
pub const HOOKS: &[Hook] = &[
    Hook {
        programs: &[("conn_request", Entry), ("conn_request_exit", Return)],
        targets: &["tcp_conn_request"],
        args: &[(Arg::ConnRequestSk, SK), (Arg::ConnRequestSkb, SKB)],
        need: Mandatory,
        when: Always,
        ipv6: false,
        provides: &[Milestone::ConnRequest],
        costs: "no dropped SYN is seen",
    },
    Hook {
        programs: &[("v4_conn_request", Entry), ("v4_conn_request_exit", Return)],
        targets: &["tcp_v4_conn_request"],
        args: &[(Arg::V4ConnRequestSk, SK), (Arg::V4ConnRequestSkb, SKB)],
        need: Mandatory,
        when: Always,
        ipv6: false,
        provides: &[],
        costs: "SYNs over IPv4 that never reach tcp_conn_request are not seen",
    },
    Hook {
        programs: &[("v6_conn_request", Entry), ("v6_conn_request_exit", Return)],
        targets: &["tcp_v6_conn_request"],
        args: &[(Arg::V6ConnRequestSk, SK), (Arg::V6ConnRequestSkb, SKB)],
        need: Optional,
        when: Always,
        ipv6: true,
        provides: &[],
        costs: "SYNs over IPv6 that never reach tcp_conn_request are not seen",
    },
    Hook {
        programs: &[("check_req", Entry), ("check_req_exit", Return)],
        targets: &["tcp_check_req"],
        args: &[
            (Arg::CheckReqSk, SK),
            (Arg::CheckReqSkb, SKB),
            (Arg::CheckReqFastopen, &["fastopen"]),
            (Arg::CheckReqStolen, &["req_stolen"]),
        ],
        need: Mandatory,
        when: Always,
        ipv6: false,
        provides: &[Milestone::RequestStolen, Milestone::ResetReceived],
        costs: "no dropped ACK is seen",
    },
    Hook {
        programs: &[("v4_syn_recv_sock", Entry), ("v4_syn_recv_sock_exit", Return)],
        targets: &["tcp_v4_syn_recv_sock"],
        args: &[(Arg::V4SynRecvSk, SK), (Arg::V4SynRecvSkb, SKB)],
        need: Mandatory,
        when: Always,
        ipv6: false,
        provides: &[Milestone::ChildRefused],
        costs: "no connection that was refused at its last ACK is seen",
    },
    Hook {
        programs: &[("v6_syn_recv_sock", Entry), ("v6_syn_recv_sock_exit", Return)],
        targets: &["tcp_v6_syn_recv_sock"],
        args: &[(Arg::V6SynRecvSk, SK), (Arg::V6SynRecvSkb, SKB)],
        need: Optional,
        when: Always,
        ipv6: true,
        provides: &[],
        costs: "ACKs over IPv6 that met a full accept queue are unattributed",
    },
    // Static, and inlined into tcp_conn_request on 5.10 and 6.1: the counters tell instead.
    Hook {
        programs: &[("flood_action_exit", Return)],
        targets: &["tcp_syn_flood_action"],
        args: &[],
        need: Optional,
        when: ReturnsBool,
        ipv6: false,
        provides: &[Milestone::FloodRefused, Milestone::FloodCookie],
        costs: "a full SYN queue is told by the kernel's counters alone",
    },
    Hook {
        programs: &[("request_allocated", Entry)],
        targets: &["inet_reqsk_alloc"],
        args: &[],
        need: Optional,
        when: Always,
        ipv6: false,
        provides: &[Milestone::RequestAllocated],
        costs: "the queue tests are told from what comes after them by the kernel's counters alone",
    },
    Hook {
        programs: &[("peer_proven_exit", Return)],
        targets: &["tcp_peer_is_proven"],
        args: &[],
        need: Optional,
        when: ReturnsBool,
        ipv6: false,
        provides: &[Milestone::PeerUnproven],
        costs: "SYNs refused for the reserved quarter of tcp_max_syn_backlog are unattributed",
    },
    // It returns whether the request was queued, or, in 5.10, nothing: there it queues always.
    Hook {
        programs: &[("request_queued_exit", Return)],
        targets: &["inet_csk_reqsk_queue_hash_add"],
        args: &[],
        need: Mandatory,
        when: ReturnsBool,
        ipv6: false,
        provides: &[Milestone::RequestQueued, Milestone::QueueRaceLost],
        costs: "a SYN that was queued cannot be told from one that was dropped",
    },
    Hook {
        programs: &[("request_queued", Entry)],
        targets: &["inet_csk_reqsk_queue_hash_add"],
        args: &[],
        need: Mandatory,
        when: ReturnsVoid,
        ipv6: false,
        provides: &[Milestone::RequestQueued],
        costs: "a SYN that was queued cannot be told from one that was dropped",
    },
    Hook {
        programs: &[("synack_made", Entry)],
        targets: &["tcp_make_synack"],
        args: &[],
        need: Optional,
        when: WithoutCounters,
        ipv6: false,
        provides: &[Milestone::SynAckMade],
        costs: "without the kernel's counters too, no dropped SYN is seen",
    },
    Hook {
        programs: &[("child_created", Entry)],
        targets: &["tcp_create_openreq_child"],
        args: &[],
        need: Optional,
        when: Always,
        ipv6: false,
        provides: &[Milestone::ChildCreated],
        costs: "that the accept queue refused a last ACK is inferred",
    },
    Hook {
        programs: &[("route_asked", Entry)],
        targets: &["inet6_csk_route_req"],
        args: &[],
        need: Optional,
        when: Always,
        ipv6: true,
        provides: &[Milestone::RouteAsked],
        costs: "that the accept queue refused a last ACK is inferred",
    },
    Hook {
        programs: &[("request_dropped_exit", Return)],
        targets: &["inet_csk_reqsk_queue_drop"],
        args: &[],
        need: Optional,
        when: ReturnsBool,
        ipv6: false,
        provides: &[Milestone::RequestDropped],
        costs: "a last ACK answered by a reset is not told from one that was ignored",
    },
    Hook {
        programs: &[("synack_resent", Entry)],
        targets: &["tcp_rtx_synack"],
        args: &[],
        need: Optional,
        when: Always,
        ipv6: false,
        provides: &[Milestone::SynAckResent],
        costs: "a repeated SYN that was answered again counts as an unattributed drop",
    },
];

/// The names of all functions that the table asks for.
pub fn targets() -> impl Iterator<Item = &'static str> {
    HOOKS.iter().flat_map(|hook| hook.targets).copied()
}
