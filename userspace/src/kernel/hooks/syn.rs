//! What a SYN to a listener passes.

use ebpf_probes::{Arg, Milestone, Reason};

use super::Kind::{Entry, Return};
use super::When::{IfPresent, ReturnsBool, ReturnsVoid, Where, WithoutCounters};
use super::{Hook, RETURNED, SK, SKB, Same};
use crate::kernel::fields::Need::Mandatory;

/// What the wrappers have in common.
const WRAPPER: Same = Same {
    program: "",
    target: "tcp_v4_conn_request",
    other: "v4_conn_request_whole",
    map: "V4_WHOLE",
};

pub(super) const ROWS: &[Hook] = &[
    Hook {
        programs: &[("conn_request", Entry), ("conn_request_exit", Return)],
        alone: Some(("conn_request", Entry)),
        callers: &[
            "tcp_v4_conn_request",
            "tcp_v6_conn_request",
            "subflow_v4_conn_request",
            "subflow_v6_conn_request",
        ],
        targets: &["tcp_conn_request"],
        args: &[(Arg::ConnRequestSk, SK), (Arg::ConnRequestSkb, SKB)],
        need: Mandatory,
        provides: &[Milestone::ConnRequest],
        costs: "no dropped SYN is seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("v4_conn_request", Entry), ("v4_conn_request_exit", Return)],
        alone: Some(("v4_conn_request_whole", Return)),
        targets: &["tcp_v4_conn_request"],
        args: &[(Arg::V4ConnRequestSk, SK), (Arg::V4ConnRequestSkb, SKB)],
        need: Mandatory,
        costs: "SYNs over IPv4 that never reach tcp_conn_request are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("v6_conn_request", Entry), ("v6_conn_request_exit", Return)],
        alone: Some(("v6_conn_request_whole", Return)),
        same: Some(Same { program: "v6_conn_request_same", ..WRAPPER }),
        targets: &["tcp_v6_conn_request"],
        args: &[(Arg::V6ConnRequestSk, SK), (Arg::V6ConnRequestSkb, SKB)],
        ipv6: true,
        provides: &[Milestone::SourceMapped],
        costs: "SYNs over IPv6 that never reach tcp_conn_request are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("subflow_v4_conn_request", Entry), ("subflow_v4_conn_request_exit", Return)],
        alone: Some(("subflow_v4_conn_request_whole", Return)),
        same: Some(Same { program: "subflow_v4_conn_request_same", ..WRAPPER }),
        targets: &["subflow_v4_conn_request"],
        args: &[(Arg::SubflowV4Sk, SK), (Arg::SubflowV4Skb, SKB)],
        when: Where("mptcp_sock"),
        costs: "SYNs over IPv4 to MPTCP listeners that never reach tcp_conn_request are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("subflow_v6_conn_request", Entry), ("subflow_v6_conn_request_exit", Return)],
        alone: Some(("subflow_v6_conn_request_whole", Return)),
        same: Some(Same { program: "subflow_v6_conn_request_same", ..WRAPPER }),
        targets: &["subflow_v6_conn_request"],
        args: &[(Arg::SubflowV6Sk, SK), (Arg::SubflowV6Skb, SKB)],
        when: Where("mptcp_sock"),
        ipv6: true,
        costs: "SYNs over IPv6 to MPTCP listeners that never reach tcp_conn_request are not seen",
        ..Hook::USUAL
    },
    // Static, and inlined into tcp_conn_request on 5.10 and 6.1: the counters tell instead.
    Hook {
        programs: &[("flood_action_exit", Return)],
        targets: &["tcp_syn_flood_action"],
        args: &[(Arg::FloodActionReturned, RETURNED)],
        when: ReturnsBool,
        provides: &[Milestone::FloodRefused, Milestone::FloodCookie],
        costs: "a full SYN queue is told by the kernel's counters alone",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_allocated_exit", Return)],
        targets: &["inet_reqsk_alloc"],
        args: &[(Arg::RequestAllocatedReturned, RETURNED)],
        provides: &[Milestone::RequestAllocated, Milestone::RequestNomem],
        costs: "the queue tests are told from what comes after them by the kernel's counters alone",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("lsm_asked_exit", Return)],
        targets: &["security_inet_conn_request"],
        args: &[(Arg::LsmAskedReturned, RETURNED)],
        provides: &[Milestone::LsmDenied, Milestone::LsmAsked],
        costs: "SYNs that a security module refused are unattributed",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("route_v4_exit", Return)],
        targets: &["inet_csk_route_req"],
        args: &[(Arg::RouteV4Returned, RETURNED)],
        provides: &[Milestone::NoRoute],
        costs: "SYNs over IPv4 to whose clients no route leads are unattributed",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("route_v6_exit", Return)],
        targets: &["inet6_csk_route_req"],
        args: &[(Arg::RouteV6Returned, RETURNED)],
        ipv6: true,
        provides: &[Milestone::RouteAsked, Milestone::ChildNoRouteV6],
        costs: "SYNs over IPv6 to whose clients no route leads are unattributed, and last ACKs whose \
                connection has none count as out of memory",
        ..Hook::USUAL
    },
    // Without MPTCP there is nobody to refuse for its sake.
    Hook {
        programs: &[("mptcp_asked_exit", Return)],
        targets: &["subflow_check_req"],
        args: &[(Arg::MptcpAskedReturned, RETURNED)],
        when: Where("mptcp_sock"),
        provides: &[Milestone::MptcpRefused],
        costs: "SYNs that MPTCP refused are unattributed",
        ..Hook::USUAL
    },
    // With TCP-AO the options of every packet are looked at, those of a SYN twice.
    Hook {
        programs: &[("auth_options_exit", Return)],
        targets: &["tcp_do_parse_auth_options"],
        args: &[(Arg::AuthOptionsReturned, RETURNED)],
        when: IfPresent,
        only_for: &[Reason::SynAuthOptionBad],
        provides: &[Milestone::AuthOptionBad],
        costs: "SYNs whose MD5 and TCP-AO options contradict each other are unattributed",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("peer_proven_exit", Return)],
        targets: &["tcp_peer_is_proven"],
        args: &[(Arg::PeerProvenReturned, RETURNED)],
        when: ReturnsBool,
        provides: &[Milestone::PeerUnproven],
        costs: "SYNs refused for the reserved quarter of tcp_max_syn_backlog are unattributed",
        ..Hook::USUAL
    },
    // It returns whether the request was queued, or, in 5.10, nothing: there it queues always.
    Hook {
        programs: &[("request_queued_exit", Return)],
        targets: &["inet_csk_reqsk_queue_hash_add"],
        args: &[(Arg::RequestQueuedReturned, RETURNED)],
        need: Mandatory,
        when: ReturnsBool,
        provides: &[Milestone::RequestQueued, Milestone::QueueRaceLost],
        costs: "a SYN that was queued cannot be told from one that was dropped",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_queued", Entry)],
        targets: &["inet_csk_reqsk_queue_hash_add"],
        need: Mandatory,
        when: ReturnsVoid,
        // Both of two equal requests are queued: that race cannot be lost.
        provides: &[Milestone::RequestQueued, Milestone::QueueRaceLost],
        costs: "a SYN that was queued cannot be told from one that was dropped",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("synack_made", Entry)],
        targets: &["tcp_make_synack"],
        when: WithoutCounters,
        provides: &[Milestone::SynAckMade],
        costs: "without the kernel's counters too, no dropped SYN is seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("child_queued_exit", Return)],
        targets: &["inet_csk_reqsk_queue_add"],
        args: &[(Arg::ChildQueuedReturned, RETURNED)],
        provides: &[Milestone::ChildQueued, Milestone::ChildQueueClosed],
        costs: "Fast Open SYNs that met a closing listener are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("synack_v4_exit", Return)],
        targets: &["tcp_v4_send_synack"],
        args: &[(Arg::SynackV4Returned, RETURNED)],
        only_for: &[Reason::SynackSendFailed],
        provides: &[Milestone::SynAckFailed],
        costs: "SYN-ACKs over IPv4 that could not be sent are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("synack_v6_exit", Return)],
        targets: &["tcp_v6_send_synack"],
        args: &[(Arg::SynackV6Returned, RETURNED)],
        ipv6: true,
        only_for: &[Reason::SynackSendFailed],
        costs: "SYN-ACKs over IPv6 that could not be sent are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("cookie_v4_made", Entry)],
        targets: &["cookie_v4_init_sequence"],
        only_for: &[Reason::CookieSent],
        provides: &[Milestone::CookieMade],
        costs: "cookies over IPv4 are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("cookie_v6_made", Entry)],
        targets: &["cookie_v6_init_sequence"],
        ipv6: true,
        only_for: &[Reason::CookieSent],
        costs: "cookies over IPv6 are not seen",
        ..Hook::USUAL
    },
];
