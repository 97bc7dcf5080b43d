use std::collections::BTreeSet;

use ebpf_probes::Reason::*;
use ebpf_probes::{ABSENT, Arg, Counter, Field, Milestone, NOWHERE, Reason};

use super::model::Model;
use super::{Plan, PlanError};
use crate::exit::Exit;
use crate::kernel::Means;
use crate::kernel::hooks::{self, Asked, Kind};

mod golden;
mod kinds;

fn programs(plan: &Plan) -> Vec<&'static str> {
    plan.probes.iter().map(|probe| probe.program).collect()
}

fn missing(plan: &Plan) -> Vec<&'static str> {
    plan.missing.iter().map(|hook| hook.program).collect()
}

fn position(plan: &Plan, arg: Arg) -> usize {
    plan.positions.iter().find(|(found, _)| *found == arg).expect("it was asked for").1
}

#[test]
fn a_kernel_that_has_everything_needs_nothing_else() {
    let plan = Model::default().plan().unwrap();
    assert!(plan.missing.is_empty() && plan.unknown.is_empty() && plan.uncounted.is_none());
    assert!(plan.inferred.is_empty() && plan.unobservable.is_empty());
    let programs: usize = hooks::all().map(|hook| hook.programs.len()).sum();
    // One row is for kernels that queue without saying so, six for those without counters, two for
    // those that do not say whether a packet is answered, and one, of two programs, for those that
    // test signatures in a function per family. The return of tcp_conn_request is seen by those of
    // its callers.
    assert_eq!(plan.probes.len(), programs - 12);
    assert!(plan.layout.fields.iter().all(|slot| *slot != ABSENT));
    assert_eq!(plan.config.counters, [160, 168, 600, 32, 800, 216, 8, 808, 816, 24, 400]);
    assert_eq!(plan.config.percpu_pointers, 48);
    let provided = hooks::all().flat_map(|hook| hook.provides).copied();
    let unwatched: Vec<_> = provided.filter(|&milestone| !plan.watches(milestone)).collect();
    let counted = [
        Milestone::SynAckMade,
        Milestone::ChildCreated,
        Milestone::CookieChecked,
        Milestone::CookieInvalid,
        Milestone::CookieChild,
        Milestone::TimedOut,
    ];
    assert_eq!(unwatched, counted, "counters make them needless");
}

#[test]
fn slots_are_those_of_the_model() {
    let plan = Model::default().plan().unwrap();
    let slot = |field: Field| {
        let slot = plan.layout.field(field);
        (slot.offset, slot.size)
    };
    assert_eq!(slot(Field::SockNet), (48, 8));
    assert_eq!(slot(Field::SockLocalV6), (64, 16));
    assert_eq!(slot(Field::ListenerSynYoung), (32, 4));
    assert_eq!(slot(Field::NetInum), (16, 4));
    assert_eq!(slot(Field::NetSyncookies), (48, 1));
    assert_eq!(slot(Field::SkbNetworkHeader), (48, 2));
    // From the socket, which is not the first member in the model.
    assert_eq!(slot(Field::SocketInode).0, 16);
    let wide = Model { int_sysctls: true, ..Model::default() }.plan().unwrap();
    assert_eq!(wide.layout.field(Field::NetSyncookies).size, 4);
}

#[test]
fn arguments_are_found_by_name() {
    let plan = Model::default().plan().unwrap();
    let at = |arg: Arg| position(&plan, arg);
    assert_eq!((at(Arg::ConnRequestSk), at(Arg::ConnRequestSkb)), (2, 3));
    assert_eq!((at(Arg::CheckReqFastopen), at(Arg::CheckReqStolen)), (3, 4));
    let moved = Model { more_before: 2, ..Model::default() }.plan().unwrap();
    assert_eq!(position(&moved, Arg::V4SynRecvSkb), 3);
}

