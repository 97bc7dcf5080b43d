//! The network namespaces of this machine, and how far their counters moved.
//!
//! A namespace is known by its inode number, the same that the probes report. None is held open:
//! that would keep a container's network alive for as long as a tracer runs. So a namespace
//! that vanished takes its counters with it, and they are unknown from then on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::fstatfs;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::counters::{NetstatError, TcpExt};

mod baseline;
mod visit;

pub use baseline::Baseline;
pub use visit::VisitError;

/// Where `ip netns` and container runtimes keep namespaces that may have no process.
const NAMED: &[&str] = &["/run/netns", "/run/docker/netns"];

/// Type of the file system behind `/proc/PID/ns/*` and its bind mounts: `NSFS_MAGIC` of
/// include/uapi/linux/magic.h.
const NSFS: i64 = 0x6e73_6673;

/// What the first PID namespace is called since Linux 3.8: `PROC_PID_INIT_INO`.
const FIRST_PIDS: &str = "pid:[4026531836]";

/// Ways into one namespace that are remembered; a process may end before it is asked.
const DOORS: usize = 4;

/// A way into a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Door {
    /// A process in it, by its folder in `/proc`.
    Process(PathBuf),
    /// A bind mount of it.
    Named(PathBuf),
}

/// Why a namespace's counters cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// Nobody is in it any more, and it has no name.
    #[error("failed to find network namespace {0}: it is gone, or only syndrop cannot see it")]
    Gone(u32),
    /// Its file cannot be read.
    #[error(
        "failed to read the counters of network namespace {netns}: this needs CAP_SYS_ADMIN and CAP_SYS_PTRACE, try as root"
    )]
    Read {
        /// The namespace.
        netns: u32,
        /// What happened.
        source: io::Error,
    },
    /// Its file is not as known.
    #[error("failed to understand the counters of network namespace {netns}")]
    Parse {
        /// The namespace.
        netns: u32,
        /// What is wrong with it.
        source: NetstatError,
    },
}

/// The namespaces that could be seen at one moment.
#[derive(Debug)]
pub struct Namespaces {
    doors: BTreeMap<u32, Vec<Door>>,
    own: Option<u32>,
    complete: bool,
}

impl Namespaces {
    /// Looks for them: the own one, those of all processes, and those with a name.
    pub fn enumerate() -> Self {
        let named: Vec<&Path> = NAMED.iter().map(Path::new).collect();
        Self::scan(Path::new("/proc"), &named)
    }

    fn scan(proc: &Path, named: &[&Path]) -> Self {
        let mut found = Self { doors: BTreeMap::new(), own: None, complete: true };
        let itself = proc.join("self");
        found.own = netns_of(&itself).ok();
        if let Some(own) = found.own {
            found.doors.entry(own).or_default().push(Door::Process(itself.clone()));
        }
        // In a PID namespace of our own, or where /proc hides others, there is more than is seen.
        let first = fs::read_link(itself.join("ns/pid"));
        found.complete = first.is_ok_and(|pids| pids.as_os_str() == FIRST_PIDS)
            && netns_of(&proc.join("1")).is_ok()
            && found.scan_processes(proc).is_ok();
        for folder in named {
            if found.scan_named(folder).is_err() {
                found.complete = false;
            }
        }
        found
    }

    fn scan_processes(&mut self, proc: &Path) -> io::Result<()> {
        let mut hidden = Ok(());
        for entry in fs::read_dir(proc)? {
            let entry = entry?;
            if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
                continue;
            }
            let path = entry.path();
            match netns_of(&path) {
                Ok(netns) => self.remember(netns, || Door::Process(path)),
                // It ended meanwhile.
                Err(error) if is_gone(&error) => {}
                Err(error) => hidden = Err(error),
            }
        }
        hidden
    }

    fn scan_named(&mut self, folder: &Path) -> io::Result<()> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if is_gone(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            if let Some(netns) = named_netns(&path)? {
                self.remember(netns, || Door::Named(path));
            }
        }
        Ok(())
    }

    fn remember(&mut self, netns: u32, door: impl FnOnce() -> Door) {
        let doors = self.doors.entry(netns).or_default();
        if doors.len() < DOORS {
            doors.push(door());
        }
    }

    /// The inode numbers of all that were seen.
    pub fn inums(&self) -> impl Iterator<Item = u32> {
        self.doors.keys().copied()
    }

    /// The one that syndrop itself is in.
    pub fn own(&self) -> Option<u32> {
        self.own
    }

    /// Whether nothing kept others from being seen. A namespace that only an open file, a socket
    /// or a single thread of a process keeps alive is not looked for.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// Reads a namespace's counters now.
    ///
    /// # Errors
    /// If no way into it is left, or none that is allowed.
    pub fn counters(&self, netns: u32) -> Result<TcpExt, NamespaceError> {
        let mut failed = NamespaceError::Gone(netns);
        for door in self.doors.get(&netns).into_iter().flatten() {
            match door.read(netns) {
                Ok(text) => {
                    return TcpExt::parse(&text)
                        .map_err(|source| NamespaceError::Parse { netns, source });
                }
                Err(error) if is_gone(&error) => {}
                Err(source) => failed = NamespaceError::Read { netns, source },
            }
        }
        Err(failed)
    }
}

impl Door {
    /// The text of the namespace's netstat file, if the door still leads there.
    fn read(&self, netns: u32) -> io::Result<String> {
        match self {
            Self::Process(path) => {
                let text = fs::read_to_string(path.join("net/netstat"))?;
                // A process may enter another namespace, and another process take its number.
                if netns_of(path)? == netns {
                    Ok(text)
                } else {
                    Err(io::ErrorKind::NotFound.into())
                }
            }
            Self::Named(path) => {
                let file = File::open(path)?;
                if file.metadata()?.ino() != u64::from(netns) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                // Entering it changes the thread for good, so a thread of its own enters.
                thread::spawn(move || read_inside(&file))
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("the thread inside it failed")))
            }
        }
    }
}

fn read_inside(namespace: &File) -> io::Result<String> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    fs::read_to_string("/proc/thread-self/net/netstat")
}

/// The inode number of a process's network namespace, from the text of its link.
fn netns_of(process: &Path) -> io::Result<u32> {
    let link = fs::read_link(process.join("ns/net"))?;
    let number = link.to_str().and_then(|link| link.strip_prefix("net:[")?.strip_suffix(']'));
    number
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no link to a namespace"))
}

/// The inode number of a bind-mounted namespace. A file that no namespace is mounted on, as
/// `ip netns` leaves them in other mount namespaces, is none.
fn named_netns(path: &Path) -> io::Result<Option<u32>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if fstatfs(&file)?.f_type != NSFS {
        return Ok(None);
    }
    Ok(u32::try_from(file.metadata()?.ino()).ok())
}

/// Whether something ended while it was looked at: `ENOENT`, or `ESRCH` of a process.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::SRCH)
}

#[cfg(test)]
mod tests;
