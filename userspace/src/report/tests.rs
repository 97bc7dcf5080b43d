use std::time::Duration;

use ebpf_probes::Reason::{self, AcceptQueueFullSyn, ClientGone, ClientRecovered, SynQueueFull};
use jiff::Timestamp;

use super::timeline::BINS_MAX;
use super::{Peak, Report};
use crate::decode::sample::{packet, syn_drop};
use crate::decode::{AcceptQueue, SynDrop};
use crate::incident::{Incident, Owner};
use crate::source::Lost;

fn at(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).unwrap()
}

/// A refusal of one client so many ms after the beginning.
fn incident(milliseconds: i64, reason: Reason, len: u32) -> Incident {
    let drop = SynDrop {
        reason,
        packet: Some(packet("10.0.0.1:80", "192.0.2.9:1024")),
        accept: Some(AcceptQueue { len, limit: 8 }),
        attempt: None,
        refused_ns: None,
        ..syn_drop()
    };
    Incident { time: at(milliseconds), drop, owner: Owner::default().into() }
}

fn report(incidents: impl IntoIterator<Item = Incident>) -> Report {
    let mut report = Report::new(Some(at(0)));
    incidents.into_iter().for_each(|incident| report.add(&incident));
    report
}

#[test]
fn bins_grow_wider_and_lose_nothing() {
    for step in [1, 7, 999, 60_000, 86_400_000] {
        let report = report((0..5000).map(|nth| incident(nth * step, AcceptQueueFullSyn, 9)));
        let bins = &report.timeline.bins;
        assert!(bins.len() <= BINS_MAX, "{step}: {}", bins.len());
        assert!(bins.len() > BINS_MAX / 6, "{step}: {} are too few to see anything", bins.len());
        let count: u64 = bins.iter().map(super::Bin::count).sum();
        let queued: u64 =
            bins.iter().flat_map(|bin| bin.queues.values()).map(|queues| queues.drops).sum();
        assert_eq!((count, queued, report.events), (5000, 5000, 5000));
        // Evenly spread drops are evenly spread still.
        let (least, most) = bins[..bins.len() - 1]
            .iter()
            .map(super::Bin::count)
            .fold((u64::MAX, 0), |(least, most), it| (least.min(it), most.max(it)));
        assert!(most - least <= 1, "{step}: {least} to {most}");
    }
}

#[test]
fn a_bin_is_where_its_time_is() {
    let mut report = report([0, 1_234, 86_400].map(|at| incident(at, AcceptQueueFullSyn, 9)));
    assert_eq!(report.timeline.width().as_millis(), 500);
    let full: Vec<usize> = (0..report.timeline.bins.len())
        .filter(|&nth| report.timeline.bins[nth].count() > 0)
        .collect();
    assert_eq!(full, [0, 2, 172]);
    assert_eq!(report.timeline.time(2), Some(at(1000)));
    // What came before the beginning is not lost.
    report.add(&incident(-50_000, AcceptQueueFullSyn, 9));
    assert_eq!(report.timeline.bins[0].count(), 2);
    report.lost(&Lost { events: 7, since: at(86_300) });
    assert_eq!(report.timeline.bins[172].lost, 7);
}

#[test]
fn the_longest_queue_is_kept_with_the_limit_of_its_moment() {
    let longer = |one: Option<(u32, u32)>, other: Option<(u32, u32)>| {
        let peak = |it: Option<(u32, u32)>| it.map(|(len, limit)| Peak { len, limit: Some(limit) });
        Peak::longer(peak(one), peak(other)).map(|it| (it.len, it.limit.unwrap()))
    };
    assert_eq!(longer(Some((9, 8)), Some((7, 16))), Some((9, 8)));
    assert_eq!(longer(Some((9, 8)), Some((9, 16))), Some((9, 16)));
    assert_eq!(longer(None, Some((1, 8))), Some((1, 8)));
    assert_eq!(longer(Some((1, 8)), None), Some((1, 8)));
    let report = report([
        incident(0, AcceptQueueFullSyn, 9),
        incident(10, SynQueueFull, 3),
        incident(20, AcceptQueueFullSyn, 7),
    ]);
    assert_eq!(report.listeners[0].accept, Some(Peak { len: 9, limit: Some(8) }));
    let seen = report.occurrences[&AcceptQueueFullSyn];
    assert_eq!((seen.first, seen.last), (at(0), at(20)));
    assert_eq!(report.occurrences[&SynQueueFull].accept, Some(Peak { len: 3, limit: Some(8) }));
}

#[test]
fn a_client_that_got_in_waited_as_long_as_was_measured() {
    let mut recovered = incident(3100, ClientRecovered, 8);
    recovered.drop.refused_ns = Some(3_010_000_000);
    let report = report([
        incident(0, AcceptQueueFullSyn, 9),
        incident(1000, AcceptQueueFullSyn, 9),
        recovered,
        // The same ports again are another connection.
        incident(9000, AcceptQueueFullSyn, 9),
        incident(10_000, ClientGone, 9),
    ]);
    let [(_, client)] = report.clients.longest_first()[..] else { panic!("one client") };
    assert_eq!((client.connections, client.refused, client.gone), (2, 3, 1));
    assert_eq!(client.refused_for, Duration::from_secs(1));
    assert_eq!(client.waited(), Duration::from_millis(3010));
    assert_eq!(client.delays.classes, [0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!((report.clients.delays.count(), report.clients.gone), (1, 1));
    // Notices are no drops.
    assert_eq!((report.events, report.listeners[0].drops, report.listeners[0].gone), (3, 3, 1));
    assert_eq!(report.timeline.bins.iter().map(super::Bin::count).sum::<u64>(), 3);
}

#[test]
fn memory_is_bounded_and_what_is_left_out_is_said() {
    let mut report = Report::new(None);
    for nth in 0..70_000_u32 {
        let mut incident = incident(i64::from(nth), AcceptQueueFullSyn, 9);
        let peer = format!("{}:1", std::net::Ipv4Addr::from_bits(nth));
        incident.drop.packet = Some(packet("10.0.0.1:80", &peer));
        incident.drop.listener.inode = Some(u64::from(nth));
        report.add(&incident);
    }
    assert_eq!(report.listeners.len(), 1024);
    assert_eq!(report.unfollowed, 70_000 - 1024);
    assert!(report.clients.left_out);
    assert_eq!(report.clients.longest_first().len(), 1 << 16);
    assert_eq!(report.events, 70_000);
}
