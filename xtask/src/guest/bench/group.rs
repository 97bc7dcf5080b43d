//! What all processes of a tool took together, those and their threads that have ended included:
//! the kernel's account of the control group in which they run.

use std::fs;

use anyhow::{Context, Result};

const ROOT: &str = "/sys/fs/cgroup";
const GROUP: &str = "/sys/fs/cgroup/tool";

/// Makes the group.
pub(crate) fn make() -> Result<()> {
    fs::create_dir_all(GROUP).with_context(|| format!("failed to create {GROUP}"))
}

/// Runs `work` in the group, whose children stay in it.
pub(crate) fn within<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    enter(GROUP)?;
    let done = work();
    enter(ROOT)?;
    done
}

fn enter(group: &str) -> Result<()> {
    let path = format!("{group}/cgroup.procs");
    // 0 is whoever writes it.
    fs::write(&path, "0").with_context(|| format!("failed to write {path}"))
}

/// Nanoseconds so far; the kernel tells microseconds.
pub(crate) fn used() -> Result<u64> {
    let path = format!("{GROUP}/cpu.stat");
    let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
    let usage = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse::<u64>().ok());
    Ok(usage.with_context(|| format!("no usage_usec in {path}"))? * 1000)
}
