//! `syndrop run`: a gate around a command, which must not notice that it is watched.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::crowd::{self, CLIENTS};
use crate::netns;
use crate::process::{Ending, Process, command};
use crate::report::Report;

const NOBODY: u32 = 65534;
const REASON: &str = "accept-queue-full-syn";
/// Too little for the crowd, and what it then refuses.
const SMALL: u32 = 5;
const REFUSED: u64 = CLIENTS - SMALL as u64 - 1;
/// Enough for it.
const SANE: u32 = 64;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new("run::gate-fails", gate_fails),
        Case::new("run::gate-passes", gate_passes),
        Case::new("run::max-drops", max_drops),
        Case::new("run::only", only),
        Case::new("run::json", json),
        Case::new("run::github", github),
        Case::new("run::markdown", markdown),
        Case::new("run::command-fails", command_fails),
        Case::new("run::not-executable", not_executable),
        Case::new("run::without-rights", without_rights),
        Case::new("run::nothing-inherited", nothing_inherited),
        Case::new("run::sigterm", || passes_on(Signal::TERM, "TERM")),
        Case::new("run::sigint", || passes_on(Signal::INT, "INT")),
        Case::new("run::sighup", || passes_on(Signal::HUP, "HUP")),
        Case::new("run::signal-kills", signal_kills),
        Case::new("run::ignored-signal", ignored_signal),
    ];
    let statuses: [(&str, &[&str], i32); 6] = [
        ("success", &["true"], 0),
        ("failure", &["sh", "-c", "exit 3"], 3),
        ("killed", &["sh", "-c", "kill -TERM $$"], 143),
        ("missing", &["there-is-no-such-command"], 127),
        ("directory", &["/etc"], 126),
        ("usage", &["--port", "0", "true"], 125),
    ];
    cases.extend(statuses.map(|(name, words, status)| {
        Case::new(format!("run::status-{name}"), move || {
            Process::start(command(&[&["run"], words].concat()))?.wait()?.ensure_code(status)
        })
    }));
    cases
}

/// The crowd, watched with these arguments, in a network namespace of its own.
fn watch(arguments: &[&str], backlog: u32) -> Result<Ending> {
    netns::enter_fresh()?;
    let mut command = command(&[&["run"], arguments, &["--"]].concat());
    crowd::wrapped_by(&mut command, backlog)?;
    let ending = Process::start(command)?.wait()?;
    ensure!(ending.stdout == format!("{}\n", crowd::SAYS), "not what it said: {ending:?}");
    Ok(ending)
}

/// The same, with the report in a file.
fn report(format: &str, arguments: &[&str], backlog: u32) -> Result<(Ending, String)> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("report");
    fs::write(&path, "what was there\n")?;
    let name = path.to_str().context("failed to name a temporary file")?;
    let file = ["--format", format, "-o", name];
    let ending = watch(&[&file, arguments].concat(), backlog)?;
    let report = fs::read_to_string(&path)?;
    Ok((ending, report))
}

/// The name that the kernel has for this program, which holds the listener.
fn comm() -> Result<String> {
    let comm = fs::read_to_string("/proc/self/comm").context("failed to read the own name")?;
    Ok(comm.trim_end().to_owned())
}

fn says(ending: &Ending, words: &str) -> Result<()> {
    ensure!(ending.stderr.iter().any(|line| line.contains(words)), "no {words:?}: {ending:?}");
    Ok(())
}