#[test]
fn an_argument_beyond_the_registers_is_an_error_of_its_hook() {
    let fits = Model { more_before: 4, ..Model::default() }.plan().unwrap();
    assert_eq!(position(&fits, Arg::V4SynRecvSkb), 5);
    let error = Model { more_before: 5, ..Model::default() }.plan().unwrap_err();
    let PlanError::Hook { target, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*target, "tcp_v4_syn_recv_sock");
    assert!(source.to_string().contains("takes skb as parameter 7"), "{source}");
    assert_eq!(error.exit(), Exit::Unsupported);
}

#[test]
fn a_queue_that_cannot_refuse_is_watched_at_entry() {
    let plan = Model { always_queues: true, ..Model::default() }.plan().unwrap();
    let probe = plan.probes.iter().find(|probe| probe.program == "request_queued").unwrap();
    assert_eq!(probe.kind, Kind::Entry);
    assert!(!programs(&plan).contains(&"request_queued_exit"));
    // Nothing can be lost there, so nothing is unknown.
    assert!(plan.watches(Milestone::RequestQueued) && plan.watches(Milestone::QueueRaceLost));
    assert!(plan.missing.is_empty());
    let usual = Model::default().plan().unwrap();
    assert!(!programs(&usual).contains(&"request_queued"));
}

#[test]
fn a_mandatory_function_that_is_missing_is_named() {
    for function in [
        "tcp_conn_request",
        "tcp_v4_conn_request",
        "tcp_check_req",
        "tcp_v4_syn_recv_sock",
        "inet_csk_reqsk_queue_hash_add",
    ] {
        let error = Model { without: &[function], ..Model::default() }.plan().unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("failed to watch the function "), "{message}");
        assert!(message.contains(function) && message.contains("6.0-model"), "{message}");
        assert_eq!(error.exit(), Exit::Unsupported);
    }
}

#[test]
fn a_mandatory_field_that_is_missing_is_named() {
    for (lost, named) in [
        ("sk_ack_backlog", "sock.sk_ack_backlog"),
        ("inet_connection_sock", "inet_connection_sock.icsk_accept_queue.qlen.counter"),
        ("network_header", "sk_buff.network_header"),
    ] {
        let error = Model { without: &[lost], ..Model::default() }.plan().unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("failed to find the field "), "{message}");
        assert!(message.contains(named) && message.contains("6.0-model"), "{message}");
    }
}

#[test]
fn a_field_of_another_width_is_not_misread() {
    let error = Model { long_queues: true, ..Model::default() }.plan().unwrap_err();
    let PlanError::Field { source, .. } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains("is 8 bytes wide"), "{source}");
}

#[test]
fn an_optional_field_that_is_missing_is_reported() {
    let plan = Model { without: &["sysctl_tcp_syncookies", "i_ino"], ..Model::default() };
    let plan = plan.plan().unwrap();
    let fields: Vec<_> = plan.unknown.iter().map(|missing| missing.field).collect();
    assert_eq!(fields, [Field::InodeNumber, Field::NetSyncookies]);
    assert_eq!(plan.layout.field(Field::InodeNumber), ABSENT);
}

#[test]
fn without_counters_another_milestone_stands_in() {
    for lost in ["LINUX_MIB_LISTENDROPS", "net_statistics", "mibs", "pptrs"] {
        let plan = Model { without: &[lost], ..Model::default() }.plan().unwrap();
        assert!(plan.uncounted.is_some(), "{lost}");
        assert_eq!(plan.config.counters, [NOWHERE; Counter::COUNT], "{lost}");
        assert_eq!(plan.config.percpu_pointers, NOWHERE, "{lost}");
        assert!(plan.watches(Milestone::SynAckMade), "{lost}");
        let inferred = [SynRetransmitRatelimited, AckOutOfWindow, CookieAckDupChild];
        assert_eq!(plan.inferred, inferred, "{lost}");
        let unobservable = [AckPaws, AckTsecr, CookieAckChildFailed, TfoQueueFull];
        assert_eq!(plan.unobservable, unobservable, "{lost}");
    }
}

