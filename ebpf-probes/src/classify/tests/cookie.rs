//! An ACK without a request.

use super::{brief, seen, uncounted, without};
use crate::classify::{cookie_check, syn_recv_sock};
use crate::counter::Counter::{self, ListenDrops, ListenOverflows, SyncookiesFailed};
use crate::counter::Counters;
use crate::facts::Facts;
use crate::facts::Milestone::*;
use crate::reason::{Evidence, Reason, Stage};

fn with_cookies(facts: Facts) -> Facts {
    Facts { syncookies: 1, ..facts }
}

#[test]
fn every_branch() {
    type Row<'a> = (&'a str, Facts, Reason, &'a [Counter]);
    let returned = |passed: &[_], moved: &[_]| {
        with_cookies(seen(&[passed, &[AckFlag, ListenerReturned]].concat(), moved))
    };
    let null = |passed: &[_], moved: &[_]| {
        with_cookies(seen(&[passed, &[AckFlag, CookieChecked]].concat(), moved))
    };
    let rows: &[Row<'_>] = &[
        ("cookies off", seen(&[AckFlag, ListenerReturned], &[]), Reason::StrayAck, &[]),
        ("no cookie sent lately", returned(&[], &[]), Reason::CookieAckNoOverflow, &[]),
        (
            "wrong cookie",
            returned(&[CookieChecked, CookieInvalid], &[SyncookiesFailed]),
            Reason::CookieAckInvalid,
            &[SyncookiesFailed],
        ),
        ("options that are off", returned(&[CookieChecked], &[]), Reason::CookieAckTsBad, &[]),
        (
            "wrong number, and no cookie sent lately",
            returned(&[NumberRefused], &[]),
            Reason::AckBadNumber,
            &[],
        ),
        (
            "wrong number, and no cookie",
            returned(&[NumberRefused, CookieChecked, CookieInvalid], &[SyncookiesFailed]),
            Reason::AckBadNumber,
            &[SyncookiesFailed],
        ),
        (
            "wrong number, but a cookie of options that are off",
            returned(&[NumberRefused, CookieChecked], &[]),
            Reason::CookieAckTsBad,
            &[],
        ),
        ("no memory", null(&[RequestNomem], &[]), Reason::CookieAckNomem, &[]),
        ("refused by a module", null(&[LsmDenied], &[]), Reason::CookieAckLsm, &[]),
        ("no route", null(&[], &[]), Reason::CookieAckNoRoute, &[]),
        (
            "accept queue full",
            null(&[CookieChild, ChildRefused], &[ListenDrops, ListenOverflows]),
            Reason::CookieAckAcceptQueueFull,
            &[ListenDrops, ListenOverflows],
        ),
        (
            "no memory for the child",
            null(&[CookieChild, ChildCreated, ChildRefused], &[ListenDrops]),
            Reason::CookieAckChildFailed,
            &[ListenDrops],
        ),
        (
            "no port for the child",
            null(&[CookieChild, ChildCreated, PortNotInherited, ChildRefused], &[ListenDrops]),
            Reason::CookieAckChildFailed,
            &[ListenDrops],
        ),
        (
            "there already",
            null(&[CookieChild, ChildCreated, ChildRefused], &[]),
            Reason::CookieAckDupChild,
            &[],
        ),
        (
            "the listener closed",
            null(&[CookieChild, ChildCreated, ChildQueueClosed], &[]),
            Reason::CookieAckListenerClosing,
            &[],
        ),
        (
            "the listener closed, seen by what is left",
            null(&[CookieChild, ChildCreated], &[]),
            Reason::CookieAckListenerClosing,
            &[],
        ),
    ];
    for (name, facts, reason, moves) in rows {
        let verdict = cookie_check(facts).unwrap_or_else(|| panic!("{name}: no verdict"));
        assert_eq!((verdict.reason, verdict.evidence), (*reason, Evidence::Observed), "{name}");
        assert_eq!(Some(verdict.stage), reason.stage(), "{name}");
        assert_eq!(verdict.moves, Counters::of(moves), "{name}");
    }
}

#[test]
fn what_is_no_ack_is_nobodys_loss() {
    assert_eq!(cookie_check(&seen(&[ListenerReturned], &[])), None);
    let reset = seen(&[ResetReceived, ListenerReturned], &[]);
    assert_eq!(cookie_check(&reset), None);
    let with_ack = seen(&[ResetReceived, AckFlag, ListenerReturned], &[]);
    assert_eq!(cookie_check(&with_cookies(with_ack)), None);
}

#[test]
fn what_is_not_watched_proves_nothing() {
    let null = seen(&[AckFlag, CookieChecked], &[]);
    for other in [CookieChild, RequestNomem, LsmDenied] {
        let brief = brief(cookie_check(&without(null, &[other])));
        assert_eq!(brief, Some((Reason::CookieAckNoRoute, Evidence::Inferred)), "{other:?}");
    }
    let returned = with_cookies(seen(&[AckFlag, ListenerReturned], &[]));
    assert_eq!(
        brief(cookie_check(&without(returned, &[CookieChecked]))),
        Some((Reason::CookieAckNoOverflow, Evidence::Inferred))
    );
    let failed = with_cookies(seen(&[AckFlag, ListenerReturned], &[SyncookiesFailed]));
    assert_eq!(
        brief(cookie_check(&without(failed, &[CookieChecked, CookieInvalid]))),
        Some((Reason::CookieAckInvalid, Evidence::Observed)),
        "the counter alone tells"
    );
    let refused = seen(&[CookieChild, ChildCreated, ChildRefused], &[]);
    assert_eq!(
        brief(cookie_check(&uncounted(refused))),
        Some((Reason::CookieAckDupChild, Evidence::Inferred))
    );
}

/// SMC tests its own queues, and counts what it drops as TCP does.
#[test]
fn a_protocol_above() {
    for moved in [&[ListenDrops][..], &[ListenDrops, ListenOverflows]] {
        let verdict = cookie_check(&seen(&[AckFlag, CookieChecked, CookieChild], moved)).unwrap();
        assert_eq!(
            (verdict.reason, verdict.evidence, verdict.moves),
            (Reason::CookieAckAcceptQueueFull, Evidence::Inferred, Counters::of(moved))
        );
    }
}

#[test]
fn outside_of_all_that_is_watched() {
    assert_eq!(syn_recv_sock(&seen(&[ChildCreated], &[])), None);
    let refused = syn_recv_sock(&uncounted(seen(&[ChildRefused], &[]))).unwrap();
    assert_eq!(
        (refused.reason, refused.stage),
        (Reason::CookieAckAcceptQueueFull, Stage::CookieAck)
    );
}
