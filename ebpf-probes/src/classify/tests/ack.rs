//! A packet for a request.

use super::{brief, seen, set, uncounted, without};
use crate::classify::{Verdict, check_req, check_req_child};
use crate::counter::Counter::{
    self, EmbryonicRsts, ListenDrops, ListenOverflows, PawsEstab, TcpDeferAcceptDrop, TsEcrRejected,
};
use crate::counter::Counters;
use crate::facts::Facts;
use crate::facts::Milestone::{self, *};
use crate::reason::{Evidence, Reason, Stage};

fn verdict(name: &str, facts: &Facts) -> Verdict {
    check_req(facts).unwrap_or_else(|| panic!("{name}: no verdict"))
}

type Row<'a> = (&'a str, Facts, Reason, Stage, &'a [Counter]);

fn observe(rows: &[Row<'_>]) {
    for (name, facts, reason, stage, moves) in rows {
        let verdict = verdict(name, facts);
        assert_eq!((verdict.reason, verdict.stage), (*reason, *stage), "{name}");
        assert_eq!(verdict.evidence, Evidence::Observed, "{name}");
        assert_eq!(verdict.moves, Counters::of(moves), "{name}");
    }
}

#[test]
fn out_of_place() {
    observe(&[
        (
            "a repeated SYN, answered",
            seen(&[SynFlag, SynRepeated, Answered, SynAckResent], &[]),
            Reason::SynRetransmit,
            Stage::Syn,
            &[],
        ),
        (
            "a repeated SYN, no way to answer",
            seen(&[SynFlag, SynRepeated, Answered, SynAckResent, SynAckResendFailed], &[]),
            Reason::SynackSendFailed,
            Stage::Syn,
            &[],
        ),
        (
            "a repeated SYN, too soon",
            seen(&[SynFlag, SynRepeated, RateLimited], &[]),
            Reason::SynRetransmitRatelimited,
            Stage::Syn,
            &[],
        ),
        (
            "a repeated SYN with an old clock, too soon",
            seen(&[SynFlag, SynRepeated, RateLimited], &[PawsEstab]),
            Reason::AckPaws,
            Stage::Ack,
            &[PawsEstab],
        ),
        (
            "a wrong number",
            seen(&[AckFlag, ListenerReturned], &[]),
            Reason::AckBadNumber,
            Stage::Ack,
            &[],
        ),
        (
            "an old clock",
            seen(&[AckFlag, Answered], &[PawsEstab]),
            Reason::AckPaws,
            Stage::Ack,
            &[PawsEstab],
        ),
        (
            "an old clock, answered a moment ago",
            seen(&[AckFlag, RateLimited], &[PawsEstab]),
            Reason::AckPaws,
            Stage::Ack,
            &[PawsEstab],
        ),
        (
            "an echo of nothing",
            seen(&[AckFlag, Answered], &[TsEcrRejected]),
            Reason::AckTsecr,
            Stage::Ack,
            &[TsEcrRejected],
        ),
        (
            "out of the window",
            seen(&[AckFlag, Answered, DefersAccept], &[]),
            Reason::AckOutOfWindow,
            Stage::Ack,
            &[],
        ),
        (
            "a SYN out of the window, answered a moment ago",
            seen(&[SynFlag, RateLimited], &[]),
            Reason::AckOutOfWindow,
            Stage::Ack,
            &[],
        ),
    ]);
}

#[test]
fn in_its_place() {
    observe(&[
        (
            "a reset out of the window",
            seen(&[ResetReceived, DefersAccept], &[]),
            Reason::RstOutOfWindow,
            Stage::Ack,
            &[],
        ),
        (
            "a reset inside the window",
            seen(&[ResetReceived, ChallengeSent], &[]),
            Reason::RstInexact,
            Stage::Ack,
            &[],
        ),
        (
            "a reset in its place",
            seen(&[ResetReceived, AckFlag, RequestDropped], &[]),
            Reason::RequestClientRst,
            Stage::Request,
            &[EmbryonicRsts],
        ),
        (
            "another SYN",
            seen(&[SynFlag, RequestDropped], &[]),
            Reason::RequestBadSyn,
            Stage::Request,
            &[EmbryonicRsts],
        ),
        ("no flags", seen(&[DefersAccept], &[]), Reason::AckFlagMissing, Stage::Ack, &[]),
        (
            "no data yet",
            seen(&[AckFlag, DefersAccept], &[]),
            Reason::AckDeferred,
            Stage::Ack,
            &[TcpDeferAcceptDrop],
        ),
        (
            "another CPU was faster",
            seen(&[AckFlag, ChildCreated, RequestStolen], &[]),
            Reason::AckLostRace,
            Stage::Ack,
            &[],
        ),
        (
            "the listener closed",
            seen(&[AckFlag, ChildCreated, ChildForgotten], &[]),
            Reason::AckListenerClosing,
            Stage::Ack,
            &[],
        ),
        (
            "the other listener closed too",
            seen(&[AckFlag, ChildCreated, RequestCloned, ChildForgotten], &[]),
            Reason::AckListenerClosing,
            Stage::Ack,
            &[],
        ),
        (
            "no memory to move",
            seen(&[AckFlag, ChildCreated, CloneFailed, ChildForgotten], &[]),
            Reason::AckMigrateNomem,
            Stage::Ack,
            &[],
        ),
    ]);
}

fn and(mut facts: Facts, passed: &[Milestone]) -> Facts {
    facts.passed = facts.passed.and(set(passed));
    facts
}

#[test]
fn no_child() {
    let rows: &[(&[_], Reason)] = &[
        (&[], Reason::AcceptQueueFullAck),
        (&[ChildCreated], Reason::AckChildNomem),
        (&[RouteAsked, ChildCreated], Reason::AckChildNomem),
        (&[ChildCreated, ChildNoRoute], Reason::AckChildNoRoute),
        (&[RouteAsked, ChildNoRouteV6], Reason::AckChildNoRoute),
        (&[ChildCreated, ChildKeyFailed], Reason::AckChildKey),
        (&[ChildCreated, ChildKeyFailed, PortNotInherited], Reason::AckChildKey),
        (&[ChildCreated, PortNotInherited], Reason::AckChildPortInherit),
    ];
    for (passed, reason) in rows {
        let moves = [ListenDrops, ListenOverflows];
        let moves = if passed.is_empty() { &moves[..] } else { &moves[..1] };
        // By the counters, where nobody watches how far it got, and by the way where nobody counts.
        let seen = [without(seen(passed, moves), &[ChildCreated]), uncounted(seen(passed, &[]))];
        for facts in seen {
            let silent = verdict("silent", &and(facts, &[AckFlag, ChildRefused]));
            assert_eq!((silent.reason, silent.evidence), (*reason, Evidence::Observed));
            assert_eq!(silent.moves, Counters::of(moves));
            // With tcp_abort_on_overflow.
            let reset = verdict("reset", &and(facts, &[AckFlag, ChildRefused, RequestDropped]));
            let reason = match *reason {
                Reason::AcceptQueueFullAck => Reason::AcceptQueueFullAckRst,
                other => other,
            };
            assert_eq!((reset.reason, reset.evidence), (reason, Evidence::Observed));
            assert_eq!(reset.moves, Counters::of(moves).with(EmbryonicRsts));
        }
    }
}

/// Two packets of one client at once, with tcp_abort_on_overflow: each is reset and counted, but only
/// one of them removes the request.
#[test]
fn both_of_two_packets_are_reset() {
    let passed = [AckFlag, ChildRefused, RequestStolen];
    let second = verdict("second", &seen(&passed, &[ListenOverflows, ListenDrops]));
    assert_eq!(
        (second.reason, second.evidence),
        (Reason::AcceptQueueFullAckRst, Evidence::Observed)
    );
    assert_eq!(second.moves, Counters::of(&[ListenOverflows, ListenDrops]));
}

/// What no probe of TCP shows was done by another protocol, which counts it in its own way.
#[test]
fn a_protocol_above() {
    let silent = verdict("silent", &seen(&[AckFlag], &[]));
    assert_eq!((silent.reason, silent.evidence), (Reason::AcceptQueueFullAck, Evidence::Inferred));
    assert_eq!(silent.moves, Counters::of(&[ListenDrops]));
    let reset = verdict("reset", &seen(&[AckFlag, RequestDropped], &[]));
    assert_eq!((reset.reason, reset.evidence), (Reason::AcceptQueueFullAckRst, Evidence::Inferred));
    assert_eq!(reset.moves, Counters::of(&[ListenDrops, EmbryonicRsts]));
}

#[test]
fn what_is_not_watched_proves_nothing() {
    let counted = |passed: &[_], moved: &[_]| {
        seen(&[passed, &[AckFlag, ChildRefused]].concat(), &[moved, &[ListenDrops]].concat())
    };
    let refused = |passed: &[_]| uncounted(counted(passed, &[]));
    let rows = [
        (without(refused(&[]), &[ChildCreated]), Reason::AcceptQueueFullAck),
        (without(refused(&[]), &[RequestDropped]), Reason::AcceptQueueFullAck),
        (without(counted(&[], &[ListenOverflows]), &[RequestDropped]), Reason::AcceptQueueFullAck),
        (without(refused(&[ChildCreated]), &[PortNotInherited]), Reason::AckChildNomem),
        (without(counted(&[], &[]), &[PortNotInherited]), Reason::AckChildNomem),
        (without(counted(&[], &[]), &[ChildNoRouteV6]), Reason::AckChildNomem),
        (
            without(refused(&[ChildCreated, PortNotInherited]), &[ChildKeyFailed]),
            Reason::AckChildPortInherit,
        ),
        (without(refused(&[RouteAsked]), &[ChildCreated]), Reason::AckChildNoRoute),
        (without(seen(&[ResetReceived], &[]), &[ChallengeSent]), Reason::RstOutOfWindow),
        (without(seen(&[ResetReceived], &[]), &[RequestDropped]), Reason::RstOutOfWindow),
        (without(seen(&[], &[]), &[Answered]), Reason::AckFlagMissing),
        (
            without(seen(&[SynFlag, SynRepeated], &[]), &[SynAckResent, RateLimited]),
            Reason::SynRetransmit,
        ),
        (
            without(seen(&[SynFlag, SynRepeated, Answered], &[]), &[SynAckResent]),
            Reason::SynRetransmit,
        ),
        (without(seen(&[SynFlag], &[]), &[RequestDropped]), Reason::RequestBadSyn),
        (without(seen(&[AckFlag, DefersAccept], &[]), &[ChildForgotten]), Reason::AckDeferred),
        (uncounted(seen(&[AckFlag, Answered], &[])), Reason::AckOutOfWindow),
        (
            uncounted(seen(&[SynFlag, SynRepeated, RateLimited], &[])),
            Reason::SynRetransmitRatelimited,
        ),
    ];
    for (facts, reason) in rows {
        assert_eq!(brief(check_req(&facts)), Some((reason, Evidence::Inferred)));
    }
}

#[test]
fn a_child() {
    assert_eq!(check_req_child(&seen(&[AckFlag, ChildCreated], &[])), None);
    let moved = check_req_child(&seen(&[AckFlag, ChildCreated, RequestCloned], &[]));
    assert_eq!(brief(moved), Some((Reason::RequestMigrated, Evidence::Observed)));
}
