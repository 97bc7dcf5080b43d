use std::sync::Arc;

use ebpf_probes::{Counter, Counters, Evidence, Reason, Stage};

use super::{FROM_THE_START, Gatherer, OTHER, Scrape};
use crate::decode::{AcceptQueue, Bucket, Family, Listener, ListenerId, Sysctls};
use crate::enrich::{Holder, Membership, OwnedListener, Process};
use crate::filter::{Wanted, concerns};
use crate::source::{Losses, NetnsCounter, Snapshot, Total};

fn id(bound: &str) -> ListenerId {
    ListenerId { sock: 1, inode: Some(5), netns: Some(7), bound: bound.parse().ok() }
}

fn row(bound: &str, len: u32) -> OwnedListener {
    let process = Process {
        pid: 9,
        comm: "nginx".to_owned(),
        cmdline: Vec::new(),
        membership: Membership::default(),
    };
    let listener = Listener {
        id: id(bound),
        cookie: None,
        uid: None,
        accept: Some(AcceptQueue { len, limit: 8 }),
        syn_len: Some(2),
        syn_young: None,
        sysctls: Sysctls::default(),
    };
    OwnedListener {
        listener,
        holder: Some(Holder { first: Arc::new(process), others: Vec::new(), pids: vec![9] }),
    }
}

fn total(bound: &str, reason: Reason, count: u64, shown: bool) -> Total {
    let bucket = Bucket {
        listener: id(bound),
        reason,
        stage: Stage::Syn,
        evidence: Evidence::Observed,
        shown,
        moves: Counters::NONE,
    };
    Total::whole(bucket, count)
}

fn snapshot(totals: Vec<Total>) -> Snapshot {
    Snapshot { totals, ..Snapshot::default() }
}

/// Drops by listener, those that are none included.
fn drops(scrape: &Scrape, listener: &str) -> Vec<u64> {
    let of = scrape.drops.iter().filter(|((place, _), _)| place.listener == listener);
    of.map(|(_, &count)| count).collect()
}

#[test]
fn sockets_of_one_address_are_one_series() {
    let mut gatherer = Gatherer::new(10);
    let full = Reason::AcceptQueueFullSyn;
    let totals = vec![
        total("10.0.0.1:80", full, 3, true),
        total("10.0.0.1:80", full, 4, true),
        total("10.0.0.1:80", full, 100, false),
        total("10.0.0.1:80", Reason::CookieSent, 2, true),
    ];
    let rows = [row("10.0.0.1:80", 9), row("10.0.0.1:80", 1)];
    let scrape = gatherer.gather(&snapshot(totals), &rows);
    assert_eq!(scrape.drops.iter().find(|((_, it), _)| *it == full).unwrap().1, &7);
    assert_eq!(scrape.notices.values().collect::<Vec<_>>(), [&2]);
    let queues = scrape.queues.values().next().unwrap();
    assert_eq!((queues.accept, queues.syn), (Some((10, 16)), Some((4, 16))));
    assert_eq!((scrape.queues.len(), scrape.owners.len(), scrape.folded), (1, 1, 0));
}

#[test]
fn a_listener_has_series_before_its_first_drop() {
    let scrape = Gatherer::new(10).gather(&snapshot(Vec::new()), &[row("10.0.0.1:80", 0)]);
    assert_eq!(drops(&scrape, "10.0.0.1:80"), [0; FROM_THE_START.len()]);
}

#[test]
fn those_beyond_the_maximum_are_summed_up_and_counted() {
    let mut gatherer = Gatherer::new(2);
    let rows: Vec<_> = (1..=5).map(|port| row(&format!("10.0.0.1:{port}"), 3)).collect();
    let scrape = gatherer.gather(&snapshot(Vec::new()), &rows);
    assert_eq!((scrape.queues.len(), scrape.folded), (3, 3));
    let other = scrape.queues.iter().find(|(place, _)| place.listener == OTHER).unwrap().1;
    assert_eq!(other.accept, Some((9, 24)));
    assert!(scrape.owners.iter().all(|owner| owner.place.listener != OTHER));
}

