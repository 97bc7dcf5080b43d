//! Tables of facts and the verdict that each must give.

use super::*;
use crate::facts::Milestone::*;
use crate::facts::{Facts, Milestone, Milestones};

/// As on a kernel where every hook is attached and counters are read.
fn seen(passed: &[Milestone], moved: &[Counter]) -> Facts {
    let mut facts =
        Facts { passed: set(passed), watched: set(Milestone::ALL), counted: 1, ..Facts::default() };
    for counter in moved {
        facts.moved[*counter as usize] = 1;
    }
    facts
}

fn set(milestones: &[Milestone]) -> Milestones {
    milestones.iter().fold(Milestones::default(), |set, milestone| set.with(*milestone))
}

fn without(facts: Facts, unwatched: &[Milestone]) -> Facts {
    Facts { watched: Milestones(facts.watched.0 & !set(unwatched).0), ..facts }
}

fn uncounted(facts: Facts) -> Facts {
    Facts { counted: 0, ..facts }
}

fn brief(verdict: Option<Verdict>) -> Option<(Reason, Evidence)> {
    verdict.map(|verdict| (verdict.reason, verdict.evidence))
}

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
        ("answered", uncounted(seen(&[RequestAllocated, SynAckMade], &[])), None),
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
fn last_ack() {
    let observed = |reason| Some((reason, Evidence::Observed));
    let full = seen(&[ChildRefused], &[]);
    let rows = [
        ("silent", full, observed(Reason::AcceptQueueFullAck)),
        (
            "reset",
            seen(&[ChildRefused, RequestDropped], &[]),
            observed(Reason::AcceptQueueFullAckRst),
        ),
        ("child failed", seen(&[ChildRefused, ChildCreated], &[]), observed(Reason::Unattributed)),
        ("no route", seen(&[ChildRefused, RouteAsked], &[]), observed(Reason::Unattributed)),
        (
            "no proof that the child was not tried",
            without(full, &[ChildCreated]),
            Some((Reason::AcceptQueueFullAck, Evidence::Inferred)),
        ),
        (
            "no proof that the request lived on",
            without(full, &[RequestDropped]),
            Some((Reason::AcceptQueueFullAck, Evidence::Inferred)),
        ),
        ("a repeated SYN, answered", seen(&[SynAckResent], &[]), None),
        ("another CPU was faster", seen(&[RequestStolen], &[]), None),
        ("the client gave up", seen(&[ResetReceived], &[]), None),
        ("anything else", seen(&[], &[]), observed(Reason::Unattributed)),
    ];
    for (name, facts, want) in rows {
        assert_eq!(brief(check_req(&facts)), want, "{name}");
        assert!(check_req(&facts).is_none_or(|verdict| verdict.stage == Stage::Ack), "{name}");
    }
}

#[test]
fn wrapper_and_cookie_child() {
    assert_eq!(conn_request_wrapper(&seen(&[ConnRequest], &[])), None);
    assert_eq!(
        brief(conn_request_wrapper(&seen(&[], &[Counter::ListenDrops]))),
        Some((Reason::SynDstNotUnicast, Evidence::Observed))
    );
    assert_eq!(
        brief(conn_request_wrapper(&seen(&[SourceMapped], &[]))),
        Some((Reason::SynV4MappedSource, Evidence::Observed))
    );
    assert_eq!(syn_recv_sock(&seen(&[ChildCreated], &[])), None);
    assert_eq!(
        syn_recv_sock(&seen(&[ChildRefused], &[])).map(|verdict| verdict.stage),
        Some(Stage::CookieAck)
    );
}
