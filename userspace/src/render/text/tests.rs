use std::time::Duration;

use ebpf_probes::{Counter, Evidence, Reason};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Text;
use crate::catalogue;
use crate::decode::sample::{packet, syn_drop};
use crate::decode::{AcceptQueue, ListenerId, SynDrop};
use crate::incident::{Incident, Owner};
use crate::reconcile::Line;
use crate::render::{Render, Summary};
use crate::source::{Losses, Lost, Opening};
use crate::totals::{ListenerTotal, Number, ReasonTotal, Totals};

/// The longest of all ids.
const LONGEST: &str = "cookie-ack-accept-queue-full";

fn incident() -> Incident {
    let drop = SynDrop {
        reason: Reason::AcceptQueueFullAckRst,
        packet: Some(packet("203.0.113.100:65535", "203.0.113.200:65535")),
        accept: Some(AcceptQueue { len: 4097, limit: 4096 }),
        syn_len: Some(4096),
        ..syn_drop()
    };
    let time = Timestamp::from_second(1_700_000_000).unwrap();
    Incident { time, drop, owner: Owner::default().into() }
}

fn text(
    colour: bool,
    write: impl FnOnce(&mut Text, &mut Vec<u8>) -> std::io::Result<()>,
) -> String {
    let mut out = Vec::new();
    write(&mut Text::new(TimeZone::UTC, colour), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn row(incident: &Incident) -> String {
    text(false, |text, out| text.incident(out, incident))
}

fn summary() -> Summary {
    let row = |reason, count, inferred| ReasonTotal { reason, count, inferred };
    let listener = ListenerTotal {
        id: ListenerId {
            sock: 1,
            inode: Some(9),
            netns: Some(7),
            bound: Some("[::]:80".parse().unwrap()),
        },
        cookie: None,
        limit: Some(8),
        asked: None,
        owner: Owner {
            pid: Some(12),
            comm: Some("ngi\u{1b}nx".into()),
            cgroup: Some("/a".into()),
            container: None,
        },
        drops: vec![row(Reason::SynQueueFull, 5, 1)],
        sampled_out: 0,
    };
    Summary {
        duration: Duration::from_millis(10_040),
        totals: Totals {
            drops: vec![row(Reason::SynQueueFull, 5, 1)],
            by_listener: vec![listener],
            clients: Number { count: 1, exact: true },
            connections: Number { count: 3, exact: true },
            notices: Vec::new(),
        },
        counters: vec![line(7, Counter::ListenDrops, Some(5), 5)],
        losses: Losses::default(),
        latency: None,
        cost: None,
    }
}

fn line(netns: u32, counter: Counter, kernel: Option<u64>, explained: u64) -> Line {
    Line { netns, counter, kernel, explained, unattributed: 0, in_flight: 0 }
}

fn end(summary: &Summary) -> String {
    text(false, |text, out| text.summary(out, summary))
}

#[test]
fn the_longest_ipv4_row_stays_under_100_columns_and_under_its_titles() {
    let titles = text(false, |text, out| text.opening(out, &Opening::default()));
    let mut longest = incident();
    longest.drop.reason = catalogue::by_slug(LONGEST).unwrap().reason;
    let row = row(&longest);
    assert!(row.trim_end().len() < 100, "{} columns: {row}", row.trim_end().len());
    let columns = ["203.0.113.100", "203.0.113.200", LONGEST, "4097>4096", "4096/4096"];
    let named = ["LISTENER", "PEER", "REASON", "ACCEPT-Q", "SYN-Q"];
    for (value, title) in columns.into_iter().zip(named) {
        assert_eq!(row.find(value), titles.find(title), "{title}: {row}");
    }
    assert!(row.starts_with("22:13:20 "));
}

#[test]
fn no_id_is_longer_than_its_column() {
    assert!(catalogue::all().all(|entry| entry.slug.len() <= LONGEST.len()));
}

#[test]
fn attempts_and_what_became_of_them_stand_behind_the_reason() {
    let with = |reason, attempt, refused_ns| {
        let mut incident = incident();
        incident.drop = SynDrop { reason, attempt, refused_ns, ..incident.drop };
        row(&incident)
    };
    let second = Some(1_000_000_000);
    assert!(with(Reason::SynQueueFull, Some(1), Some(0)).contains(" syn-queue-full  "));
    assert!(with(Reason::SynQueueFull, Some(2), second).contains(" syn-queue-full #2  "));
    let gone = with(Reason::ClientGone, Some(7), Some(63_040_000_000));
    assert!(gone.contains(" client-gone 63.0 s #7  "), "{gone}");
    let back = with(Reason::ClientRecovered, Some(1), Some(40_000_000));
    assert!(back.contains(" client-recovered 0.0 s  "), "{back}");
    assert!(gone.trim_end().len() < 100);
}

#[test]
fn notices_stand_apart() {
    let mut summary = summary();
    let notice = ReasonTotal { reason: Reason::CookieSent, count: 4, inferred: 0 };
    summary.totals.notices = vec![notice];
    let end = end(&summary);
    assert!(end.contains("5 drops of"), "{end}");
    let (_, after) = end.split_once("\n\nnotices, which are no drops:\n").unwrap();
    assert!(after.starts_with("       4 cookie-sent "), "{end}");
}

#[test]
fn bounds_that_were_hit_are_said() {
    let mut summary = summary();
    summary.losses = Losses { clients_forgotten: 1, clients_unfollowed: 2, ..Losses::default() };
    let bounds = "0 missed, 1 refused client forgotten, 2 refused clients not followed\n";
    assert!(end(&summary).ends_with(&bounds.replace("0 missed", "0 probes missed")));
}

#[test]
fn what_is_unknown_is_a_dash_and_what_is_inferred_says_so() {
    let mut unread = incident();
    unread.drop.packet = None;
    (unread.drop.accept, unread.drop.syn_len) = (None, Some(3));
    unread.drop.evidence = Evidence::Inferred;
    let words: Vec<_> = row(&unread).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words[1..], ["-", "-", "accept-queue-full-ack-rst", "-", "3/-", "inferred"]);
    unread.drop.listener.bound = Some("[::]:80".parse().unwrap());
    assert!(row(&unread).contains(" [::]:80 "));
}

#[test]
fn a_queue_at_its_limit_is_not_over_it() {
    let mut full = incident();
    full.drop.accept = Some(AcceptQueue { len: 8, limit: 8 });
    assert!(row(&full).contains(" 8/8 "));
}

#[test]
fn colours_are_there_only_if_wanted() {
    let plain = text(false, |text, out| {
        text.incident(out, &incident())?;
        text.summary(out, &summary())
    });
    assert!(!plain.contains('\u{1b}'));
    let colourful = text(true, |text, out| {
        text.incident(out, &incident())?;
        text.summary(out, &summary())
    });
    assert!(colourful.contains("\u{1b}[31m") && colourful.contains("\u{1b}[0m"));
    assert_eq!(anstream::adapter::strip_str(&colourful).to_string(), plain);
}

#[test]
fn a_hole_says_how_many_and_since_when() {
    let lost = Lost { events: 1, since: Timestamp::from_second(1_700_000_000).unwrap() };
    let row = text(false, |text, out| text.lost(out, &lost));
    assert_eq!(row, "1 event lost since 22:13:20\n");
}

#[test]
fn the_summary_has_every_part() {
    insta::assert_snapshot!(end(&summary()), @r"

    5 drops of 3 connections from 1 client in 10.0 s

           5 syn-queue-full               SYN met a full SYN queue, SYN cookies being off (1 inferred)
             Set net.ipv4.tcp_syncookies=1 (cookies cost TCP options), or give listen() more backlog.

           5 [::]:80  queue limit 8  ngi\u{1b}nx[12]  /a
             5 syn-queue-full

    ListenDrops      5 of 5 explained
    0 events lost, 0 probes missed
    ");
}

#[test]
fn several_namespaces_are_named() {
    let mut summary = summary();
    summary.counters.push(line(8, Counter::ListenDrops, Some(1), 0));
    let end = end(&summary);
    let lines: Vec<_> = end.lines().skip_while(|line| !line.starts_with("network")).collect();
    assert_eq!(lines[0], "network namespace 7:");
    assert_eq!(lines[1], "ListenDrops      5 of 5 explained");
    assert_eq!(lines[2..4], ["network namespace 8:", "ListenDrops      0 of 1 explained"]);
    assert!(end.contains("/a  netns 7\n"), "{end}");
}

#[test]
fn what_does_not_agree_is_said_with_likely_sources() {
    let mut summary = summary();
    let left = Line { unattributed: 3, ..line(7, Counter::ListenDrops, Some(10), 5) };
    let excess = line(7, Counter::ListenOverflows, Some(4), 5);
    let unknown = line(7, Counter::TcpReqQFullDrop, None, 5);
    summary.counters = vec![left, excess, unknown];
    summary.losses =
        Losses { slot_clash: 2, totals_full: 1, ring_full: 4, sampled_out: 6, ..Losses::default() };
    insta::assert_snapshot!(end(&summary).split_once("ListenDrops").unwrap().1, @r"
          5 of 10 explained
                     5 left over; likely from: 3 unattributed drops, 2 missed probes, 1 drop
                     uncounted, SMC, or a packet that came while probes were put in place
    ListenOverflows  5 of 4 explained
                     1 more than the kernel counted: either its counter was read at another moment, or
                     drops were named wrongly
    TCPReqQFullDrop  5 explained, the kernel's own count is unknown
    4 events lost, 2 probes missed (at most 2 events), 1 drop uncounted, 6 events sampled out
    ");
}

#[test]
fn on_the_way_it_says_how_it_stands() {
    let mut summary = summary();
    summary.counters[0] = Line { in_flight: 2, ..line(7, Counter::ListenDrops, Some(6), 5) };
    summary.losses.sampled_out = 3;
    let time = Timestamp::from_second(1_700_000_000).unwrap();
    let block = text(false, |text, out| text.interval(out, time, &summary));
    insta::assert_snapshot!(block, @r"

    22:13:20 5 drops in 10.0 s so far
           5 syn-queue-full
    ListenDrops      5 of 6 explained
                     the difference came while both were read, and stands on one side only
    0 events lost, 0 probes missed, 3 events sampled out

    ");
}

#[test]
fn listeners_that_share_a_row_are_told_as_such() {
    let mut summary = summary();
    let listener = &mut summary.totals.by_listener[0];
    listener.id = ListenerId::others(Some(7));
    (listener.limit, listener.owner) = (None, Owner::default());
    let end = end(&summary);
    let row = "       5 all other listeners  for which the table of totals has no room\n";
    assert!(end.contains(row), "{end}");
}

#[test]
fn without_drops_it_says_so() {
    let mut summary = summary();
    summary.totals.drops.clear();
    summary.totals.by_listener.clear();
    summary.counters = vec![line(7, Counter::ListenDrops, Some(0), 0)];
    insta::assert_snapshot!(end(&summary), @r"

    no drops in 10.0 s

    no kernel counter of refused connections moved
    0 events lost, 0 probes missed
    ");
    summary.counters[0].kernel = None;
    assert!(end(&summary).contains("counters could not be read"));
}

#[test]
fn of_many_listeners_the_first_are_named() {
    let mut summary = summary();
    let one = summary.totals.by_listener[0].clone();
    summary.totals.by_listener = vec![one; 23];
    assert!(end(&summary).contains("         3 more listeners; --json lists them all\n"));
}

#[test]
fn a_row_says_the_same_whatever_stood_before_it() {
    let first = incident();
    let change = |change: &dyn Fn(&mut SynDrop)| {
        let mut changed = first.clone();
        change(&mut changed.drop);
        changed
    };
    let rows = [
        first.clone(),
        change(&|drop| drop.reason = Reason::ClientRecovered),
        change(&|drop| drop.refused_ns = Some(1_500_000_000)),
        change(&|drop| {
            drop.reason = Reason::ClientRecovered;
            drop.refused_ns = Some(2_500_000_000);
        }),
        change(&|drop| drop.evidence = Evidence::Inferred),
        change(&|drop| drop.attempt = Some(3)),
        change(&|drop| drop.accept = None),
        change(&|drop| drop.syn_len = Some(0)),
        change(&|drop| drop.packet = Some(packet("[2001:db8::1]:80", "[2001:db8::2]:1024"))),
        change(&|drop| drop.packet = None),
    ];
    for colour in [false, true] {
        for (one, other) in rows.iter().flat_map(|one| rows.iter().map(move |other| (one, other))) {
            let alone = |it| text(colour, |text, out| text.incident(out, it));
            let both = text(colour, |text, out| {
                text.incident(out, one)?;
                text.incident(out, other)
            });
            assert_eq!(both, alone(one) + &alone(other));
        }
    }
}