#[test]
fn no_counter_ever_goes_back() {
    let mut gatherer = Gatherer::new(1);
    let full = Reason::AcceptQueueFullSyn;
    let of = |port: u16, count| total(&format!("10.0.0.1:{port}"), full, count, true);
    let rows = [row("10.0.0.1:1", 0), row("10.0.0.1:2", 0)];
    // The first that is there has the only place; what the second drops is in `other`.
    let first = gatherer.gather(&snapshot(vec![of(2, 5)]), &rows);
    assert_eq!(first.drops.values().sum::<u64>(), 5);
    assert_eq!(drops(&first, "10.0.0.1:2").iter().sum::<u64>(), 5, "it dropped, so it was first");
    let second = gatherer.gather(&snapshot(vec![of(1, 3), of(2, 6)]), &rows);
    assert_eq!(drops(&second, OTHER).iter().sum::<u64>(), 3);
    // Even when the other one is gone, what was counted stays where it was.
    let third = gatherer.gather(&snapshot(vec![of(1, 4), of(2, 6)]), &rows[..1]);
    assert_eq!(drops(&third, OTHER).iter().sum::<u64>(), 4);
    assert_eq!(drops(&third, "10.0.0.1:2").iter().sum::<u64>(), 6);
    assert_eq!(third.folded, 1);
}

#[test]
fn a_listener_that_never_dropped_gives_its_place_back() {
    let mut gatherer = Gatherer::new(1);
    gatherer.gather(&snapshot(Vec::new()), &[row("10.0.0.1:1", 0)]);
    let scrape = gatherer.gather(&snapshot(Vec::new()), &[row("10.0.0.1:2", 0)]);
    assert_eq!((drops(&scrape, "10.0.0.1:2").len(), scrape.folded), (5, 0));
    assert!(drops(&scrape, "10.0.0.1:1").is_empty());
}

#[test]
fn what_is_left_over_once_may_only_be_late() {
    let mut gatherer = Gatherer::new(1);
    let mut left = |kernel| {
        let counter = Counter::ListenDrops;
        let row = NetnsCounter { netns: 7, counter, kernel, explained: Some(10), in_flight: 0 };
        let snapshot = Snapshot { counters: vec![row], ..Snapshot::default() };
        gatherer.gather(&snapshot, &[]).unexplained.values().copied().next()
    };
    assert_eq!(left(None), None, "unknown is not 0");
    assert_eq!(left(Some(10)), Some(0));
    assert_eq!(left(Some(13)), Some(0));
    assert_eq!(left(Some(11)), Some(1));
    assert_eq!(left(Some(13)), Some(1));
    assert_eq!(left(Some(13)), Some(3));
    assert_eq!(left(Some(10)), Some(3), "a counter never goes back");
}

#[test]
fn losses_are_told() {
    let losses =
        Losses { ring_full: 1, undecodable: 2, totals_full: 3, slot_clash: 4, ..Losses::default() };
    let scrape = Gatherer::new(1).gather(&Snapshot { losses, ..Snapshot::default() }, &[]);
    assert_eq!((scrape.lost, scrape.uncounted, scrape.missed), (3, 3, 4));
}

#[test]
fn a_filter_leaves_the_listeners_that_it_means() {
    let shown = |wanted: &Wanted| {
        let bound = ["10.0.0.1:80", "0.0.0.0:81", "[::]:80", "[fd00::1]:82"];
        (0..4)
            .filter(|&nth| concerns(&wanted.compile().unwrap(), &id(bound[nth])))
            .collect::<Vec<_>>()
    };
    let all = Wanted::default;
    assert_eq!(shown(&all()), [0, 1, 2, 3]);
    assert_eq!(shown(&Wanted { ports: vec![80, 82], ..all() }), [0, 2, 3]);
    assert_eq!(shown(&Wanted { family: Some(Family::V4), ..all() }), [0, 1, 2]);
    assert_eq!(shown(&Wanted { family: Some(Family::V6), ..all() }), [2, 3]);
    assert_eq!(shown(&Wanted { local: "10.0.0.0/8".parse().ok(), ..all() }), [0, 1, 2]);
    assert_eq!(shown(&Wanted { netns: Some(8), ..all() }), [0; 0]);
}
