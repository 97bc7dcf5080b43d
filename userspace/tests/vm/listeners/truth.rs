//! What the kernel itself says of listeners in `/proc/net/tcp` and `tcp6`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

/// State LISTEN, as the files spell it.
const LISTEN: &str = "0A";

/// Accept queue lengths by inode, of the listeners in the namespace of the calling thread.
pub(super) fn accept_queues() -> Result<BTreeMap<u64, u32>> {
    let mut found = BTreeMap::new();
    for file in ["tcp", "tcp6"] {
        let path = format!("/proc/thread-self/net/{file}");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        for line in text.lines().skip(1) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, _, _, state, queues, _, _, _, _, inode, ..] = words[..] else {
                anyhow::bail!("failed to read a line of {path}: {line:?}");
            };
            if state != LISTEN {
                continue;
            }
            let (_, waiting) = queues.split_once(':').context("no queues")?;
            found.insert(inode.parse()?, u32::from_str_radix(waiting, 16)?);
        }
    }
    Ok(found)
}
