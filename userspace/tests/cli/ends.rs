//! How a run ends: by signals, readers that go away, full disks.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;

use rustix::io::ioctl_fionread;
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, Signal, kill_process};

use super::RECORDING;

fn syndrop(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_syndrop"));
    command.args(arguments).env("TZ", "UTC");
    command
}

/// A replay of what the test writes to it.
struct Replay {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
}

impl Replay {
    fn start() -> Self {
        let mut command = syndrop(&["replay", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }
}

/// Interrupts it again and again.
fn until_it_ends(child: &mut Child) -> ExitStatus {
    loop {
        kill_process(Pid::from_child(child), Signal::INT).unwrap();
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        thread::yield_now();
    }
}

/// The first lines of the recording.
fn lines(count: usize) -> String {
    let recording = fs::read_to_string(RECORDING).unwrap();
    recording.split_inclusive('\n').take(count).collect()
}

#[test]
fn signals_end_it_with_the_summary() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut replay = Replay::start();
        replay.stdin.write_all(lines(2).as_bytes()).unwrap();
        let mut stdout = BufReader::new(&mut replay.stdout);
        let mut seen = String::new();
        while !seen.contains("accept-queue-full-syn") {
            assert_ne!(stdout.read_line(&mut seen).unwrap(), 0, "{seen}");
        }
        kill_process(Pid::from_child(&replay.child), signal).unwrap();
        stdout.read_to_string(&mut seen).unwrap();
        assert!(seen.ends_with("0 events lost, 0 probes missed\n"), "{seen}");
        assert_eq!(replay.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_signal_before_the_first_line_ends_it_too() {
    let mut replay = Replay::start();
    while !listens(replay.child.id()) {
        thread::yield_now();
    }
    kill_process(Pid::from_child(&replay.child), Signal::INT).unwrap();
    assert_eq!(replay.child.wait().unwrap().code(), Some(0));
}

/// Whether a process has a handler for SIGTERM, the last of those that it listens to.
fn listens(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() >> (15 - 1) & 1 != 0
}

#[test]
fn a_second_signal_ends_it_where_nobody_reads() {
    let directory = tempfile::tempdir().unwrap();
    let long = directory.path().join("long");
    let drop = lines(2).lines().last().unwrap().to_owned() + "\n";
    fs::write(&long, lines(1) + &drop.repeat(1000)).unwrap();
    let (mut stdout, end) = std::io::pipe().unwrap();
    // Less than it writes at once: from the second line on it cannot but wait for a reader.
    fcntl_setpipe_size(&stdout, 4096).unwrap();
    let mut command = syndrop(&["replay", long.to_str().unwrap()]);
    let mut child = command.stdout(end).spawn().unwrap();
    let mut byte = [0];
    while byte != *b"\n" {
        stdout.read_exact(&mut byte).unwrap();
    }
    while ioctl_fionread(&stdout).unwrap() == 0 {
        thread::yield_now();
    }
    assert_eq!(until_it_ends(&mut child).code(), Some(2));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for arguments in [&["replay", "-"][..], &["replay", "-", "--json"]] {
        let mut command = syndrop(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        child.stdin.take().unwrap().write_all(lines(20).as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
}

#[test]
fn a_full_disk_is_an_error_that_names_it() {
    let output = syndrop(&["replay", RECORDING, "-o", "/dev/full"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("syndrop: failed to write to /dev/full: No space left"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_file_that_cannot_be_created_is_named() {
    let output = syndrop(&["replay", RECORDING, "-o", "/nonexistent/x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("syndrop: failed to create /nonexistent/x: No such"), "{stderr}");
}

#[test]
fn a_file_gets_what_stdout_would_get() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out");
    let path = file.to_str().unwrap();
    let output = syndrop(&["replay", RECORDING, "-o", path]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0));
    assert_eq!(fs::read_to_string(&file).unwrap(), include_str!("recording.txt"));
    // A shorter run over the same file leaves nothing of the longer one.
    syndrop(&["replay", RECORDING, "--json", "--count", "1", "-o", path]).output().unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 3);
}

#[test]
fn colours_are_for_terminals_only() {
    let coloured = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = syndrop(&["replay", RECORDING]);
        let command = command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        output.stdout.contains(&b'\x1b')
    };
    assert!(!coloured(&[], &[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--json"]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
}

#[test]
fn usage_errors_leave_stdout_empty() {
    let output = syndrop(&["--port", "http"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}
