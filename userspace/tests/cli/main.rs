//! The command line as users and scripts meet it, over recordings: no kernel and no rights needed.

use std::collections::BTreeMap;
use std::process::Command;

use published::Line;

mod ends;
mod published;

const RECORDING: &str = "tests/cli/recording.ndjson";

/// What a replay of the recording writes to stdout.
fn replay(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_syndrop"))
        .args(["replay", RECORDING])
        .args(arguments)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn transcripts_hold() {
    trycmd::TestCases::new().env("TZ", "UTC").case("tests/cli/*.trycmd");
}

#[test]
fn text_is_as_was_agreed() {
    assert_eq!(replay(&[]), include_str!("recording.txt"));
}

#[test]
fn json_that_is_replayed_stays_the_same_to_the_last_byte() {
    assert_eq!(replay(&["--json"]), include_str!("recording.ndjson"));
}

#[test]
fn json_has_no_field_that_is_not_published() {
    let mut kinds = BTreeMap::new();
    for line in replay(&["--json"]).lines() {
        let line: Line =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        *kinds.entry(line.kind()).or_insert(0) += 1;
    }
    assert_eq!(kinds, BTreeMap::from([("drop", 9), ("header", 1), ("lost", 1), ("summary", 1)]));
}

#[test]
fn every_reason_is_in_the_recording() {
    let text = replay(&[]);
    for entry in syndrop::catalogue::all() {
        assert!(text.contains(entry.slug), "{}", entry.slug);
    }
}
