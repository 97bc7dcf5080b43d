//! A board to try the model and the picture on: a web server under siege, an idle one, one of
//! IPv6 that somebody named who means harm.

use std::sync::Arc;
use std::time::Duration;

use ebpf_probes::{Counter, Counters, Evidence, Reason, Stage};
use jiff::Timestamp;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{Board, Look, Model, SortBy};
use crate::decode::sample::{packet, syn_drop};
use crate::decode::{AcceptQueue, Bucket, Listener, ListenerId, SynDrop, Sysctls};
use crate::enrich::{Holder, Membership, OwnedListener, Process};
use crate::incident::{Incident, Owner};
use crate::source::{Backlogs, Losses, NetnsCounter, Snapshot, Total};
use crate::totals::Tally;

pub(crate) const NETNS: u32 = 4_026_531_840;

pub(crate) fn id(inode: u64, bound: &str) -> ListenerId {
    let bound = Some(bound.parse().expect("it is an address"));
    ListenerId { sock: inode << 8, inode: Some(inode), netns: Some(NETNS), bound }
}

/// A listener with its queues as (length, limit) and length.
pub(crate) fn owned(
    id: ListenerId,
    (len, limit): (u32, u32),
    syn_len: u32,
    comm: &str,
) -> OwnedListener {
    let sysctls = Sysctls {
        syncookies: Some(1),
        max_syn_backlog: Some(512),
        somaxconn: Some(4096),
        abort_on_overflow: Some(0),
    };
    let listener = Listener {
        id,
        cookie: None,
        uid: Some(0),
        accept: Some(AcceptQueue { len, limit }),
        syn_len: Some(syn_len),
        syn_young: Some(0),
        sysctls,
    };
    let process = Process {
        pid: 144,
        comm: comm.to_owned(),
        cmdline: Vec::new(),
        membership: Membership {
            path: Some(format!("/system.slice/{comm}.service")),
            unit: Some(format!("{comm}.service")),
            ..Membership::default()
        },
    };
    let holder =
        Some(Holder { first: Arc::new(process), others: Vec::new(), pids: vec![144, 145, 146] });
    OwnedListener { listener, holder }
}

pub(crate) fn total(listener: ListenerId, reason: Reason, count: u64) -> Total {
    let bucket = Bucket {
        listener,
        reason,
        stage: reason.stage().unwrap_or(Stage::Syn),
        evidence: Evidence::Observed,
        shown: true,
        moves: Counters::NONE,
    };
    Total::whole(bucket, count)
}

pub(crate) fn snapshot(seconds: u64, totals: Vec<Total>) -> Snapshot {
    let drops = totals.iter().map(|total| total.count).sum();
    let counter = |counter| NetnsCounter {
        netns: NETNS,
        counter,
        kernel: Some(drops),
        explained: Some(drops),
        in_flight: 0,
    };
    Snapshot {
        duration: Duration::from_secs(seconds),
        totals,
        losses: Losses::default(),
        counters: vec![counter(Counter::ListenOverflows), counter(Counter::ListenDrops)],
        owners: None,
        backlogs: Backlogs::default(),
        latency: None,
        cost: None,
    }
}

pub(crate) fn time(second: u64) -> Timestamp {
    let second = i64::try_from(second).expect("it is small");
    Timestamp::from_second(1_700_000_000 + second).expect("it is a time")
}

/// A refusal of a client, so many seconds after the start.
pub(crate) fn incident(second: u64, listener: ListenerId, reason: Reason, peer: &str) -> Incident {
    let drop = SynDrop {
        reason,
        packet: Some(packet("10.0.0.1:80", peer)),
        listener,
        accept: Some(AcceptQueue { len: 65, limit: 64 }),
        syn_len: Some(4),
        attempt: Some(u32::try_from(second).unwrap_or(1)),
        ..syn_drop()
    };
    let owner = Owner { pid: Some(144), comm: Some("nginx".to_owned()), ..Owner::default() };
    Incident { time: time(second), drop, owner: owner.into() }
}

pub(crate) fn empty() -> Model {
    let notes = vec!["cannot be told on this kernel: syn-lsm-denied".to_owned()];
    let kernel = "6.12.107+deb13-cloud-amd64".to_owned();
    let board = Board::new("guest".to_owned(), kernel, Duration::from_secs(1), notes);
    Model::new(board, SortBy::default())
}

/// Takes a look at these listeners and totals.
pub(crate) fn look(
    model: &mut Model,
    seconds: u64,
    listeners: &[OwnedListener],
    totals: Vec<Total>,
    tally: &Tally,
) {
    let snapshot = snapshot(seconds, totals);
    model.look(&Look { time: time(seconds), listeners, snapshot: &snapshot, tally });
}

/// Twelve looks, the first of them before any drop.
pub(crate) fn besieged() -> Model {
    let (web, idle) = (id(1, "0.0.0.0:80"), id(2, "127.0.0.1:6379"));
    let six = id(3, "[2001:db8:85a3:1234:5678:8a2e:370:7334]:8443");
    let mut model = empty();
    let mut tally = Tally::default();
    let (mut syns, mut acks) = (0, 0);
    for second in 1..=12 {
        let web_queue = if second < 4 { (17, 64) } else { (65, 64) };
        let listeners = [
            owned(web, web_queue, 4, "nginx"),
            owned(idle, (0, 511), 0, "redis-server"),
            owned(six, (3, 4096), 3300, "a\u{1b}[31m|b"),
        ];
        if second >= 4 {
            syns += second;
            acks += 3;
            for (reason, peer) in [
                (Reason::AcceptQueueFullSyn, format!("192.0.2.{second}:40001")),
                (Reason::AcceptQueueFullAck, format!("192.0.2.{second}:40002")),
            ] {
                let incident = incident(second, web, reason, &peer);
                tally.add(&incident);
                model.incident(&incident);
            }
        }
        let mut totals = vec![];
        if syns > 0 {
            totals.push(total(web, Reason::AcceptQueueFullSyn, syns));
            totals.push(total(web, Reason::AcceptQueueFullAck, acks));
        }
        if second == 5 {
            tally.add(&incident(5, six, Reason::SynNoRoute, "[2001:db8::1]:9"));
        }
        if second >= 5 {
            totals.push(total(six, Reason::SynNoRoute, 1));
        }
        look(&mut model, second, &listeners, totals, &tally);
    }
    model
}

/// A key without Ctrl and the like.
pub(crate) fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}
