//! An ACK without a request.

use super::{brief, seen, uncounted, without};
use crate::classify::{cookie_check, syn_recv_sock};
use crate::counter::Counter::{
    self, ListenDrops, ListenOverflows, SyncookiesFailed, SyncookiesRecv,
};
use crate::counter::Counters;
use crate::facts::Milestone::*;
use crate::facts::{Facts, Milestones};
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
        let passed = [passed, &[AckFlag, CookieChecked]].concat();
        with_cookies(seen(&passed, &[moved, &[SyncookiesRecv]].concat()))
    };
    let allowed = |passed: &[_], moved: &[_]| null(&[passed, &[LsmAsked]].concat(), moved);
    let rows: &[Row<'_>] = &[
        ("cookies off", seen(&[AckFlag, ListenerReturned], &[]), Reason::StrayAck, &[]),
        ("no cookie sent lately", returned(&[], &[]), Reason::CookieAckNoOverflow, &[]),
        (
            "wrong cookie",
            returned(&[CookieChecked, CookieInvalid], &[SyncookiesFailed]),
            Reason::CookieAckInvalid,
            &[SyncookiesFailed],
        ),
        (
            "options that are off",
            returned(&[CookieChecked], &[SyncookiesRecv]),
            Reason::CookieAckTsBad,
            &[],
        ),
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
            returned(&[NumberRefused, CookieChecked], &[SyncookiesRecv]),
            Reason::CookieAckTsBad,
            &[],
        ),
        ("no memory", null(&[RequestNomem], &[]), Reason::CookieAckNomem, &[]),
        ("no memory, or MPTCP refused", null(&[], &[]), Reason::CookieAckNomem, &[]),
        ("refused by a module", allowed(&[LsmDenied], &[]), Reason::CookieAckLsm, &[]),
        ("no route", allowed(&[], &[]), Reason::CookieAckNoRoute, &[]),
        (
            "accept queue full",
            allowed(&[CookieChild, ChildRefused], &[ListenDrops, ListenOverflows]),
            Reason::CookieAckAcceptQueueFull,
            &[ListenDrops, ListenOverflows],
        ),
        (
            "no memory for the child",
            allowed(&[CookieChild, ChildCreated, ChildRefused], &[ListenDrops]),
            Reason::CookieAckChildFailed,
            &[ListenDrops],
        ),
        (
            "no port for the child",
            allowed(&[CookieChild, ChildCreated, PortNotInherited, ChildRefused], &[ListenDrops]),
            Reason::CookieAckChildFailed,
            &[ListenDrops],
        ),
        (
            "there already",
            allowed(&[CookieChild, ChildCreated, ChildRefused], &[]),
            Reason::CookieAckDupChild,
            &[],
        ),
        (
            "the listener closed",
            allowed(&[CookieChild, ChildCreated, ChildQueueClosed], &[]),
            Reason::CookieAckListenerClosing,
            &[],
        ),
    ];
    for (name, facts, reason, moves) in rows {
        let verdict = cookie_check(facts).unwrap_or_else(|| panic!("{name}: no verdict"));
        assert_eq!((verdict.reason, verdict.evidence), (*reason, Evidence::Observed), "{name}");
        assert_eq!(Some(verdict.stage), reason.stage(), "{name}");
        assert_eq!(verdict.moves, Counters::of(moves), "{name}");
        let counted = without(*facts, &[CookieChecked, CookieInvalid, ChildCreated, CookieChild]);
        let passed = Milestones(counted.passed.0 & counted.watched.0);
        let counted = cookie_check(&Facts { passed, ..counted });
        assert_eq!(counted, Some(verdict), "{name}: the counters alone tell");
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
    let asked = seen(&[AckFlag, CookieChecked, LsmAsked], &[]);
    let null = without(seen(&[AckFlag, CookieChecked], &[]), &[LsmAsked, LsmDenied]);
    let childless = without(asked, &[CookieChild, ChildQueueClosed]);
    let memoryless = without(null, &[RequestNomem]);
    for facts in [childless, uncounted(without(asked, &[CookieChild])), null, memoryless] {
        let brief = brief(cookie_check(&facts));
        assert_eq!(brief, Some((Reason::CookieAckNoRoute, Evidence::Inferred)), "{facts:?}");
    }
    let returned = with_cookies(seen(&[AckFlag, ListenerReturned], &[]));
    assert_eq!(
        brief(cookie_check(&uncounted(without(returned, &[CookieChecked])))),
        Some((Reason::CookieAckNoOverflow, Evidence::Inferred))
    );
    // That the listener closed shows by what is left.
    let closed = cookie_check(&seen(&[CookieChild, ChildCreated, ChildQueueClosed], &[]));
    let wanted = seen(&[CookieChild, ChildCreated], &[]);
    for facts in [wanted, without(wanted, &[ChildQueueClosed])] {
        assert_eq!(cookie_check(&facts), closed);
    }
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
