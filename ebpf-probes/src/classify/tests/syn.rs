//! A SYN to a listener.

use super::{brief, seen, uncounted, without};
use crate::classify::syn::{at_once, by_way};
use crate::classify::{conn_request, conn_request_wrapper, is_told_by_way};
use crate::counter::{Counter, Counters};
use crate::facts::Milestone::*;
use crate::facts::{Facts, Milestone};
use crate::reason::{Evidence, Reason, Stage};

#[test]
fn syn_with_counters() {
    use Counter::*;
    let observed = |reason| Some((reason, Evidence::Observed));
    let rows = [
        ("queued", seen(&[RequestAllocated, RequestQueued, SynAckMade], &[]), None),
        ("cookie sent", seen(&[FloodCookie, RequestAllocated, SynAckMade], &[]), None),
        (
            "lost the race to the hash",
            seen(&[RequestAllocated, RequestQueued, QueueRaceLost], &[]),
            observed(Reason::SynDupRequestRace),
        ),
        (
            "SYN queue, with the milestone",
            seen(&[FloodRefused], &[ListenDrops, TcpReqQFullDrop]),
            observed(Reason::SynQueueFull),
        ),
        (
            "SYN queue, where the milestone is inlined",
            without(seen(&[], &[ListenDrops, TcpReqQFullDrop]), &[FloodRefused, FloodCookie]),
            observed(Reason::SynQueueFull),
        ),
        (
            "accept queue",
            seen(&[], &[ListenDrops, ListenOverflows]),
            observed(Reason::AcceptQueueFullSyn),
        ),
        (
            "accept queue after a cookie was wanted",
            seen(&[FloodCookie], &[ListenDrops, ListenOverflows]),
            observed(Reason::AcceptQueueFullSyn),
        ),
        (
            "reserved quarter",
            seen(&[RequestAllocated, PeerUnproven], &[ListenDrops]),
            observed(Reason::SynBacklogReserved),
        ),
        (
            "refused after the allocation by nobody known",
            seen(&[RequestAllocated], &[ListenDrops]),
            observed(Reason::Unattributed),
        ),
        (
            "a cookie was wanted, and something else failed",
            without(seen(&[FloodCookie], &[ListenDrops]), &[RequestAllocated]),
            observed(Reason::Unattributed),
        ),
        ("a drop of no known kind", seen(&[], &[ListenDrops]), observed(Reason::Unattributed)),
    ];
    for (name, facts, want) in rows {
        assert_eq!(brief(conn_request(&facts)), want, "{name}");
    }
}

#[test]
fn syn_after_the_allocation() {
    let rows = [
        (RequestNomem, Reason::SynNomem),
        (MptcpRefused, Reason::SynMptcpReject),
        (LsmDenied, Reason::SynLsmDenied),
        (NoRoute, Reason::SynNoRoute),
        (AuthOptionBad, Reason::SynAuthOptionBad),
    ];
    for (milestone, reason) in rows {
        let facts = seen(&[RequestAllocated, CookieMade, milestone], &[Counter::ListenDrops]);
        let verdict = conn_request(&facts).expect("a drop");
        assert_eq!((verdict.reason, verdict.stage), (reason, Stage::Syn));
        assert_eq!(verdict.moves, Counters::of(&[Counter::ListenDrops]));
    }
}

#[test]
fn syn_that_was_answered_otherwise() {
    use Counter::{ListenDrops, ListenOverflows, TcpFastOpenListenOverflow};
    let queued = &[RequestAllocated, RequestQueued];
    let rows: [(&str, Facts, Reason, &[Counter]); 7] = [
        ("cookie", seen(&[RequestAllocated, CookieMade], &[]), Reason::CookieSent, &[]),
        (
            "a cookie that could not be sent",
            seen(&[RequestAllocated, CookieMade, SynAckFailed], &[]),
            Reason::SynackSendFailed,
            &[],
        ),
        ("Fast Open", seen(&[RequestAllocated, ChildQueued], &[]), Reason::TfoChild, &[]),
        (
            "Fast Open, listener closing",
            seen(&[RequestAllocated, ChildQueueClosed], &[ListenDrops]),
            Reason::SynTfoListenerClosing,
            &[ListenDrops],
        ),
        (
            "Fast Open queue full",
            seen(queued, &[TcpFastOpenListenOverflow]),
            Reason::TfoQueueFull,
            &[TcpFastOpenListenOverflow],
        ),
        (
            "Fast Open child failed",
            seen(&[RequestAllocated, ChildRefused, RequestQueued], &[ListenDrops]),
            Reason::TfoChildFailed,
            &[ListenDrops],
        ),
        (
            "Fast Open child met a full accept queue",
            seen(&[RequestAllocated, ChildRefused, RequestQueued], &[ListenDrops, ListenOverflows]),
            Reason::TfoChildFailed,
            &[ListenDrops, ListenOverflows],
        ),
    ];
    for (name, facts, reason, moves) in rows {
        let verdict = conn_request(&facts).expect(name);
        assert_eq!((verdict.reason, verdict.moves), (reason, Counters::of(moves)), "{name}");
    }
}

