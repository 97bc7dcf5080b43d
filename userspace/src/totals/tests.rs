use std::time::Duration;

use ebpf_probes::{Evidence, Reason, Stage};
use jiff::Timestamp;

use super::{ReasonTotal, TOLD_APART, Tally};
use crate::decode::sample::{packet, syn_drop};
use crate::decode::{Bucket, ListenerId, Packet, SynDrop};
use crate::incident::{Incident, Owner};
use crate::source::{Losses, Snapshot, Total};

fn listener(inode: u64) -> ListenerId {
    ListenerId { sock: inode, inode: Some(inode), netns: Some(1), bound: None }
}

fn total(inode: u64, reason: Reason, evidence: Evidence, shown: bool, count: u64) -> Total {
    let (stage, moves) = (Stage::Syn, reason.moves());
    let bucket = Bucket { listener: listener(inode), reason, stage, evidence, shown, moves };
    Total::whole(bucket, count)
}

fn snapshot(totals: Vec<Total>) -> Snapshot {
    Snapshot { duration: Duration::from_secs(1), totals, ..Snapshot::default() }
}

fn incident(inode: u64, peer: u32, comm: Option<&str>) -> Incident {
    let peer = std::net::Ipv4Addr::from_bits(peer);
    let packet = Packet { peer: (peer, 1).into(), ..packet("10.0.0.1:80", "192.0.2.9:1024") };
    let reason = Reason::SynQueueFull;
    let drop = SynDrop { packet: Some(packet), listener: listener(inode), reason, ..syn_drop() };
    let comm = comm.map(str::to_owned);
    Incident { time: Timestamp::UNIX_EPOCH, drop, owner: Owner { comm, ..Owner::default() }.into() }
}

fn nobody(_: &ListenerId) -> Owner {
    Owner::default()
}

#[test]
fn buckets_add_up_by_reason_and_by_listener_most_first() {
    use Evidence::{Inferred, Observed};
    let totals = Tally::default().totals(
        &snapshot(vec![
            total(1, Reason::SynQueueFull, Observed, true, 5),
            total(1, Reason::SynQueueFull, Inferred, true, 2),
            total(1, Reason::AcceptQueueFullSyn, Observed, true, 1),
            total(2, Reason::AcceptQueueFullSyn, Observed, true, 30),
        ]),
        nobody,
    );
    let row = |reason, count, inferred| ReasonTotal { reason, count, inferred };
    let all = [row(Reason::AcceptQueueFullSyn, 31, 0), row(Reason::SynQueueFull, 7, 2)];
    assert_eq!(totals.drops, all);
    assert_eq!(totals.count(), 38);
    let inodes: Vec<_> = totals.by_listener.iter().map(|it| (it.id.inode, it.count())).collect();
    assert_eq!(inodes, [(Some(2), 30), (Some(1), 8)]);
    let second = [row(Reason::SynQueueFull, 7, 2), row(Reason::AcceptQueueFullSyn, 1, 0)];
    assert_eq!(totals.by_listener[1].drops, second);
}

#[test]
fn what_the_filter_hides_is_not_added() {
    let hidden = total(1, Reason::SynQueueFull, Evidence::Observed, false, 5);
    let totals = Tally::default().totals(&snapshot(vec![hidden]), nobody);
    assert_eq!((totals.count(), totals.by_listener.len()), (0, 0));
}

#[test]
fn events_tell_who_the_listeners_are() {
    let mut tally = Tally::default();
    tally.add(&incident(1, 7, Some("nginx")));
    // A later event whose owner could not be found does not undo what is known.
    tally.add(&incident(1, 8, None));
    let counted =
        [1, 2].map(|inode| total(inode, Reason::SynQueueFull, Evidence::Observed, true, 3 - inode));
    let asked = |id: &ListenerId| Owner { comm: Some(format!("asked {id:?}")), ..Owner::default() };
    let totals = tally.totals(&snapshot(counted.to_vec()), asked);
    let [first, second] = &totals.by_listener[..] else { panic!("{totals:?}") };
    assert_eq!((first.owner.comm.as_deref(), first.limit), (Some("nginx"), Some(8)));
    assert!(second.owner.comm.as_deref().is_some_and(|comm| comm.starts_with("asked")));
    assert_eq!(second.limit, None);
}

