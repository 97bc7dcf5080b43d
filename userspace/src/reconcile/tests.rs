use ebpf_probes::Counter::{self, ListenDrops, ListenOverflows, TcpReqQFullDrop};
use ebpf_probes::{Evidence, Reason, Stage};

use super::{Balance, Line, other_sources, reconcile};
use crate::decode::{Bucket, ListenerId};
use crate::source::{NetnsCounter, Snapshot, Total};

fn total(netns: Option<u32>, reason: Reason, shown: bool, count: u64) -> Total {
    let listener = ListenerId { sock: 1, inode: Some(1), netns, bound: None };
    let evidence = Evidence::Observed;
    let moves = reason.moves();
    let bucket = Bucket { listener, reason, stage: Stage::Syn, evidence, shown, moves };
    Total::whole(bucket, count)
}

fn read(netns: u32, counter: Counter, kernel: Option<u64>) -> NetnsCounter {
    NetnsCounter { netns, counter, kernel, explained: None, in_flight: 0 }
}

fn lines(totals: Vec<Total>, counters: Vec<NetnsCounter>) -> Vec<Line> {
    reconcile(&Snapshot { totals, counters, ..Snapshot::default() })
}

#[test]
fn a_reason_explains_the_counters_that_it_moves() {
    let rows: [(Reason, [u64; 3]); 6] = [
        (Reason::AcceptQueueFullSyn, [1, 1, 0]),
        (Reason::SynQueueFull, [0, 1, 1]),
        (Reason::SynBacklogReserved, [0, 1, 0]),
        (Reason::AcceptQueueFullAck, [1, 1, 0]),
        (Reason::AcceptQueueFullAckRst, [1, 1, 0]),
        (Reason::Unattributed, [0, 0, 0]),
    ];
    let counters = [ListenOverflows, ListenDrops, TcpReqQFullDrop];
    for (reason, moved) in rows {
        let kernel = counters.map(|counter| read(7, counter, Some(4))).to_vec();
        let lines = lines(vec![total(Some(7), reason, true, 4)], kernel);
        let explained: Vec<_> =
            lines.iter().take(3).map(|line| (line.counter, line.explained)).collect();
        let expected: Vec<_> = counters.into_iter().zip(moved.map(|count| 4 * count)).collect();
        assert_eq!(explained, expected, "{reason:?}");
    }
}

#[test]
fn namespaces_are_kept_apart() {
    let totals =
        [7, 8].map(|netns| total(Some(netns), Reason::SynBacklogReserved, true, netns.into()));
    let kernel = [7, 8, 9].map(|netns| read(netns, ListenDrops, Some(8)));
    let lines = lines(totals.to_vec(), kernel.to_vec());
    let found: Vec<_> = lines.iter().map(|line| (line.netns, line.balance())).collect();
    assert_eq!(found, [(7, Balance::LeftOver(1)), (8, Balance::Even), (9, Balance::LeftOver(8))]);
}

#[test]
fn hidden_drops_explain_as_well() {
    let totals = vec![
        total(Some(7), Reason::AcceptQueueFullSyn, true, 1),
        total(Some(7), Reason::SynQueueFull, false, 2),
    ];
    let lines = lines(totals, vec![read(7, ListenDrops, Some(3))]);
    let drops = lines.iter().find(|line| line.counter == ListenDrops).unwrap();
    assert_eq!((drops.explained, drops.balance()), (3, Balance::Even));
}

#[test]
fn unattributed_drops_explain_nothing_and_are_named() {
    let totals = vec![
        total(Some(7), Reason::Unattributed, true, 2),
        total(Some(8), Reason::Unattributed, true, 5),
    ];
    let lines = lines(totals, vec![read(7, ListenDrops, Some(2))]);
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].balance(), lines[0].unattributed), (Balance::LeftOver(2), 2));
}

#[test]
fn to_explain_more_than_the_kernel_counted_is_no_balance() {
    let totals = vec![total(Some(7), Reason::SynBacklogReserved, true, 5)];
    let lines = lines(totals, vec![read(7, ListenDrops, Some(3))]);
    assert_eq!(lines[0].balance(), Balance::Excess(2));
}

#[test]
fn what_came_while_both_were_read_is_claimed_by_neither() {
    let of = |explained, in_flight| {
        let totals = vec![total(Some(7), Reason::SynBacklogReserved, true, explained)];
        let read = NetnsCounter { in_flight, ..read(7, ListenDrops, Some(100)) };
        lines(totals, vec![read])[0].balance()
    };
    assert_eq!(of(100, 5), Balance::Even);
    assert_eq!((of(95, 5), of(105, 5)), (Balance::InFlight(5), Balance::InFlight(5)));
    assert_eq!((of(94, 5), of(106, 5)), (Balance::LeftOver(6), Balance::Excess(6)));
}

#[test]
fn counters_that_nobody_read_are_unknown() {
    let totals = vec![total(Some(7), Reason::AcceptQueueFullAck, true, 5)];
    let lines = lines(totals, vec![read(7, ListenDrops, None)]);
    let found: Vec<_> =
        lines.iter().map(|line| (line.counter, line.explained, line.balance())).collect();
    let unknown = [ListenOverflows, ListenDrops].map(|counter| (counter, 5, Balance::Unknown));
    assert_eq!(found, unknown);
}

#[test]
fn a_drop_of_an_unknown_namespace_explains_no_counter() {
    let totals = vec![total(None, Reason::SynBacklogReserved, true, 5)];
    let lines = lines(totals, vec![read(7, ListenDrops, Some(5))]);
    assert_eq!(lines[0].balance(), Balance::LeftOver(5));
}

#[test]
fn a_recording_knows_what_it_explained() {
    let recorded = NetnsCounter { explained: Some(4), ..read(7, ListenDrops, Some(5)) };
    let totals = vec![total(Some(7), Reason::SynBacklogReserved, true, 2)];
    assert_eq!(lines(totals, vec![recorded])[0].explained, 4);
}

#[test]
fn a_counter_that_stood_still_needs_no_line() {
    let lines = lines(Vec::new(), vec![read(7, ListenDrops, Some(0)), read(8, ListenDrops, None)]);
    assert!(lines.iter().all(|line| !line.moved()));
    for &counter in Counter::OF_DROPS {
        assert!(!other_sources(counter).is_empty());
    }
}
