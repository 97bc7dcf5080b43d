//! Processes and the sockets among their descriptors, for as few calls of the kernel as it takes:
//! one for each descriptor. A machine may have a hundred thousand of them.

use std::fs::read_dir;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat, readlinkat};

/// Every process by now, lowest first.
pub(super) fn pids(proc: &Path) -> Vec<i32> {
    let entries = read_dir(proc).into_iter().flatten().filter_map(Result::ok);
    let mut pids: Vec<i32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Tells `found` of every socket that a process holds: the descriptor and the inode. Of a process
/// that ended, or that may not be looked at, there is nothing to tell.
pub(super) fn sockets(proc: &Path, pid: i32, found: impl FnMut(i32, u64)) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if let Ok(folder) = openat(CWD, proc.join(format!("{pid}/fd")), flags, Mode::empty()) {
        // What was found before it ended was there.
        let _ = sockets_in(folder, found);
    }
}

/// The same of an open folder of descriptors.
pub(super) fn sockets_in(
    folder: OwnedFd,
    mut found: impl FnMut(i32, u64),
) -> rustix::io::Result<()> {
    let mut entries = Dir::new(folder)?;
    let mut target = Vec::with_capacity(32);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let descriptor = entry.file_name().to_str().ok().and_then(|name| name.parse().ok());
        let (Some(descriptor), Ok(folder)) = (descriptor, entries.fd()) else { continue };
        let Ok(link) = readlinkat(folder, entry.file_name(), std::mem::take(&mut target)) else {
            continue;
        };
        if let Some(inode) = socket(link.to_bytes()) {
            found(descriptor, inode);
        }
        target = link.into_bytes();
    }
    Ok(())
}

/// The inode number in `socket:[42]`.
pub(super) fn socket(link: &[u8]) -> Option<u64> {
    let number = link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?;
    str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::socket;

    #[test]
    fn only_sockets_are_sockets() {
        assert_eq!(socket(b"socket:[42]"), Some(42));
        for link in [&b"pipe:[42]"[..], b"socket:[]", b"socket:[4", b"/socket:[42]", b""] {
            assert_eq!(socket(link), None);
        }
    }
}
