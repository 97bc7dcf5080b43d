//! Who holds each of many sockets: one walk through the descriptors of every process.
//!
//! Each process is looked at through one open folder of `/proc`, so that whatever is read of it is
//! read of the same process: after its end there is nothing in that folder, even if another has
//! its pid by then.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cgroup::Membership;
use super::descriptors::{pids, sockets_in};
use super::holders::name;

/// Of a command line; some are whole programs.
const CMDLINE_MAX: u64 = 4096;

/// A process that holds a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its pid.
    pub pid: u32,
    /// What it calls itself.
    pub comm: String,
    /// Its command line, as far as it is kept; empty where it has none.
    pub cmdline: Vec<String>,
    /// Where it belongs.
    pub membership: Membership,
}

/// Those that hold one socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The one with the lowest pid: usually it made the socket, and the others inherited it.
    pub first: Arc<Process>,
    /// The others.
    pub others: Vec<Arc<Process>>,
    /// The pids of all, ascending.
    pub pids: Vec<u32>,
}

impl Holder {
    /// All that hold it.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        std::iter::once(&self.first).chain(&self.others).map(|process| &**process)
    }
}

/// The holders of sockets, by inode number.
#[derive(Debug, Default)]
pub struct Census(HashMap<u64, Holder>);

impl Census {
    /// Finds out who holds these sockets now, as far as these rights let one see.
    pub fn take(sockets: &HashSet<u64>) -> Self {
        Self::of(Path::new("/proc"), sockets)
    }

    fn of(proc: &Path, sockets: &HashSet<u64>) -> Self {
        let mut found = Self::default();
        if sockets.is_empty() {
            return found;
        }
        for pid in pids(proc) {
            found.add(proc.join(pid.to_string()), pid, sockets);
        }
        found
    }

    /// Who holds a socket; `None` if nobody was seen to.
    pub fn holder(&self, inode: u64) -> Option<&Holder> {
        self.0.get(&inode)
    }

    fn add(&mut self, folder: PathBuf, pid: i32, sockets: &HashSet<u64>) {
        let Ok(process) = procfs::process::Process::new_with_root(folder) else { return };
        let Some(mut held) = held(&process, sockets) else { return };
        if held.is_empty() {
            return;
        }
        held.sort_unstable();
        // A process can hold a socket by several descriptors.
        held.dedup();
        // Whoever ended meanwhile holds nothing any more.
        let Some(process) = Process::read(&process, pid) else { return };
        let process = Arc::new(process);
        for inode in held {
            let (first, pids) = (Arc::clone(&process), vec![process.pid]);
            match self.0.entry(inode) {
                Entry::Vacant(entry) => _ = entry.insert(Holder { first, others: vec![], pids }),
                Entry::Occupied(mut entry) => {
                    entry.get_mut().others.push(first);
                    entry.get_mut().pids.push(process.pid);
                }
            }
        }
    }
}

/// Which of the sockets a process holds.
fn held(process: &procfs::process::Process, sockets: &HashSet<u64>) -> Option<Vec<u64>> {
    let descriptors = process.open_relative("fd").ok()?;
    let mut held = Vec::new();
    let found = |_, inode| {
        if sockets.contains(&inode) {
            held.push(inode);
        }
    };
    sockets_in(descriptors, found).ok()?;
    Some(held)
}

impl Process {
    fn read(process: &procfs::process::Process, pid: i32) -> Option<Self> {
        let read = |file: &str| -> Option<Vec<u8>> {
            let mut bytes = Vec::new();
            let file = process.open_relative(file).ok()?;
            file.take(CMDLINE_MAX).read_to_end(&mut bytes).ok()?;
            Some(bytes)
        };
        let membership = Membership::parse(&read("cgroup")?);
        let cmdline = words(&read("cmdline")?);
        Some(Self { pid: pid.try_into().ok()?, comm: name(&read("comm")?), cmdline, membership })
    }
}

/// Arguments end with a zero byte each; a process may have overwritten them by anything.
fn words(cmdline: &[u8]) -> Vec<String> {
    let whole = cmdline.strip_suffix(&[0]).unwrap_or(cmdline);
    if whole.is_empty() {
        return Vec::new();
    }
    whole.split(|&byte| byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::collections::HashSet;
    use std::fs;
    use std::net::TcpListener;
    use std::os::fd::AsFd;
    use std::os::unix::fs::{MetadataExt, symlink};

    use tempfile::TempDir;

    use super::{Census, words};
    use crate::enrich::descriptors::socket;

    fn process(proc: &TempDir, pid: u32, sockets: &[u64]) {
        let folder = proc.path().join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::write(folder.join("comm"), format!("p{pid}\n")).unwrap();
        fs::write(folder.join("cmdline"), b"/bin/server\0-x\0").unwrap();
        fs::write(folder.join("cgroup"), "0::/system.slice/web.service\n").unwrap();
        for (descriptor, inode) in sockets.iter().enumerate() {
            let link = folder.join("fd").join(descriptor.to_string());
            symlink(format!("socket:[{inode}]"), link).unwrap();
        }
    }

    #[test]
    fn every_holder_counts_and_the_lowest_pid_is_first() {
        let proc = tempfile::tempdir().unwrap();
        process(&proc, 146, &[42]);
        process(&proc, 9, &[43]);
        process(&proc, 144, &[41, 42, 42]);
        process(&proc, 145, &[42, 44]);
        let census = Census::of(proc.path(), &HashSet::from([41, 42]));
        let holder = census.holder(42).unwrap();
        assert_eq!(holder.pids, [144, 145, 146]);
        assert_eq!((holder.first.pid, holder.first.comm.as_str()), (144, "p144"));
        assert_eq!(holder.first.cmdline, ["/bin/server", "-x"]);
        assert_eq!(holder.first.membership.unit.as_deref(), Some("web.service"));
        assert_eq!(census.holder(41).unwrap().pids, [144]);
        assert_eq!(census.holder(43), None);
    }

    #[test]
    fn who_ended_meanwhile_holds_nothing() {
        let proc = tempfile::tempdir().unwrap();
        process(&proc, 10, &[42]);
        process(&proc, 11, &[42]);
        // As where the process ends between the look at its descriptors and that at its name.
        fs::remove_file(proc.path().join("10/comm")).unwrap();
        let census = Census::of(proc.path(), &HashSet::from([42]));
        assert_eq!(census.holder(42).unwrap().pids, [11]);
        fs::remove_file(proc.path().join("11/cgroup")).unwrap();
        assert_eq!(Census::of(proc.path(), &HashSet::from([42])).holder(42), None);
    }

    #[test]
    fn a_listener_of_this_very_process_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let file = fs::File::from(listener.as_fd().try_clone_to_owned().unwrap());
        let inode = file.metadata().unwrap().ino();
        let census = Census::take(&HashSet::from([inode]));
        assert_eq!(census.holder(inode).unwrap().first.pid, std::process::id());
    }

    #[test]
    fn a_command_line_is_words_or_whatever_it_was_overwritten_with() {
        assert_eq!(words(b"nginx: master process\0"), ["nginx: master process"]);
        assert_eq!(words(b"a\0\0b\0"), ["a", "", "b"]);
        assert_eq!(words(b"\xff"), ["\u{fffd}"]);
        assert!(words(b"").is_empty());
    }

    proptest! {
        #[test]
        fn any_link_and_any_command_line_are_survived(bytes: Vec<u8>, inode in "[0-9]{0,40}") {
            let _ = (socket(&bytes), words(&bytes));
            let told = socket(format!("socket:[{inode}]").as_bytes());
            prop_assert_eq!(told, inode.parse().ok());
        }
    }
}