#[test]
fn syn_without_counters() {
    let queues = |accept_len, syn_len| Facts {
        accept_len,
        accept_limit: 8,
        syn_len,
        ..without(uncounted(seen(&[], &[])), &[FloodRefused, FloodCookie])
    };
    let rows = [
        (
            "answered",
            without(uncounted(seen(&[RequestAllocated, SynAckMade], &[])), &[FloodRefused]),
            None,
        ),
        (
            "the milestone alone",
            uncounted(seen(&[FloodRefused], &[])),
            Some((Reason::SynQueueFull, Evidence::Observed)),
        ),
        (
            "only one test is left",
            uncounted(seen(&[], &[])),
            Some((Reason::AcceptQueueFullSyn, Evidence::Observed)),
        ),
        (
            "cookies leave one test",
            Facts { syncookies: 1, ..queues(0, 0) },
            Some((Reason::AcceptQueueFullSyn, Evidence::Observed)),
        ),
        ("accept queue", queues(9, 3), Some((Reason::AcceptQueueFullSyn, Evidence::Inferred))),
        ("SYN queue by >=", queues(2, 8), Some((Reason::SynQueueFull, Evidence::Inferred))),
        ("SYN queue by >", queues(9, 9), Some((Reason::SynQueueFull, Evidence::Inferred))),
        ("neither is full", queues(8, 7), Some((Reason::Unattributed, Evidence::Inferred))),
        ("nothing shows whether it was answered", without(queues(9, 3), &[SynAckMade]), None),
    ];
    for (name, facts, want) in rows {
        assert_eq!(brief(conn_request(&facts)), want, "{name}");
    }
}

#[test]
fn the_way_tells_what_counters_tell() {
    use Counter::*;
    let rows: [(&[Milestone], &[Counter]); 12] = [
        (&[], &[ListenDrops, ListenOverflows]),
        (&[FloodCookie], &[ListenDrops, ListenOverflows]),
        (&[FloodRefused], &[ListenDrops, TcpReqQFullDrop]),
        (&[RequestAllocated, RequestNomem], &[ListenDrops]),
        (&[RequestAllocated, LsmDenied], &[ListenDrops]),
        (&[FloodCookie, RequestAllocated, NoRoute], &[ListenDrops]),
        (&[RequestAllocated, MptcpRefused], &[ListenDrops]),
        (&[RequestAllocated, PeerUnproven], &[ListenDrops]),
        (&[RequestAllocated, RequestQueued], &[]),
        (&[RequestAllocated, RequestQueued, QueueRaceLost], &[]),
        (&[FloodCookie, RequestAllocated, CookieMade], &[]),
        (&[FloodCookie, RequestAllocated, CookieMade, SynAckFailed], &[]),
    ];
    for (passed, moved) in rows {
        let facts = seen(passed, moved);
        assert!(is_told_by_way(facts.watched));
        assert_eq!(conn_request(&uncounted(facts)), conn_request(&facts), "{passed:?}");
        let blind = without(facts, &[CookieMade]);
        assert_eq!(conn_request(&uncounted(blind)), conn_request(&blind), "{passed:?}");
    }
}

#[test]
fn what_is_judged_at_once_is_judged_as_by_the_way() {
    let mut judged = 0;
    for &milestone in Milestone::ALL {
        for passed in [&[][..], &[milestone]] {
            let facts = uncounted(seen(passed, &[]));
            let verdict = at_once(&facts);
            judged += usize::from(verdict.is_some());
            assert!(verdict.is_none_or(|verdict| by_way(&facts) == Some(verdict)), "{passed:?}");
        }
        let facts = without(uncounted(seen(&[], &[])), &[milestone]);
        assert!(at_once(&facts).is_none_or(|verdict| by_way(&facts) == Some(verdict)));
    }
    assert_eq!(judged, Milestone::ALL.len() + 1, "nothing, each time, and the refusal");
    assert!(at_once(&seen(&[], &[])).is_none(), "counters say more");
}

#[test]
fn wrapper() {
    assert_eq!(conn_request_wrapper(&seen(&[ConnRequest], &[])), None);
    assert_eq!(
        brief(conn_request_wrapper(&seen(&[], &[Counter::ListenDrops]))),
        Some((Reason::SynDstNotUnicast, Evidence::Observed))
    );
    assert_eq!(
        brief(conn_request_wrapper(&seen(&[SourceMapped], &[]))),
        Some((Reason::SynV4MappedSource, Evidence::Observed))
    );
}