/// A server whose backlog is too small for what comes at once.
fn gate_fails() -> Result<()> {
    let (ending, xml) = report("junit", &[], SMALL)?;
    ending.ensure_code(1)?;
    let (server, comm) = (crowd::server(), comm()?);
    let case = format!(r#"<testcase classname="syndrop.{REASON}" name="{server} {comm}""#);
    ensure!(xml.contains(&case), "no {case}: {xml}");
    let (_, failure) = xml.split_once("<failure ").context("no failure")?;
    for words in [REASON, &server.to_string(), &comm, &format!("{REFUSED} drops"), "limit 5"] {
        ensure!(failure.contains(words), "no {words:?} in {failure}");
    }
    ensure!(xml.contains(r#"tests="1" failures="1""#) && xml.starts_with("<?xml"), "{xml}");
    // People are told, too, and every drop is accounted for.
    says(&ending, &format!("ListenOverflows  {REFUSED} of {REFUSED} explained"))?;
    says(&ending, &format!("failed; drops that count: {REFUSED}; allowed: 0"))
}

/// The same with room for all.
fn gate_passes() -> Result<()> {
    let (ending, xml) = report("junit", &[], SANE)?;
    ending.ensure_code(0)?;
    ensure!(xml.contains(r#"tests="1" failures="0""#) && !xml.contains("<failure"), "{xml}");
    says(&ending, "no drops")?;
    says(&ending, "passed; drops that count: 0; allowed: 0")
}

fn max_drops() -> Result<()> {
    watch(&["--max-drops", &REFUSED.to_string()], SMALL)?.ensure_code(0)?;
    watch(&["--max-drops", &(REFUSED - 1).to_string()], SMALL)?.ensure_code(1)
}

fn only() -> Result<()> {
    let others = watch(&["--only", "syn-queue-full,accept-queue-full-ack"], SMALL)?;
    others.ensure_code(0)?;
    // They do not count, and are said nevertheless.
    says(&others, REASON)?;
    watch(&["--only", "syn-queue-full", "--only", REASON], SMALL)?.ensure_code(1)
}

/// A recording, complete and replayable.
fn json() -> Result<()> {
    let (ending, lines) = report("json", &["--stats"], SMALL)?;
    ending.ensure_code(1)?;
    let report = Report::parse(&lines)?;
    let cost = report.summary.probe_cost.as_ref();
    ensure!(cost.is_some_and(|cost| cost.runs > 0 && cost.run_s > 0.0), "{cost:?}");
    says(&ending, "of one CPU")?;
    ensure!(report.drops.len() as u64 == REFUSED, "{:?}", report.drops);
    ensure!(report.drops.iter().all(|event| event.reason == REASON), "{:?}", report.drops);
    report.summary.ensure_explained()
}

fn github() -> Result<()> {
    let ending = watch(&["--format", "github"], SMALL)?;
    ending.ensure_code(1)?;
    let server = crowd::server().to_string().replace(':', "%3A");
    says(&ending, &format!("::error title={REASON} at {server}::{REASON}: {REFUSED} drops"))
}

/// A step may have a page already.
fn markdown() -> Result<()> {
    let (ending, page) = report("markdown", &[], SMALL)?;
    ending.ensure_code(1)?;
    let row = format!("\n| {REFUSED} | `{REASON}` | {} | {SMALL} | ", crowd::server());
    ensure!(page.starts_with("what was there\n") && page.contains(&row), "no {row}: {page}");
    Ok(())
}

/// The command's own failure says more than the gate.
fn command_fails() -> Result<()> {
    netns::enter_fresh()?;
    let mut command = command(&["run", "--", "sh", "-c", "\"$0\"; exit 9"]);
    crowd::wrapped_by(&mut command, SMALL)?;
    let ending = Process::start(command)?.wait()?;
    ending.ensure_code(9)?;
    says(&ending, &format!("failed; drops that count: {REFUSED}"))
}

fn not_executable() -> Result<()> {
    let file = tempfile::NamedTempFile::new()?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644))?;
    let name = file.path().to_str().context("failed to name a temporary file")?;
    let ending = Process::start(command(&["run", "--", name]))?.wait()?;
    ending.ensure_code(126)?;
    says(&ending, name)
}

/// Where nothing can be traced the command must not run: a gate that sees nothing passes all.
fn without_rights() -> Result<()> {
    let directory = tempfile::tempdir()?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777))?;
    let mark = directory.path().join("mark");
    let mut command = command(&["run", "--", "touch"]);
    command.arg(&mark).uid(NOBODY).gid(NOBODY).current_dir("/");
    let ending = Process::start(command)?.wait()?;
    ending.ensure_code(125)?;
    ensure!(!mark.exists(), "the command has run");
    ensure!(ending.stderr.len() == 1, "not one line: {ending:?}");
    Ok(())
}

/// The command has the three usual files open and none of syndrop's.
fn nothing_inherited() -> Result<()> {
    let look = "for n in $(seq 3 200); do [ -e /proc/$$/fd/$n ] && echo $n; done; exit 0";
    let ending = Process::start(command(&["run", "--", "sh", "-c", look]))?.wait()?;
    ending.ensure_code(0)?;
    ensure!(ending.stdout.is_empty(), "open files: {:?}", ending.stdout);
    Ok(())
}

/// A command that has said that it is ready.
fn ready(mut command: Command) -> Result<(Process, BufReader<ChildStdout>)> {
    command.stdout(Stdio::piped());
    let mut process = Process::start_as_is(command)?;
    let stdout = process.child().stdout.take().context("failed to take stdout")?;
    let mut stdout = BufReader::new(stdout);
    let mut line = String::new();
    stdout.read_line(&mut line)?;
    ensure!(line == "ready\n", "not ready: {line:?}; {:?}", process.wait());
    Ok((process, stdout))
}

/// The command gets what syndrop gets, and syndrop sums up when the command has ended.
fn passes_on(signal: Signal, name: &str) -> Result<()> {
    let script =
        format!("trap 'echo caught; exit 7' {name}; echo ready; while :; do sleep 0.1; done");
    let (process, mut stdout) = ready(command(&["run", "--", "sh", "-c", &script]))?;
    process.signal(signal)?;
    let mut said = String::new();
    stdout.read_to_string(&mut said)?;
    let ending = process.wait()?;
    ending.ensure_code(7)?;
    ensure!(said == "caught\n", "the command said {said:?}");
    says(&ending, "no drops")
}

fn signal_kills() -> Result<()> {
    let script = "echo ready; exec sleep 100";
    let (process, _stdout) = ready(command(&["run", "--", "sh", "-c", script]))?;
    process.signal(Signal::TERM)?;
    let ending = process.wait()?;
    ending.ensure_code(143)?;
    says(&ending, "no drops")
}

/// As in the background of a script: what syndrop was told to ignore, the command ignores, too.
fn ignored_signal() -> Result<()> {
    let syndrop = command(&[]);
    let script = "trap '' INT; exec \"$0\" run -- sh -c 'echo ready; sleep 2; exit 4'";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(syndrop.get_program()).stdin(Stdio::null());
    let (process, _stdout) = ready(command)?;
    process.signal(Signal::INT)?;
    process.wait()?.ensure_code(4)
}
