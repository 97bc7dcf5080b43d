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
            observed(Reason::Unattributed),
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
            "no route, LSM, memory",
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
        Some((Reason::Unattributed, Evidence::Observed))
    );
    assert_eq!(syn_recv_sock(&seen(&[ChildCreated], &[])), None);
    assert_eq!(
        syn_recv_sock(&seen(&[ChildRefused], &[])).map(|verdict| verdict.stage),
        Some(Stage::CookieAck)
    );
}
