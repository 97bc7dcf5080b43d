//! `syndrop doctor`: the same verdict as that of a trace, without any.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::case::Case;
use crate::process::{Process, command};

const NOBODY: u32 = 65534;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("doctor::root", || root(&[])),
        Case::new("doctor::root-json", root_json),
        Case::new("doctor::nobody", nobody),
    ]
}

fn root(arguments: &[&str]) -> Result<()> {
    let ending = Process::start(command(&[&["doctor"], arguments].concat()))?.wait()?;
    ending.ensure_code(0)?;
    ensure!(ending.stderr.is_empty(), "{ending:?}");
    ensure!(ending.stdout.ends_with("\nsyndrop can trace here.\n"), "{}", ending.stdout);
    ensure!(ending.stdout.contains("\n  ok      tcp_conn_request\n"), "{}", ending.stdout);
    Ok(())
}

fn root_json() -> Result<()> {
    let ending = Process::start(command(&["doctor", "--json"]))?.wait()?;
    ending.ensure_code(0)?;
    let told: Value = serde_json::from_str(&ending.stdout).context("it is not JSON")?;
    ensure!(told["exit"] == 0 && told["in_the_way"] == Value::Array(Vec::new()), "{told:#}");
    let hooks = told["hooks"].as_array().context("no hooks")?;
    ensure!(hooks.iter().any(|hook| hook["state"] == "attachable"), "{told:#}");
    Ok(())
}

/// Whoever may not trace may ask why.
fn nobody() -> Result<()> {
    let mut command = command(&["doctor"]);
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    let ending = Process::start(command)?.wait()?;
    ending.ensure_code(77)?;
    for word in ["  no      CAP_BPF ", "setcap cap_bpf,cap_perfmon=ep", "status 77"] {
        ensure!(ending.stdout.contains(word), "no {word:?}: {}", ending.stdout);
    }
    Ok(())
}
