//! The command line as users and scripts meet it, over recordings: no kernel and no rights needed.

use std::collections::BTreeMap;
use std::process::Command;

use published::Line;

mod ends;
mod page;
mod published;

const RECORDING: &str = "tests/cli/recording.ndjson";

/// One with retries and notices.
const NOTICES: &str = "tests/cli/notices.ndjson";

/// What a replay of a recording writes to stdout.
fn replay(recording: &str, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_syndrop"))
        .args(["replay", recording])
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
    assert_eq!(replay(RECORDING, &[]), include_str!("recording.txt"));
}

#[test]
fn json_that_is_replayed_stays_the_same_to_the_last_byte() {
    assert_eq!(replay(RECORDING, &["--json"]), include_str!("recording.ndjson"));
    assert_eq!(replay(NOTICES, &["--json"]), include_str!("notices.ndjson"));
}

#[test]
fn json_has_no_field_that_is_not_published() {
    let mut kinds = BTreeMap::new();
    let both = [RECORDING, NOTICES].map(|recording| replay(recording, &["--json"])).concat();
    for line in both.lines() {
        let line: Line =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        *kinds.entry(line.kind()).or_insert(0) += 1;
    }
    let all = [("drop", 15), ("header", 2), ("lost", 1), ("notice", 4), ("summary", 2)];
    assert_eq!(kinds, BTreeMap::from(all));
}

#[test]
fn every_reason_can_be_recorded_and_read() {
    let recording = include_str!("recording.ndjson");
    let header = recording.lines().next().unwrap();
    let drop = recording.lines().find(|line| line.contains(r#""type":"drop""#)).unwrap();
    let mut lines = vec![header.to_owned()];
    for entry in syndrop::catalogue::all() {
        let kind = if entry.reason.is_notice() { "notice" } else { "drop" };
        let line = drop.replace(r#""type":"drop""#, &format!(r#""type":"{kind}""#));
        let reason = format!(r#""reason":"{}""#, entry.slug);
        lines.push(line.replace(r#""reason":"accept-queue-full-syn""#, &reason));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("all");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let text = replay(path.to_str().unwrap(), &[]);
    let (events, summary) = text.split_once("\n\n").unwrap();
    for entry in syndrop::catalogue::all() {
        let rows = events.lines().filter(|row| row.split(' ').any(|word| word == entry.slug));
        assert_eq!(rows.count(), 1, "{}", entry.slug);
        assert!(summary.contains(entry.headline), "{}", entry.slug);
    }
    // The listener's line lists what a real one never has all of, and is wrapped.
    for row in text.lines() {
        assert!(row.len() < 100, "{row}");
    }
}
