//! What a SYN to a listener passes.

use ebpf_probes::{Arg, Milestone};

use super::Kind::{Entry, Return};
use super::When::{Always, ReturnsBool, ReturnsVoid, WithoutCounters};
use super::{Hook, SK, SKB};
use crate::kernel::fields::Need::{Mandatory, Optional};

pub(super) const ROWS: &[Hook] = &[
    Hook {
        programs: &[("conn_request", Entry), ("conn_request_exit", Return)],
        targets: &["tcp_conn_request"],
        args: &[(Arg::ConnRequestSk, SK), (Arg::ConnRequestSkb, SKB)],
        need: Mandatory,
        when: Always,
        ipv6: false,
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
        provides: &[],
        costs: "SYNs over IPv6 that never reach tcp_conn_request are not seen",
    },
    // Static, and inlined into tcp_conn_request on 5.10 and 6.1: the counters tell instead.
    Hook {
        programs: &[("flood_action_exit", Return)],
        targets: &["tcp_syn_flood_action"],
        args: &[],
        need: Optional,
        when: ReturnsBool,
        ipv6: false,
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
        provides: &[Milestone::SynAckMade],
        costs: "without the kernel's counters too, no dropped SYN is seen",
    },
];
