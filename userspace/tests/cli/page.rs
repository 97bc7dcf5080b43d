//! `syndrop report`: where the page goes, and what it is made of.

use std::fs;
use std::process::{Command, Output, Stdio};

use super::{NOTICES, RECORDING};

fn report(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syndrop"));
    command.arg("report").args(arguments).env("TZ", "Pacific/Auckland").output().unwrap()
}

fn page(arguments: &[&str]) -> String {
    let output = report(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_page_goes_to_stdout_or_into_a_file_as_a_whole() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("page.html");
    let to_stdout = page(&[RECORDING]);
    assert!(to_stdout.starts_with("<!DOCTYPE html>") && to_stdout.ends_with("</html>"));
    assert!(page(&[RECORDING, "-o", path.to_str().unwrap()]).is_empty());
    let in_file = fs::read_to_string(&path).unwrap();
    // They differ in the command that they name.
    let rest = |page: &str| page.split("<footer>").next().unwrap().to_owned();
    assert_eq!(rest(&in_file), rest(&to_stdout));
    assert_eq!(rest(&page(&[RECORDING, "-o", "-"])), rest(&to_stdout));
    assert!(in_file.contains(&format!("<code>syndrop report {RECORDING} -o ")));
    // Times are the same wherever the page is made.
    assert!(in_file.contains("20 November 2026, 11:12:48 to"), "{in_file}");
}

#[test]
fn filters_are_those_of_a_replay() {
    let all = page(&[NOTICES]);
    assert!(all.contains(r#"<article id="accept-queue-full-syn">"#));
    assert!(all.contains(r#"<article id="accept-queue-full-ack">"#));
    assert!(all.contains("2 got in later, after up to 7.0"), "{all}");
    let some = page(&[NOTICES, "--reason", "accept-queue-full-ack"]);
    assert!(!some.contains(r#"<article id="accept-queue-full-syn">"#));
    assert!(some.contains("refused <b>2 packets</b>"), "{some}");
    assert!(some.contains("Narrowed by a filter") && !all.contains("Narrowed by a filter"));
    // What a filter hides explains the kernel's counters all the same.
    assert!(
        some.contains("<td>entirely</td>") || some.contains(r#"<td class="words">entirely</td>"#)
    );
    let none = page(&[NOTICES, "-P", "9"]);
    assert!(none.contains("No connection was refused"));
}

#[test]
fn what_is_whole_of_a_damaged_recording_is_told_and_what_is_not_is_named() {
    let output = report(&["tests/cli/damaged.ndjson"]);
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("refused <b>3 packets</b>"));
    assert!(page.contains("This recording is not whole"));
    for words in ["line 4 is left out", "line 8 is left out: it is cut off", "the end is missing"] {
        assert!(page.contains(words), "{words}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{words}");
    }
    let headless = report(&["tests/cli/headless.ndjson"]);
    assert!(String::from_utf8_lossy(&headless.stdout).contains("not known"));
}

#[test]
fn what_is_no_recording_leaves_the_page_that_there_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("page.html");
    fs::write(&path, "the last incident").unwrap();
    let into = path.to_str().unwrap();
    let rows = [
        ("tests/cli/notes.txt", "no recording"),
        ("tests/cli/empty.ndjson", "is empty"),
        ("tests/cli/there-is-none", "failed to read"),
        ("tests/cli/later.ndjson", "schema"),
    ];
    for (recording, words) in rows {
        let output = report(&[recording, "-o", into]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(words) && said.lines().count() == 1, "{said}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "the last incident");
    }
    let copy = directory.path().join("drops.json");
    fs::copy(NOTICES, &copy).unwrap();
    let output = report(&[copy.to_str().unwrap(), "-o", copy.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read(&copy).unwrap(), fs::read(NOTICES).unwrap());
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_disk_is_one() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syndrop"));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = command.args(["report", NOTICES]).stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_syndrop"));
    let command = command.args(["report", NOTICES]).stdout(full).stderr(Stdio::piped());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("failed to write to stdout"));
}
