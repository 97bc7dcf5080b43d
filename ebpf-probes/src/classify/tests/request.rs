//! Requests that end without a packet of their client.

use super::*;
use crate::classify::{request_error, request_removed, request_timer, request_timer_ended};
use crate::counter::Counter::TcpTimeouts;
use crate::facts::Milestone::*;
use crate::reason::Stage;

#[test]
fn requests_without_a_packet() {
    let observed = |reason| Some((reason, Evidence::Observed));
    let rows = [
        ("deferred, or repeated", seen(&[TimedOut, SynAckResent], &[]), None),
        ("expired", seen(&[TimedOut, RequestDropped], &[]), observed(Reason::RequestExpired)),
        (
            "no other listener took it before it expired",
            seen(&[RequestCloned, TimedOut, RequestDropped], &[]),
            observed(Reason::RequestExpired),
        ),
        (
            "the SYN-ACK could not be sent",
            seen(&[TimedOut, SynAckResent, SynAckResendFailed, RequestDropped], &[]),
            observed(Reason::RequestSynackRtxFailed),
        ),
        (
            "sent or not, nobody looked",
            without(seen(&[TimedOut, RequestDropped], &[]), &[SynAckResent]),
            Some((Reason::RequestExpired, Evidence::Inferred)),
        ),
        (
            "no listener",
            seen(&[MigrationRefused, RequestDropped], &[]),
            observed(Reason::RequestListenerGone),
        ),
        (
            "expired, which is counted",
            without(seen(&[RequestDropped], &[TcpTimeouts]), &[TimedOut]),
            observed(Reason::RequestExpired),
        ),
        (
            "no listener, which is not",
            without(seen(&[RequestDropped], &[]), &[TimedOut]),
            observed(Reason::RequestListenerGone),
        ),
        (
            "no listener, or no retry left",
            uncounted(without(seen(&[RequestDropped], &[]), &[TimedOut])),
            observed(Reason::Unattributed),
        ),
    ];
    for (name, facts, want) in rows {
        assert_eq!(brief(request_timer(&facts)), want, "{name}");
    }
    let moved = seen(&[RequestCloned, TimedOut, SynAckResent], &[]);
    assert_eq!(brief(request_timer_ended(&moved)), observed(Reason::RequestMigrated));
    let lost = seen(&[RequestCloned, TimedOut, SynAckResent, RequestDropped], &[]);
    assert_eq!(request_timer_ended(&lost), None);
    assert_eq!(request_error(&seen(&[], &[])), None);
    let asked = seen(&[RemovalAsked], &[]);
    assert_eq!(brief(request_error(&asked)), observed(Reason::RequestIcmpError));
    let gone = Reason::AckListenerGone;
    assert_eq!(request_removed(&seen(&[], &[]), gone), None);
    let removed = request_removed(&seen(&[RequestDropped], &[]), gone);
    assert_eq!(removed.map(|verdict| verdict.stage), Some(Stage::Ack));
}
