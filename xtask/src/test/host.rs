//! The tests that need no guest: formatting, lints, unit tests, the page of a report in a browser,
//! licences, the BPF object.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::libtest::Run;
use super::tally::Tally;
use super::{deny, page};
use crate::{artifact, bpf, command};

/// Runs all of them, each to its end.
pub(crate) fn run(tally: &mut Tally) {
    step(tally, "cargo fmt", || cargo(&["fmt", "--all", "--check"]));
    let lints = ["clippy", "--workspace", "--all-targets", "--all-features", "--quiet"];
    step(tally, "cargo clippy", || cargo(&[&lints[..], &["--", "-D", "warnings"]].concat()));
    step(tally, "cargo clippy for BPF", bpf::clippy);
    unit_tests(tally);
    step(tally, "the page of a report in a browser", page::check);
    step(tally, "cargo deny", deny::check);
    // Two steps: whether somebody forgot to build it needs no toolchain to tell.
    step(tally, "the BPF object's manifest", bpf::verify);
    step(tally, "cargo xtask bpf --check", || bpf::build(true));
}

fn step(tally: &mut Tally, name: &str, work: impl FnOnce() -> Result<()>) {
    eprintln!("== {name}");
    tally.step(name, work());
}

fn cargo(arguments: &[&str]) -> Result<()> {
    let mut command = artifact::cargo();
    visible(command.args(arguments))
}

/// Runs with its output shown; a bad exit is an error.
pub(crate) fn visible(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("failed to start `{}`", command::shown(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", command::shown(command));
    }
    Ok(())
}

fn unit_tests(tally: &mut Tally) {
    const NAME: &str = "cargo test";
    eprintln!("== {NAME}");
    let mut run = Run::default();
    match stream(&["test", "--workspace", "--no-fail-fast"], &mut run) {
        Ok(succeeded) => run.add_to(tally, NAME, succeeded),
        Err(error) => tally.step(NAME, Err(error)),
    }
}

/// Runs cargo, shows its stdout and reads along; whether it succeeded.
fn stream(arguments: &[&str], run: &mut Run) -> Result<bool> {
    let mut command = artifact::cargo();
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().context("failed to start cargo")?;
    let stdout = child.stdout.take().context("failed to read what cargo prints")?;
    for line in BufReader::new(stdout).lines() {
        let line = line.context("failed to read what cargo prints")?;
        println!("{line}");
        run.push(&line);
    }
    Ok(child.wait().context("failed to wait for cargo")?.success())
}
