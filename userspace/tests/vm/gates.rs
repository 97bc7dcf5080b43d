//! What keeps syndrop from running at all: too few rights, or a kernel without BTF. Each ends with
//! its own exit code and one line that says what to do.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::case::Case;
use crate::process::{Ending, Process, command};

const NOBODY: u32 = 65534;
const BTF: &str = "/sys/kernel/btf";

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("gate::without-rights", without_rights),
        Case::new("gate::without-btf", without_btf),
    ]
}

fn without_rights() -> Result<()> {
    let mut command = command(&["trace", "--json"]);
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    one_line(&Process::start(command)?.wait()?, 77)
}

/// As on a kernel that was built without BTF: the directory is empty.
fn without_btf() -> Result<()> {
    // SAFETY: file descriptors stay shared; only the mount namespace is left.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("failed to make a mount namespace")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).context("failed to keep mounts to this case")?;
    let empty = tempfile::tempdir()?;
    mount_bind(empty.path(), BTF).with_context(|| format!("failed to hide {BTF}"))?;
    one_line(&Process::start(command(&["trace", "--json"]))?.wait()?, 69)
}

fn one_line(ending: &Ending, code: i32) -> Result<()> {
    ending.ensure_code(code)?;
    ensure!(ending.stdout.is_empty(), "data without a run: {ending:?}");
    ensure!(ending.stderr.len() == 1, "not one line: {ending:?}");
    Ok(())
}
