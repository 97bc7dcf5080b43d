//! Processes and the sockets among their descriptors, for as few calls of the kernel as it takes:
//! one for each descriptor. A machine may have a hundred thousand of them.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, RawDir, openat, readlinkat_raw};
use rustix::path::Arg;

/// For some 300 names in a folder: what has more asks the kernel again.
const NAMES: usize = 8192;
/// Longer than the link of any socket; those of files may be cut off.
const LINK: usize = 64;

/// Every process by now, lowest first.
pub(super) fn pids(proc: &Path) -> Vec<i32> {
    let mut pids = Vec::new();
    if let Ok(folder) = folder(proc) {
        // What was found before an error was there.
        let _ = numbers(&folder, |pid, _| pids.push(pid));
    }
    pids.sort_unstable();
    pids
}

/// The process that asks, by its number in this `/proc`.
pub(super) fn own_pid(proc: &Path) -> Option<i32> {
    let mut link = [const { MaybeUninit::uninit() }; LINK];
    number(readlinkat_raw(CWD, proc.join("self"), &mut link).ok()?.0)
}

/// Tells `found` of every socket that a process holds: the descriptor and the inode. Of a process
/// that ended, or that may not be looked at, there is nothing to tell.
pub(super) fn sockets(proc: &Path, pid: i32, found: impl FnMut(i32, u64)) {
    if let Ok(folder) = folder(&proc.join(format!("{pid}/fd"))) {
        // What was found before it ended was there.
        let _ = sockets_in(&folder, found);
    }
}

/// The same of an open folder of descriptors.
pub(super) fn sockets_in(
    folder: impl AsFd,
    mut found: impl FnMut(i32, u64),
) -> rustix::io::Result<()> {
    let folder = folder.as_fd();
    numbers(folder, |descriptor, name| {
        if let Some(inode) = socket_at(folder, name) {
            found(descriptor, inode);
        }
    })
}

/// The inode number of the socket that a link points to.
pub(super) fn socket_at(folder: impl AsFd, link: impl Arg) -> Option<u64> {
    let mut target = [const { MaybeUninit::uninit() }; LINK];
    socket(readlinkat_raw(folder, link, &mut target).ok()?.0)
}

fn folder(path: &Path) -> rustix::io::Result<OwnedFd> {
    openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Tells `found` of every name in a folder that is a number.
fn numbers(folder: impl AsFd, mut found: impl FnMut(i32, &CStr)) -> rustix::io::Result<()> {
    let mut names = [const { MaybeUninit::uninit() }; NAMES];
    let mut entries = RawDir::new(folder, &mut names);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(number) = number(name.to_bytes()) {
            found(number, name);
        }
    }
    Ok(())
}

fn number(name: &[u8]) -> Option<i32> {
    str::from_utf8(name).ok()?.parse().ok()
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
