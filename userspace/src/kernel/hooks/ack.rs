//! What a packet for a request passes, most often the handshake's last ACK.

use ebpf_probes::{Arg, Milestone};

use super::Kind::{Entry, Return};
use super::When::{Always, ReturnsBool};
use super::{Hook, SK, SKB};
use crate::kernel::fields::Need::{Mandatory, Optional};

pub(super) const ROWS: &[Hook] = &[
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
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
        provides: &[],
        costs: "ACKs over IPv6 that met a full accept queue are unattributed",
    },
    Hook {
        programs: &[("child_created", Entry)],
        targets: &["tcp_create_openreq_child"],
        args: &[],
        need: Optional,
        when: Always,
        ipv6: false,
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
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
        only_for: &[],
        provides: &[Milestone::SynAckResent],
        costs: "a repeated SYN that was answered again counts as an unattributed drop",
    },
];
