//! `syndrop doctor`: the same verdict as that of a trace, without any.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, mount};
use serde_json::Value;

use crate::case::Case;
use crate::process::{Process, command};

const NOBODY: u32 = 65534;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("doctor::root", || root(&[])),
        Case::new("doctor::root-json", root_json),
        Case::new("doctor::nobody", nobody),
        Case::new("doctor::kernel-reasons", kernel_reasons),
    ]
}

fn root(arguments: &[&str]) -> Result<()> {
    let ending = Process::start(command(&[&["doctor"], arguments].concat()))?.wait()?;
    ending.ensure_code(0)?;
    ensure!(ending.stderr.is_empty(), "{ending:?}");
    ensure!(ending.stdout.ends_with("\nsyndrop can trace here.\n"), "{}", ending.stdout);
    let attachable =
        |kind| ending.stdout.contains(&format!("\n  ok      {kind} tcp_conn_request\n"));
    ensure!(["fentry", "kprobe"].into_iter().any(attachable), "{}", ending.stdout);
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

/// `explain` knows this kernel's numbers of its own drop reasons as tracefs does, by another way.
fn kernel_reasons() -> Result<()> {
    const FORMAT: &str = "/sys/kernel/tracing/events/skb/kfree_skb/format";
    if !Path::new(FORMAT).exists() {
        mount("tracefs", "/sys/kernel/tracing", "tracefs", MountFlags::empty(), None)
            .context("failed to mount tracefs")?;
    }
    let format = fs::read_to_string(FORMAT).with_context(|| format!("failed to read {FORMAT}"))?;
    let ending = Process::start(command(&["explain", "--json"]))?.wait()?;
    ending.ensure_code(0)?;
    let mut compared = 0;
    for line in ending.stdout.lines() {
        let told: Value = serde_json::from_str(line).context("it is not JSON")?;
        let Some(name) = told["kernel_reason"]["name"].as_str() else { continue };
        let name = name.trim_start_matches("SKB_DROP_REASON_");
        let number = told["kernel_reason"]["number"].as_u64();
        let known =
            number.is_some_and(|number| format.contains(&format!("{{ {number}, \"{name}\" }}")));
        let nameless = !format.contains(&format!(", \"{name}\" }}"));
        ensure!(known || nameless && number.is_none(), "{name} is not {number:?}: {format}");
        compared += usize::from(known);
    }
    ensure!(compared > 10, "only {compared} reasons compared: {format}");
    Ok(())
}
