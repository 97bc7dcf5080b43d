//! Half-open requests of the current network namespace, as `/proc` lists them.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Only a guard against waiting for ever.
const PATIENCE: Duration = Duration::from_secs(60);
const PACE: Duration = Duration::from_millis(20);
/// The state `SYN_RECV`, in the fourth column.
const SYN_RECV: &str = "03";

/// How many there are.
pub(crate) fn count() -> Result<usize> {
    let mut found = 0;
    for table in ["tcp", "tcp6"] {
        let path = format!("/proc/thread-self/net/{table}");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        found +=
            text.lines().filter(|line| line.split_whitespace().nth(3) == Some(SYN_RECV)).count();
    }
    Ok(found)
}

/// Waits until the last one has ended.
pub(crate) fn await_none() -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while count()? > 0 {
        if Instant::now() > deadline {
            bail!("half-open requests are left after {PATIENCE:?}");
        }
        sleep(PACE);
    }
    Ok(())
}