#[test]
fn clients_are_exact_only_if_every_drop_had_an_event() {
    let clients = |counted| {
        let mut tally = Tally::default();
        for peer in [1, 2, 1] {
            tally.add(&incident(1, peer, None));
        }
        let counted = total(1, Reason::SynQueueFull, Evidence::Observed, true, counted);
        tally.totals(&snapshot(vec![counted]), nobody).clients
    };
    assert_eq!((clients(3).count, clients(3).exact), (2, true));
    assert_eq!((clients(4).count, clients(4).exact), (2, false));
}

#[test]
fn notices_are_told_apart_and_are_no_drops() {
    let mut tally = Tally::default();
    let mut notice = incident(1, 9, None);
    notice.drop.reason = Reason::CookieSent;
    tally.add(&notice);
    tally.add(&incident(1, 7, None));
    let counted = [(Reason::CookieSent, 5), (Reason::SynQueueFull, 1), (Reason::Accepted, 6)];
    let counted = counted.map(|(reason, n)| total(1, reason, Evidence::Observed, true, n));
    let totals = tally.totals(&snapshot(counted.to_vec()), nobody);
    assert_eq!((totals.count(), totals.by_listener[0].count()), (1, 1));
    assert_eq!((totals.clients.count, totals.clients.exact), (1, true));
    let notices: Vec<_> = totals.notices.iter().map(|it| (it.reason, it.count)).collect();
    assert_eq!(notices, [(Reason::Accepted, 6), (Reason::CookieSent, 5)]);
}

#[test]
fn a_client_that_tries_again_is_one_connection() {
    let mut tally = Tally::default();
    let mut other = incident(1, 7, None);
    other.drop.packet = Some(packet("10.0.0.1:80", "0.0.0.7:2"));
    for incident in [&incident(1, 7, None), &incident(1, 7, None), &other] {
        tally.add(incident);
    }
    let counted = total(1, Reason::SynQueueFull, Evidence::Observed, true, 3);
    let totals = tally.totals(&snapshot(vec![counted]), nobody);
    assert_eq!((totals.clients.count, totals.connections.count), (1, 2));
    assert!(totals.connections.exact);
}

#[test]
fn clients_beyond_the_bound_are_not_told_apart_and_it_says_so() {
    let mut tally = Tally::default();
    let many = u32::try_from(TOLD_APART).unwrap();
    for peer in (0..many).chain([0]) {
        tally.add(&incident(1, peer, None));
    }
    let exact = tally.totals(&snapshot(Vec::new()), nobody).clients;
    assert_eq!((exact.count, exact.exact), (many.into(), true));
    tally.add(&incident(1, many, None));
    let bounded = tally.totals(&snapshot(Vec::new()), nobody).clients;
    assert_eq!((bounded.count, bounded.exact), (many.into(), false));
}

#[test]
fn an_event_that_was_lost_may_have_been_of_another_client() {
    let losses = Losses { ring_full: 1, ..Losses::default() };
    let lossy = Snapshot { losses, ..Snapshot::default() };
    assert!(!Tally::default().totals(&lossy, nobody).clients.exact);
}

#[test]
fn an_unknown_client_may_be_one_more() {
    let mut unread = incident(1, 1, None);
    unread.drop.packet = None;
    let mut tally = Tally::default();
    tally.add(&unread);
    let clients = tally.totals(&snapshot(Vec::new()), nobody).clients;
    assert_eq!((clients.count, clients.exact), (0, false));
}
