//! The kernel's own count of what a load should have caused.

use std::fs;

use anyhow::{Context, Result, ensure};

/// The value of one, such as `TcpExt` and `ListenDrops`.
pub(crate) fn read(group: &str, name: &str) -> Result<u64> {
    for path in ["/proc/net/netstat", "/proc/net/snmp"] {
        let text = fs::read_to_string(path).with_context(|| format!("failed to read {path}"))?;
        if let Some(value) = find(&text, group, name) {
            return Ok(value);
        }
    }
    anyhow::bail!("this kernel has no counter {group}{name}")
}

/// Lines come in pairs, names above values.
fn find(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| {
        let (start, rest) = line.split_once(": ")?;
        (start == group).then_some(rest)
    });
    let place = lines.next()?.split(' ').position(|word| word == name)?;
    lines.next()?.split(' ').nth(place)?.parse().ok()
}

/// Fails unless a counter moved by `count`, or by one in a thousand more or less: a request that
/// expires makes room for one more.
pub(crate) fn ensure_moved(what: &str, before: u64, after: u64, count: u32) -> Result<()> {
    let moved = after - before;
    let count = u64::from(count);
    ensure!(moved.abs_diff(count) <= count / 1000, "{what} moved by {moved} instead of {count}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_below_names() {
        let text = "TcpExt: A B C\nTcpExt: 1 2 3\nIpExt: A\nIpExt: 9\n";
        assert_eq!(find(text, "TcpExt", "B"), Some(2));
        assert_eq!(find(text, "IpExt", "A"), Some(9));
        assert_eq!(find(text, "TcpExt", "D"), None);
    }
}
