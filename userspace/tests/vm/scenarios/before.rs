//! Drops before the listener's own code, and those of them of which no listener is known.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::ack::without;
use super::{USUAL, rcv};
use crate::case::Case;
use crate::flow::Family;
use crate::netns::Home;
use crate::provoke;
use crate::scenario::Scenario;
use crate::setting::{Played, Setting};
use crate::trace::{Trace, Vantage};

const ASKED: &[&str] = &["--before-listener"];

/// What these rows have in common.
const BEFORE: Scenario = Scenario {
    count: 3,
    stage: "syn",
    outcome: Some("silent"),
    function: rcv,
    moves: &[],
    asks: ASKED,
    ..USUAL
};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "pre-socket-filter",
        provoke: provoke::filtered_syns,
        reason: "pre-socket-filter",
        ..BEFORE
    },
    Scenario {
        name: "pre-socket-filter-ack",
        provoke: provoke::filtered_acks,
        reason: "pre-socket-filter",
        stage: "ack",
        ..BEFORE
    },
    Scenario {
        name: "pre-md5-ao",
        provoke: provoke::unsigned_syns,
        reason: "pre-md5-ao",
        ..BEFORE
    },
    Scenario {
        name: "pre-md5-ao-of-bad-options",
        provoke: provoke::bad_signatures,
        reason: "pre-md5-ao",
        need: Some(reads_signatures),
        ..BEFORE
    },
    Scenario {
        name: "pre-xfrm-policy",
        families: &[Family::V4, Family::V6],
        provoke: provoke::unprotected_syns,
        reason: "pre-xfrm-policy",
        ..BEFORE
    },
    Scenario { name: "pre-min-ttl", provoke: provoke::few_hops, reason: "pre-min-ttl", ..BEFORE },
    Scenario {
        name: "syn-fin",
        provoke: provoke::syn_fin,
        reason: "syn-fin",
        function: |_| "tcp_rcv_state_process",
        ..BEFORE
    },
];

/// Since 6.7; others look for one signature, and for no other kind.
fn reads_signatures() -> Result<Option<String>> {
    let missing = "this kernel lets signatures contradict each other: it has no";
    Ok(without("tcp_do_parse_auth_options")?.map(|function| format!("{missing} {function}")))
}

/// Rows whose packets are thrown away before anybody asks who listens.
const UNKNOWN: &[Scenario] = &[
    Scenario { name: "pre-csum", provoke: provoke::garbled_syns, reason: "pre-csum", ..BEFORE },
    Scenario {
        name: "pre-timewait",
        provoke: provoke::syns_to_timewait,
        reason: "pre-timewait",
        outcome: None,
        ..BEFORE
    },
];

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("before-any-listener", play)]
}

/// The events name both ends and the namespace, and no listener.
fn play() -> Result<()> {
    let home = Home::here()?;
    let trace = Trace::start(Vantage::Host(&home), ASKED)?;
    let mut scenes = Vec::new();
    for row in UNKNOWN {
        for &family in row.families {
            let mut setting = Setting::make(row, family)?;
            let played = setting.play(row).with_context(|| row.name)?;
            ensure!(played.moved.is_empty(), "{}: counters moved {:?}", row.name, played.moved);
            scenes.push((row, setting, played));
        }
    }
    let process = trace.into_process();
    process.signal(Signal::INT)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    let lines = ending.stdout.lines().map(serde_json::from_str::<Value>);
    let lines = lines.collect::<Result<Vec<_>, _>>()?;
    let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
    for (row, setting, played) in &scenes {
        judge(row, setting, played, &lines).with_context(|| row.name)?;
        *expected.entry(row.reason).or_default() += played.provoked.refused.len();
    }
    let summary = lines.last().map(|line| &line["drops"]);
    ensure!(summary == Some(&json!(expected)), "totals {summary:?}, not {expected:?}");
    Ok(())
}

fn judge(row: &Scenario, setting: &Setting, played: &Played, lines: &[Value]) -> Result<()> {
    let here = |line: &&Value| line["type"] == "drop" && line["listener"]["netns"] == setting.netns;
    let events: Vec<_> = lines.iter().filter(here).collect();
    let family = setting.rig.family;
    let refused = &played.provoked.refused;
    ensure!(events.len() == refused.len(), "not {} events: {events:?}", refused.len());
    for (event, refused) in events.iter().zip(refused) {
        let end = |end: std::net::SocketAddr| json!({"addr": end.ip(), "port": end.port()});
        for (field, expected) in [
            ("reason", json!(row.reason)),
            ("stage", json!(row.stage)),
            ("evidence", json!("observed")),
            ("function", json!((row.function)(family))),
            ("family", json!(family.shown())),
            ("local", end(refused.flow.server)),
            ("peer", end(refused.flow.client)),
            ("accept_queue", json!({"len": null, "limit": null})),
        ] {
            ensure!(event[field] == expected, "{field} is not {expected}: {event}");
        }
        let listener = &event["listener"];
        ensure!(listener["inode"].is_null() && listener["bound"].is_null(), "{event}");
    }
    Ok(())
}
