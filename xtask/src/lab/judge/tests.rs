//! Judges over facts of a real run, and over the same facts with one thing wrong.

use serde_json::{Value, json};

use super::{accept, syn};
use crate::lab::sheet::Sheet;

/// Of 6.12, with the fields that judges read.
const HELD: &str = include_str!("fixtures/acceptq-9.json");
const SCAN: &str = include_str!("fixtures/synq-4.json");

fn facts(text: &str) -> Value {
    serde_json::from_str(text).expect("a fixture is JSON")
}

/// The failures with the value at this place replaced.
fn with(
    text: &str,
    place: &str,
    value: Value,
    judge: fn(&Value) -> anyhow::Result<Sheet>,
) -> Vec<String> {
    let mut facts = facts(text);
    *facts.pointer_mut(place).unwrap_or_else(|| panic!("no {place} in the fixture")) = value;
    judge(&facts).map_or_else(|error| vec![format!("{error:#}")], |sheet| sheet.failures())
}

#[test]
fn real_facts_stand() {
    let sheet = accept::acceptq_9(&facts(HELD)).unwrap();
    assert_eq!(sheet.failures(), [""; 0]);
    assert!(sheet.is_all_same());
    let sheet = syn::scan(&facts(SCAN)).unwrap();
    assert_eq!(sheet.failures(), [""; 0]);
}

#[test]
fn every_figure_of_the_held_connections_counts() {
    let last = facts(HELD)["trace"]["lines"].as_array().unwrap().len() - 1;
    let explained = format!("/trace/lines/{last}/counters/1/explained");
    let wrong = [
        ("/established", json!(8)),
        ("/syn_sent", json!(2)),
        ("/queue/recv_q", json!(8)),
        ("/netstat/send_q", json!(8)),
        ("/clients/9/connected", json!(true)),
        ("/trace/lines/0/reason", json!("syn-queue-full")),
        ("/trace/lines/0/accept_queue/len", json!(8)),
        ("/trace/lines/1/attempt", json!(1)),
        ("/trace/lines/1/peer/port", json!(1)),
        (explained.as_str(), json!(0)),
    ];
    for (place, value) in wrong {
        assert_ne!(with(HELD, place, value, accept::acceptq_9), [""; 0], "{place}");
    }
}

#[test]
fn a_lab_that_provoked_nothing_fails() {
    let nothing = with(HELD, "/trace/lines", json!([]), accept::acceptq_9);
    assert!(nothing.iter().any(|it| it.contains("no summary")), "{nothing:?}");
    let nothing = with(SCAN, "/trace/lines", json!([]), syn::scan);
    assert!(nothing[0].contains("no SYN was dropped"), "{nothing:?}");
}

#[test]
fn every_figure_of_the_scan_counts() {
    let wrong = [
        ("/looks/8/syn_recv", json!(5)),
        ("/looks/8/listen_drops", json!(0)),
        ("/looks/8/nmap", json!("open")),
        ("/counters/ListenDrops", json!(11)),
        ("/counters/ListenOverflows", json!(1)),
        ("/listeners/0/first_syn_dropped/at", json!(5)),
    ];
    for (place, value) in wrong {
        assert_ne!(with(SCAN, place, value, syn::scan), [""; 0], "{place}");
    }
}
