//! The documents that derive from the program: they are what the program says, and what it writes
//! is what they say.
//!
//! `SYNDROP_WRITE_DOCS=1 cargo test -p syndrop --test docs` writes them anew.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

mod man;
mod metrics;
mod reasons;
mod schema;
mod validate;

const WRITE: &str = "SYNDROP_WRITE_DOCS";

/// Compares a committed document with what it derives from.
fn is_fresh(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    if env::var_os(WRITE).is_some() {
        fs::write(&path, expected).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == expected,
        "docs/{name} is stale; write it with `{WRITE}=1 cargo test -p syndrop --test docs`"
    );
}

#[test]
fn reasons_are_fresh() {
    is_fresh("reasons.md", &reasons::markdown());
}

#[test]
fn metrics_are_fresh() {
    is_fresh("metrics.md", &metrics::markdown());
}

#[test]
fn rules_and_panels_name_metrics_that_there_are() {
    let text = metrics::markdown();
    let named = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let named: Vec<_> = named.filter(|word| word.starts_with("syndrop_")).collect();
    for name in &named {
        assert!(syndrop::render::METRICS.iter().any(|metric| metric.name == *name), "{name}");
    }
    assert!(named.len() > 2 * syndrop::render::METRICS.len());
}

#[test]
fn the_manual_page_is_fresh() {
    is_fresh("man/syndrop.8", &man::page());
}

#[test]
fn schema_is_fresh() {
    is_fresh("schema.json", &(serde_json::to_string_pretty(&schema::schema()).unwrap() + "\n"));
}

/// What a replay of a recording writes as JSON.
fn replay(recording: &Path) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_syndrop"))
        .args(["replay", "--json"])
        .arg(recording)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn errors(line: &Value) -> Vec<String> {
    validate::errors(&schema::schema(), line)
}

#[test]
fn recordings_are_what_the_schema_says() {
    for name in ["recording", "notices", "headless", "damaged"] {
        let lines = replay(Path::new(&format!("tests/cli/{name}.ndjson")));
        assert!(!lines.is_empty());
        for line in lines {
            assert_eq!(errors(&line), [""; 0], "{line}");
        }
    }
}

#[test]
fn every_reason_is_what_the_schema_says() {
    let recording = fs::read_to_string("tests/cli/notices.ndjson").unwrap();
    let find = |kind: &str| {
        let kind = format!("{{\"type\":\"{kind}\"");
        recording.lines().find(|line| line.starts_with(&kind)).unwrap().to_owned()
    };
    let (drop, notice) = (find("drop"), find("notice"));
    let mut lines = vec![find("header")];
    for entry in syndrop::catalogue::all() {
        let (like, old) = if entry.reason.is_notice() {
            (&notice, "cookie-sent")
        } else {
            (&drop, "accept-queue-full-syn")
        };
        lines.push(like.replace(&format!("\"{old}\""), &format!("\"{}\"", entry.slug)));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("all");
    fs::write(&path, lines.join("\n")).unwrap();
    let lines = replay(&path);
    assert_eq!(lines.len(), syndrop::catalogue::all().count() + 2);
    for line in lines {
        assert_eq!(errors(&line), [""; 0], "{line}");
    }
}

#[test]
fn what_only_a_flood_adds_is_what_the_schema_says() {
    let lines = replay(Path::new("tests/cli/recording.ndjson"));
    let mut line = lines.into_iter().find(|line| line["type"] == "summary").unwrap();
    line["by_listener"][0]["sampled_out"] = 7.into();
    line["by_listener"][0]["others"] = true.into();
    line["by_listener"][0]["local"] = Value::Null;
    line["counters"][0]["in_flight"] = 3.into();
    assert_eq!(errors(&line), [""; 0], "{line}");
    line["type"] = "interval".into();
    assert!(!errors(&line).is_empty(), "an interval has a time");
    line["time"] = "2026-11-20T11:12:48.000000000Z".into();
    assert_eq!(errors(&line), [""; 0], "{line}");
}

#[test]
fn what_is_wrong_is_found() {
    let lines = replay(Path::new("tests/cli/notices.ndjson"));
    let of = |kind: &str| lines.iter().find(|line| line["type"] == kind).unwrap().clone();
    let wrong = |kind: &str, pointer: &str, value: Value| {
        let mut line = of(kind);
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = line.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Value::String(word) if word == "none" => parent.remove(name),
            value => parent.insert(name.to_owned(), value),
        };
        !errors(&line).is_empty()
    };
    assert!(wrong("drop", "/reason", "cookie-sent".into()), "a notice is no drop");
    assert!(wrong("notice", "/reason", "syn-queue-full".into()), "a drop is no notice");
    assert!(wrong("drop", "/reason", "none".into()));
    assert!(wrong("drop", "/attempt", 0.into()));
    assert!(wrong("drop", "/peer/port", 65_536.into()));
    assert!(wrong("drop", "/peer/port", "80".into()));
    assert!(wrong("drop", "/listener/cookie", 77.into()), "64 bits are a string");
    assert!(wrong("drop", "/time", "2026-11-20 11:12:48".into()));
    assert!(wrong("drop", "/more", 1.into()), "a field that the schema does not know");
    assert!(wrong("header", "/schema", 2.into()));
    assert!(wrong("summary", "/drops/cookie-sent", 1.into()));
    assert!(wrong("summary", "/notices", "none".into()));
    assert!(!errors(&serde_json::json!({"type": "histogram"})).is_empty());
}
