//! How refused SYNs show.

use ebpf_probes::Counter::{
    ListenDrops, ListenOverflows, TcpFastOpenListenOverflow, TcpReqQFullDrop,
};
use ebpf_probes::Milestone::{
    AuthOptionBad, ChildQueueClosed, ChildQueued, ConnRequest, CookieMade, FloodCookie,
    FloodRefused, LsmDenied, MptcpRefused, NoRoute, PeerUnproven, QueueRaceLost, RequestAllocated,
    RequestNomem, RequestQueued, SourceMapped, SynAckFailed, SynAckMade,
};
use ebpf_probes::{Milestone, Reason};

use super::{Case, LIMIT, USUAL};

/// A SYN that was refused after a request had been allocated.
const fn after_allocation(reason: Reason, passed: &'static [Milestone]) -> Case {
    Case { reason, passed, moved: &[ListenDrops], ..USUAL }
}

pub(super) const CASES: &[Case] = &[
    Case {
        reason: Reason::AcceptQueueFullSyn,
        passed: &[ConnRequest],
        moved: &[ListenOverflows, ListenDrops],
        lengths: (LIMIT + 1, 0),
        ..USUAL
    },
    Case {
        reason: Reason::AcceptQueueFullSyn,
        passed: &[ConnRequest, FloodCookie],
        moved: &[ListenOverflows, ListenDrops],
        lengths: (LIMIT + 1, LIMIT + 1),
        syncookies: 1,
        ..USUAL
    },
    Case {
        reason: Reason::SynQueueFull,
        passed: &[ConnRequest, FloodRefused],
        moved: &[TcpReqQFullDrop, ListenDrops],
        lengths: (0, LIMIT + 1),
        ..USUAL
    },
    Case {
        reason: Reason::SynQueueFull,
        passed: &[ConnRequest, FloodRefused],
        moved: &[TcpReqQFullDrop, ListenDrops],
        lengths: (LIMIT + 1, LIMIT + 1),
        ..USUAL
    },
    Case {
        lengths: (0, LIMIT),
        ..after_allocation(
            Reason::SynBacklogReserved,
            &[ConnRequest, RequestAllocated, PeerUnproven],
        )
    },
    Case {
        reason: Reason::SynDstNotUnicast,
        judge: ebpf_probes::conn_request_wrapper,
        moved: &[ListenDrops],
        ..USUAL
    },
    Case {
        reason: Reason::SynV4MappedSource,
        judge: ebpf_probes::conn_request_wrapper,
        passed: &[SourceMapped],
        ..USUAL
    },
    after_allocation(Reason::SynNomem, &[ConnRequest, RequestAllocated, RequestNomem]),
    after_allocation(Reason::SynLsmDenied, &[ConnRequest, RequestAllocated, LsmDenied]),
    after_allocation(Reason::SynNoRoute, &[ConnRequest, RequestAllocated, NoRoute]),
    after_allocation(Reason::SynMptcpReject, &[ConnRequest, RequestAllocated, MptcpRefused]),
    after_allocation(Reason::SynAuthOptionBad, &[ConnRequest, RequestAllocated, AuthOptionBad]),
    Case {
        reason: Reason::SynDupRequestRace,
        passed: &[ConnRequest, RequestAllocated, RequestQueued, QueueRaceLost],
        ..USUAL
    },
    after_allocation(
        Reason::SynTfoListenerClosing,
        &[ConnRequest, RequestAllocated, ChildQueueClosed],
    ),
    Case {
        reason: Reason::TfoChild,
        passed: &[ConnRequest, RequestAllocated, ChildQueued],
        ..USUAL
    },
    Case {
        reason: Reason::TfoQueueFull,
        passed: &[ConnRequest, RequestAllocated, RequestQueued],
        moved: &[TcpFastOpenListenOverflow],
        ..USUAL
    },
    Case {
        reason: Reason::CookieSent,
        passed: &[ConnRequest, RequestAllocated, CookieMade, SynAckMade],
        ..USUAL
    },
    Case {
        reason: Reason::SynackSendFailed,
        passed: &[ConnRequest, RequestAllocated, RequestQueued, SynAckFailed],
        ..USUAL
    },
];
