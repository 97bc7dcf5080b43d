//! What a half-open request passes without a packet of its client, and how connections leave the
//! accept queue.

use ebpf_probes::{Arg, Milestone, Reason};

use super::Kind::{Entry, Return};
use super::When::{IfPresent, WithoutCounters};
use super::{Hook, RETURNED, SK};

const REQ: &[&str] = &["req"];

/// What the timer of a request leads to.
const TIMER: &[Reason] = &[
    Reason::RequestListenerGone,
    Reason::SynackRetransmit,
    Reason::RequestExpired,
    Reason::RequestSynackRtxFailed,
    Reason::RequestMigrated,
];

pub(super) const ROWS: &[Hook] = &[
    Hook {
        programs: &[("request_timer", Entry), ("request_timer_exit", Return)],
        alone: Some(("request_timer", Entry)),
        targets: &["reqsk_timer_handler"],
        args: &[(Arg::RequestTimerTimer, &["t"])],
        only_for: TIMER,
        costs: "half-open requests that end by their timer are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_timed_out", Entry)],
        targets: &["tcp_syn_ack_timeout"],
        when: WithoutCounters,
        provides: &[Milestone::TimedOut],
        costs: "half-open requests that end by their timer are unattributed",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("synack_repeated_exit", Return)],
        targets: &["tcp_rtx_synack"],
        args: &[(Arg::SynackRepeatedReturned, RETURNED)],
        only_for: &[Reason::SynackRetransmit, Reason::SynackSendFailed],
        provides: &[Milestone::SynAckResendFailed],
        costs: "SYN-ACKs that a timer repeats, and such that could not be sent, are not seen",
        ..Hook::USUAL
    },
    // Since 5.14.
    Hook {
        programs: &[("request_cloned_exit", Return)],
        targets: &["inet_reqsk_clone"],
        args: &[(Arg::RequestClonedReturned, RETURNED)],
        when: IfPresent,
        provides: &[Milestone::RequestCloned, Milestone::CloneFailed],
        costs: "requests that move to another listener are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_moved_exit", Return)],
        targets: &["inet_reqsk_clone"],
        args: &[(Arg::RequestMovedReturned, RETURNED)],
        when: IfPresent,
        only_for: &[Reason::RequestMigrated],
        costs: "connections that move to another listener as theirs closes are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_migrated_exit", Return)],
        targets: &["reqsk_timer_handler"],
        only_for: &[Reason::RequestMigrated, Reason::SynackRetransmit, Reason::SynackSendFailed],
        costs: "requests that move to another listener by their timer are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_error", Entry)],
        opens: true,
        targets: &["tcp_req_err"],
        args: &[
            (Arg::RequestErrorSk, SK),
            (Arg::RequestErrorSeq, &["seq"]),
            (Arg::RequestErrorAbort, &["abort"]),
        ],
        only_for: &[Reason::RequestIcmpError],
        costs: "half-open requests that an ICMP error ends are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_removal_and_put", Entry)],
        opens: true,
        targets: &["inet_csk_reqsk_queue_drop_and_put"],
        args: &[(Arg::RemovalAndPutSk, SK), (Arg::RemovalAndPutReq, REQ)],
        only_for: &[Reason::AckListenerGone, Reason::RequestNetnsExit],
        costs: "packets for requests whose listener has closed are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("request_destroyed", Entry)],
        targets: &["tcp_abort"],
        args: &[(Arg::AbortSk, SK)],
        only_for: &[Reason::RequestDestroyed],
        costs: "half-open requests that are destroyed on demand are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("child_forgotten", Entry)],
        targets: &["inet_child_forget"],
        args: &[
            (Arg::ChildForgetSk, SK),
            (Arg::ChildForgetReq, REQ),
            (Arg::ChildForgetChild, &["child"]),
        ],
        only_for: &[Reason::ChildNotAccepted, Reason::AckListenerClosing],
        provides: &[Milestone::ChildForgotten],
        costs: "connections that a listener leaves behind when it closes are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("accept_entered", Entry)],
        targets: &["inet_csk_accept"],
        args: &[(Arg::AcceptSk, SK)],
        only_for: &[Reason::Accepted],
        costs: "accepted connections are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("accepted", Entry)],
        targets: &["security_sock_graft"],
        args: &[(Arg::GraftSk, SK)],
        only_for: &[Reason::Accepted],
        costs: "accepted connections are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("listener_ended", Entry)],
        targets: &["inet_csk_listen_stop"],
        provides: &[Milestone::ListenerEnded],
        costs: "nothing is lost, but each dropped packet costs twice the time",
        ..Hook::USUAL
    },
];
