//! What a packet for a request passes, most often the handshake's last ACK.

use ebpf_probes::{Arg, Milestone};

use super::Kind::{Entry, Return};
use super::When::{IfPresent, ReturnsBool, Without, WithoutCounters};
use super::{Hook, RETURNED, SK, SKB};
use crate::kernel::fields::Need::Mandatory;

/// What is asked whether a packet out of place is answered, which it then is at once.
const LIMITED: &[&str] = &["tcp_oow_rate_limited"];

pub(super) const ROWS: &[Hook] = &[
    Hook {
        programs: &[("check_req", Entry), ("check_req_exit", Return)],
        targets: &["tcp_check_req"],
        args: &[
            (Arg::CheckReqSk, SK),
            (Arg::CheckReqSkb, SKB),
            (Arg::CheckReqReq, &["req"]),
            (Arg::CheckReqFastopen, &["fastopen"]),
            (Arg::CheckReqStolen, &["req_stolen"]),
            (Arg::CheckReqReturned, RETURNED),
        ],
        need: Mandatory,
        provides: &[
            Milestone::ListenerReturned,
            Milestone::RequestStolen,
            Milestone::AckFlag,
            Milestone::SynFlag,
            Milestone::ResetReceived,
            Milestone::SynRepeated,
            Milestone::DefersAccept,
        ],
        costs: "no dropped ACK is seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("v4_syn_recv_sock", Entry), ("v4_syn_recv_sock_exit", Return)],
        alone: Some(("v4_syn_recv_sock_whole", Return)),
        alone_returned: true,
        targets: &["tcp_v4_syn_recv_sock"],
        args: &[
            (Arg::V4SynRecvSk, SK),
            (Arg::V4SynRecvSkb, SKB),
            (Arg::V4SynRecvSockReturned, RETURNED),
        ],
        need: Mandatory,
        provides: &[Milestone::ChildRefused],
        costs: "no connection that was refused at its last ACK is seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("v6_syn_recv_sock", Entry), ("v6_syn_recv_sock_exit", Return)],
        alone: Some(("v6_syn_recv_sock_whole", Return)),
        alone_returned: true,
        targets: &["tcp_v6_syn_recv_sock"],
        args: &[
            (Arg::V6SynRecvSk, SK),
            (Arg::V6SynRecvSkb, SKB),
            (Arg::V6SynRecvSockReturned, RETURNED),
        ],
        ipv6: true,
        costs: "ACKs over IPv6 that met a full accept queue are unattributed",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("child_created", Entry)],
        targets: &["tcp_create_openreq_child"],
        when: WithoutCounters,
        provides: &[Milestone::ChildCreated],
        costs: "that the accept queue refused a last ACK is inferred",
        ..Hook::USUAL
    },
    // A good handshake never gets here, unlike to the functions whose failure leads here.
    Hook {
        programs: &[("child_thrown_away", Entry)],
        targets: &["inet_csk_prepare_forced_close"],
        args: &[(Arg::ForcedCloseSk, SK)],
        provides: &[Milestone::ChildNoRoute, Milestone::PortNotInherited],
        costs: "last ACKs whose connection had no route or port count as out of memory",
        ..Hook::USUAL
    },
    // Before it was there nobody minded a key that could not be copied.
    Hook {
        programs: &[("md5_keys_copied_exit", Return)],
        targets: &["tcp_md5_key_copy"],
        args: &[(Arg::Md5KeysCopiedReturned, RETURNED)],
        when: IfPresent,
        provides: &[Milestone::ChildKeyFailed],
        costs: "last ACKs whose connection could not get the listener's MD5 key count as without a port",
        ..Hook::USUAL
    },
    // The first two see every end of a request, and are told so where it became a connection; the
    // last is what they are called by where a packet ends it.
    Hook {
        programs: &[("request_dropped_exit", Return)],
        alone: Some(("request_dropped_whole", Return)),
        alone_args: &[(Arg::RequestDroppedFromTimer, &["from_timer"])],
        targets: &[
            "__inet_csk_reqsk_queue_drop",
            "reqsk_queue_unlink",
            "inet_csk_reqsk_queue_drop",
        ],
        args: &[(Arg::RequestDroppedReturned, RETURNED)],
        when: ReturnsBool,
        provides: &[Milestone::RequestDropped, Milestone::RemovalAsked],
        costs: "a packet that ended its request is not told from one that was ignored, and requests that end otherwise are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("synack_resent", Entry)],
        targets: &["tcp_rtx_synack"],
        provides: &[Milestone::SynAckResent],
        costs: "a repeated SYN that was answered again counts as an unattributed drop",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("rate_limited_exit", Return)],
        targets: LIMITED,
        args: &[(Arg::RateLimitedReturned, RETURNED)],
        when: ReturnsBool,
        provides: &[Milestone::RateLimited, Milestone::Answered],
        costs: "packets out of place are not told from each other",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("ack_v4_sent", Entry)],
        targets: &["tcp_v4_reqsk_send_ack"],
        when: Without(LIMITED),
        provides: &[Milestone::Answered],
        costs: "packets out of place over IPv4 are not told from ones that were ignored",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("ack_v6_sent", Entry)],
        targets: &["tcp_v6_reqsk_send_ack"],
        when: Without(LIMITED),
        ipv6: true,
        costs: "packets out of place over IPv6 are not told from ones that were ignored",
        ..Hook::USUAL
    },
    // Without it every reset in the window ends the request.
    Hook {
        programs: &[("challenge_sent", Entry)],
        targets: &["tcp_reqsk_send_challenge_ack"],
        when: IfPresent,
        provides: &[Milestone::ChallengeSent],
        costs: "a reset that was asked back is not told from one outside the window",
        ..Hook::USUAL
    },
];
