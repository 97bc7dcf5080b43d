//! How requests show that end without a packet of their client.

use ebpf_probes::Counter::TcpTimeouts;
use ebpf_probes::Milestone::{RemovalAsked, RequestCloned, RequestDropped, SynAckResent, TimedOut};
use ebpf_probes::{Facts, Milestone, Reason, Verdict, request_removed};

use super::{Case, USUAL};

const fn case(
    reason: Reason,
    judge: fn(&Facts) -> Option<Verdict>,
    passed: &'static [Milestone],
) -> Case {
    Case { reason, judge, passed, ..USUAL }
}

pub(super) const CASES: &[Case] = &[
    case(Reason::RequestListenerGone, ebpf_probes::request_timer, &[RequestDropped]),
    Case {
        moved: &[TcpTimeouts],
        ..case(Reason::RequestExpired, ebpf_probes::request_timer, &[TimedOut, RequestDropped])
    },
    Case {
        moved: &[TcpTimeouts],
        ..case(
            Reason::RequestSynackRtxFailed,
            ebpf_probes::request_timer,
            &[TimedOut, SynAckResent, RequestDropped],
        )
    },
    case(Reason::RequestMigrated, ebpf_probes::request_timer_ended, &[RequestCloned]),
    case(Reason::RequestIcmpError, ebpf_probes::request_error, &[RemovalAsked]),
    case(
        Reason::RequestDestroyed,
        |facts| request_removed(facts, Reason::RequestDestroyed),
        &[RequestDropped],
    ),
    case(
        Reason::RequestNetnsExit,
        |facts| request_removed(facts, Reason::RequestNetnsExit),
        &[RequestDropped],
    ),
    case(
        Reason::AckListenerGone,
        |facts| request_removed(facts, Reason::AckListenerGone),
        &[RequestDropped],
    ),
];
