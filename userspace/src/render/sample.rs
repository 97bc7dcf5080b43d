//! A summary to try formats on: two listeners, one of them named by somebody who means harm.

use std::time::Duration;

use ebpf_probes::{Counter, Reason};
use jiff::Timestamp;

use super::{Render, Summary};
use crate::decode::ListenerId;
use crate::incident::Owner;
use crate::reconcile::Line;
use crate::source::{Losses, Opening};
use crate::totals::{ListenerTotal, Number, ReasonTotal, Totals};

fn drops(reason: Reason, count: u64, inferred: u64) -> ReasonTotal {
    ReasonTotal { reason, count, inferred }
}

fn listener(sock: u64, bound: &str, comm: &str, drops: Vec<ReasonTotal>) -> ListenerTotal {
    let owner = Owner {
        pid: Some(1234),
        comm: Some(comm.to_owned()),
        cgroup: Some("/system.slice/shop.service".to_owned()),
        container: None,
    };
    let bound = Some(bound.parse().expect("it is an address"));
    let id = ListenerId { sock, inode: Some(9), netns: Some(4_026_531_840), bound };
    ListenerTotal { id, cookie: None, limit: Some(5), asked: None, owner, drops, sampled_out: 0 }
}

/// What is known at the start.
pub(crate) fn opening() -> Opening {
    Opening {
        time: Some(Timestamp::from_second(1_700_000_000).expect("it is a time")),
        version: Some("0.1.0".to_owned()),
        kernel: Some("6.12.107+deb13-cloud-amd64".to_owned()),
        host: Some("guest".to_owned()),
        attach: Some("kprobe".to_owned()),
        ..Opening::default()
    }
}

/// What is known at the end.
pub(crate) fn summary() -> Summary {
    let by_listener = vec![
        listener(
            1,
            "127.0.0.1:8080",
            "shop",
            vec![drops(Reason::AcceptQueueFullSyn, 12, 0), drops(Reason::AcceptQueueFullAck, 3, 1)],
        ),
        listener(
            2,
            "[::]:443",
            "a|b <i>%\n::error::]]>`\u{1b}",
            vec![drops(Reason::AcceptQueueFullSyn, 1, 0)],
        ),
    ];
    let line = |counter, kernel, explained| Line {
        netns: 4_026_531_840,
        counter,
        kernel: Some(kernel),
        explained,
        unattributed: 0,
        in_flight: 0,
    };
    Summary {
        duration: Duration::from_millis(10_040),
        totals: Totals {
            drops: vec![
                drops(Reason::AcceptQueueFullSyn, 13, 0),
                drops(Reason::AcceptQueueFullAck, 3, 1),
            ],
            by_listener,
            clients: Number { count: 7, exact: true },
            connections: Number { count: 9, exact: true },
            notices: Vec::new(),
        },
        counters: vec![
            line(Counter::ListenOverflows, 16, 16),
            line(Counter::ListenDrops, 18, 16),
            line(Counter::TcpReqQFullDrop, 0, 0),
        ],
        losses: Losses::default(),
        latency: None,
        cost: None,
    }
}

/// What is known at the end of a run without drops.
pub(crate) fn healthy() -> Summary {
    let Summary { duration, losses, totals, latency, cost, .. } = summary();
    let totals = Totals { drops: Vec::new(), by_listener: Vec::new(), ..totals };
    Summary { duration, losses, totals, counters: Vec::new(), latency, cost }
}

/// All that a format writes over a run.
pub(crate) fn written(render: &mut dyn Render, summary: &Summary) -> String {
    let mut out = Vec::new();
    render.opening(&mut out, &opening()).expect("memory takes it");
    render.summary(&mut out, summary).expect("memory takes it");
    String::from_utf8(out).expect("it is text")
}
