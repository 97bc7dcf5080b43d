//! A kernel that is locked down for confidentiality keeps its memory for itself: what can be traced
//! then. There is no way back from there, so this comes last.

use std::fs;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};

use crate::campaign;
use crate::case::Case;
use crate::process::{Process, command};
use crate::skips::{Series, is_realtime};

const SECURITY: &str = "/sys/kernel/security";
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// Some of each stage: of packets, of requests, of both queues.
const ROWS: &[&str] = &[
    "accept-queue-full-syn",
    "syn-queue-full",
    "syn-backlog-reserved",
    "accept-queue-full-ack",
    "accept-queue-full-ack-rst",
    "ack-paws",
    "rst-out-of-window",
    "cookie-ack-invalid",
    "cookie-ack-accept-queue-full",
    "stray-ack",
    "request-icmp-error",
];

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("lockdown::confidentiality", confidentiality)]
}

fn confidentiality() -> Result<()> {
    match mount("securityfs", SECURITY, "securityfs", MountFlags::empty(), None) {
        Ok(()) | Err(Errno::BUSY) => {}
        Err(errno) => return Err(errno).context("failed to mount securityfs"),
    }
    fs::write(LOCKDOWN, "confidentiality").context("failed to lock the kernel down")?;
    let levels = fs::read_to_string(LOCKDOWN)?;
    ensure!(levels.contains("[confidentiality]"), "{levels}");
    // Programs can read by themselves since then.
    if is_realtime() || Series::running()? < Series(6, 2) {
        let refused = Process::start(command(&["trace"]))?.wait()?;
        refused.ensure_code(69)?;
        let told = refused.stderr.len() == 1 && refused.stderr[0].contains("lockdown=integrity");
        ensure!(told, "{refused:?}");
        return Ok(());
    }
    let refused = Process::start(command(&["trace", "--attach", "kprobe"]))?.wait()?;
    refused.ensure_code(77)?;
    ensure!(refused.stderr[0].contains("refuses kprobes, though not fentry"), "{refused:?}");
    campaign::play("as-usual", ROWS)
}