/// A program among those that are missing then, its function, what is inferred, unobservable.
type Costs = (&'static str, &'static str, &'static [Reason], &'static [Reason]);
const COSTS: &[Costs] = &[
    ("v6_conn_request", "tcp_v6_conn_request", &[], &[SynV4MappedSource]),
    ("v6_syn_recv_sock", "tcp_v6_syn_recv_sock", &[], &[]),
    ("flood_action_exit", "tcp_syn_flood_action", &[], &[]),
    ("request_allocated_exit", "inet_reqsk_alloc", &[], &[SynNomem]),
    ("peer_proven_exit", "tcp_peer_is_proven", &[], &[SynBacklogReserved]),
    (
        "route_v6_exit",
        "inet6_csk_route_req",
        &[AckChildNomem, CookieAckChildFailed],
        &[AckChildNoRoute],
    ),
    (
        "child_thrown_away",
        "inet_csk_prepare_forced_close",
        &[AckChildNomem, CookieAckChildFailed],
        &[AckChildNoRoute, AckChildPortInherit],
    ),
    (
        "request_dropped_exit",
        "__inet_csk_reqsk_queue_drop",
        &[AcceptQueueFullAck, RstOutOfWindow, RequestBadSyn],
        &[
            AcceptQueueFullAckRst,
            RequestClientRst,
            RequestIcmpError,
            AckListenerGone,
            RequestListenerGone,
            RequestDestroyed,
            RequestNetnsExit,
            RequestExpired,
            RequestSynackRtxFailed,
        ],
    ),
    (
        "synack_resent",
        "tcp_rtx_synack",
        &[RequestExpired, SynRetransmit],
        &[SynackSendFailed, SynackRetransmit, RequestSynackRtxFailed],
    ),
    (
        "rate_limited_exit",
        "tcp_oow_rate_limited",
        &[AckFlagMissing, AckDeferred],
        &[SynRetransmitRatelimited, AckPaws, AckTsecr, AckOutOfWindow],
    ),
    (
        "lsm_asked_exit",
        "security_inet_conn_request",
        &[CookieAckNoRoute],
        &[SynLsmDenied, CookieAckLsm],
    ),
    ("request_error", "tcp_req_err", &[], &[RequestIcmpError]),
    ("request_destroyed", "tcp_abort", &[], &[RequestDestroyed]),
    (
        "child_forgotten",
        "inet_child_forget",
        &[AckDeferred],
        &[AckListenerClosing, ChildNotAccepted],
    ),
    ("accepted", "security_sock_graft", &[], &[Accepted]),
];

/// What each optional hook is worth, with the counters and without.
#[test]
fn a_missing_hook_costs_what_the_decision_tables_say() {
    use Reason::*;
    for (program, function, inferred, unobservable) in COSTS {
        let plan = Model { without: &[function], ..Model::default() }.plan().unwrap();
        assert!(missing(&plan).contains(program), "{program}");
        let sorted = |reasons: &[Reason]| reasons.iter().copied().collect::<BTreeSet<_>>();
        let found = (sorted(&plan.inferred), sorted(&plan.unobservable));
        assert_eq!(found, (sorted(inferred), sorted(unobservable)), "{program}");
    }
    let uncounted = ["LINUX_MIB_LISTENDROPS", "tcp_syn_flood_action"];
    let plan = Model { without: &uncounted, ..Model::default() }.plan().unwrap();
    for reason in [AcceptQueueFullSyn, SynQueueFull] {
        assert!(plan.inferred.contains(&reason), "{reason:?}");
    }
    let uncounted = ["LINUX_MIB_LISTENDROPS", "tcp_create_openreq_child"];
    let plan = Model { without: &uncounted, ..Model::default() }.plan().unwrap();
    assert_eq!(missing(&plan), ["child_created"]);
    assert!(plan.inferred.contains(&AcceptQueueFullAck), "{:?}", plan.inferred);
    assert!(plan.unobservable.contains(&AckChildNomem), "{:?}", plan.unobservable);
    let silent = Model { without: &["tcp_oow_rate_limited"], ..Model::default() }.plan().unwrap();
    assert!(programs(&silent).contains(&"ack_v4_sent") && silent.watches(Milestone::Answered));
    // Where the way tells, nobody needs to see whether there was an answer.
    let unanswered = ["LINUX_MIB_LISTENDROPS", "tcp_make_synack"];
    let plan = Model { without: &unanswered, ..Model::default() }.plan().unwrap();
    assert_eq!(missing(&plan), ["synack_made"]);
    for reason in [AcceptQueueFullSyn, SynQueueFull] {
        assert!(!plan.unobservable.contains(&reason), "{reason:?}");
        assert!(!plan.inferred.contains(&reason), "{reason:?}");
    }
    let blind = ["LINUX_MIB_LISTENDROPS", "tcp_make_synack", "tcp_syn_flood_action"];
    let plan = Model { without: &blind, ..Model::default() }.plan().unwrap();
    for reason in [AcceptQueueFullSyn, SynQueueFull] {
        assert!(plan.unobservable.contains(&reason), "{reason:?}");
    }
}

#[test]
fn a_kernel_without_ipv6_misses_nothing() {
    let without =
        ["skc_v6_rcv_saddr", "tcp_v6_conn_request", "tcp_v6_syn_recv_sock", "inet6_csk_route_req"];
    let plan = Model { without: &without, ..Model::default() }.plan().unwrap();
    assert!(plan.missing.is_empty() && plan.inferred.is_empty());
    assert!(plan.watches(Milestone::RouteAsked));
    assert!(!programs(&plan).contains(&"route_v6_exit"));
}

#[test]
fn an_excluded_program_takes_its_twin_along() {
    let plan = Plan::resolve(
        &Model::default().btf(),
        Asked::EVERYTHING,
        &Means::kprobes(&["v6_conn_request_exit"]),
    )
    .unwrap();
    assert_eq!(missing(&plan), ["v6_conn_request"]);
    assert!(!programs(&plan).iter().any(|program| program.starts_with("v6_conn_request")));
    let error = Plan::resolve(
        &Model::default().btf(),
        Asked::EVERYTHING,
        &Means::kprobes(&["conn_request"]),
    )
    .unwrap_err();
    assert!(error.to_string().contains("tcp_conn_request"), "{error}");
}

#[test]
fn only_the_judges_of_a_call_are_no_milestones() {
    let plan = Model::default().plan().unwrap();
    let judges: Vec<_> = plan
        .probes
        .iter()
        .filter(|probe| !probe.milestone)
        .map(|probe| &probe.target[..])
        .collect();
    let twice = |target| [target, target];
    let expected = [
        twice("tcp_v4_conn_request"),
        twice("tcp_v6_conn_request"),
        twice("subflow_v4_conn_request"),
        twice("subflow_v6_conn_request"),
        twice("tcp_check_req"),
        twice("tcp_v4_syn_recv_sock"),
        twice("tcp_v6_syn_recv_sock"),
        twice("cookie_v4_check"),
        twice("cookie_v6_check"),
        twice("reqsk_timer_handler"),
    ];
    let opened = ["tcp_req_err", "inet_csk_reqsk_queue_drop_and_put"];
    let before = [
        twice("tcp_v4_rcv"),
        twice("tcp_v6_rcv"),
        twice("sk_filter_trim_cap"),
        twice("__xfrm_policy_check"),
        twice("tcp_inbound_hash"),
    ];
    let within = vec!["tcp_conn_request"];
    assert_eq!(judges, [&within, &expected.concat(), &opened[..], &before.concat()].concat());
}

#[test]
fn the_return_of_a_function_is_hooked_where_not_that_of_each_caller_is() {
    let exit = "conn_request_exit";
    assert!(!programs(&Model::default().plan().unwrap()).contains(&exit));
    for caller in ["tcp_v6_conn_request", "subflow_v4_conn_request"] {
        let lacking = Model { without: &[caller], ..Model::default() };
        assert!(!programs(&lacking.plan().unwrap()).contains(&exit), "{caller} cannot call it");
    }
    let means = Means::kprobes(&["subflow_v4_conn_request"]);
    let plan = Plan::resolve(&Model::default().btf(), Asked::EVERYTHING, &means).unwrap();
    assert!(programs(&plan).contains(&exit), "its calls would never be judged");
}
