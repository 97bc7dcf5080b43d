//! Which process holds a socket: a walk through the descriptors of every process.
//!
//! A walk costs a lot on a busy machine, so an unknown socket is worth one only now and then,
//! whatever arrives; until then its holder is unknown. A name found earlier is given out only
//! after a look that the process still holds the socket: pids are reused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt};
use rustix::fs::CWD;

use super::cgroup::Membership;
use super::descriptors::{own_pid, pids, socket_at, sockets};
use crate::incident::Owner;

/// Between two walks lie at least this and so many times the duration of the last one.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_PER_WALK: u32 = 20;
/// Sockets that are remembered of a walk, some 2 MB, and owners that are remembered by name.
const PLACES_MAX: usize = 1 << 16;
const OWNERS_MAX: usize = 4096;

/// What is known of sockets and their holders.
#[derive(Debug)]
pub(super) struct Holders {
    proc: PathBuf,
    places: HashMap<u64, Place>,
    owners: HashMap<u64, Known>,
    next_walk: Option<Instant>,
    /// This very process, which the last walk left out.
    left_out: Option<i32>,
    nobody: Arc<Owner>,
}

/// Where a socket was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) pid: i32,
    pub(super) descriptor: i32,
}

/// An owner and when it was last looked at.
#[derive(Debug)]
struct Known {
    place: Place,
    looked: Instant,
    owner: Arc<Owner>,
}

impl Holders {
    pub(super) fn new(proc: PathBuf) -> Self {
        Self {
            proc,
            places: HashMap::new(),
            owners: HashMap::new(),
            next_walk: None,
            left_out: None,
            nobody: Arc::default(),
        }
    }

    /// The holder with the lowest pid, as far as it can be known at `now`.
    pub(super) fn of(&mut self, inode: u64, now: Instant) -> Arc<Owner> {
        if let Some(known) = self.owners.get_mut(&inode) {
            if known.looked == now || known.place.holds(&self.proc, inode) {
                known.looked = now;
                return Arc::clone(&known.owner);
            }
            self.owners.remove(&inode);
            self.places.remove(&inode);
        }
        self.visit_own(inode);
        if let Some(owner) = self.look(inode, now) {
            return owner;
        }
        if self.next_walk.is_none_or(|next| next <= now) {
            let began = Instant::now();
            self.walk(inode);
            self.next_walk = Some(now + PAUSE + began.elapsed() * PAUSE_PER_WALK);
        }
        self.visit_own(inode);
        self.look(inode, now).unwrap_or_else(|| self.nobody())
    }

    /// The holder where none is known.
    pub(super) fn nobody(&self) -> Arc<Owner> {
        Arc::clone(&self.nobody)
    }

    /// Looks at the place where the last walk found a socket.
    fn look(&mut self, inode: u64, now: Instant) -> Option<Arc<Owner>> {
        let place = *self.places.get(&inode)?;
        let owner = Arc::new(place.describe(&self.proc));
        // Only now is it sure that it was not somebody else who was described.
        if !place.holds(&self.proc, inode) {
            self.places.remove(&inode);
            return None;
        }
        if self.owners.len() >= OWNERS_MAX {
            self.owners.clear();
        }
        self.owners.insert(inode, Known { place, looked: now, owner: Arc::clone(&owner) });
        Some(owner)
    }

    /// Finds every socket, by the lowest pid that holds it; first of all the one that is wanted.
    ///
    /// This process is left out: it has more descriptors than most, probes nearly all of them.
    fn walk(&mut self, wanted: u64) {
        self.places.clear();
        self.left_out = own_pid(&self.proc);
        for pid in pids(&self.proc) {
            if self.left_out != Some(pid) {
                self.visit(pid, wanted);
            }
        }
    }

    /// Makes up for that, unless a lower pid was seen to hold the socket.
    fn visit_own(&mut self, wanted: u64) {
        let seen = self.places.get(&wanted);
        if let Some(own) = self.left_out.take_if(|own| seen.is_none_or(|it| it.pid > *own)) {
            self.visit(own, wanted);
        }
    }

    fn visit(&mut self, pid: i32, wanted: u64) {
        sockets(&self.proc, pid, |descriptor, inode| {
            if inode == wanted || self.places.len() < PLACES_MAX {
                let place = self.places.entry(inode).or_insert(Place { pid, descriptor });
                if pid < place.pid {
                    *place = Place { pid, descriptor };
                }
            }
        });
    }
}

impl Place {
    /// Looks again. With every batch of drops somebody does, so this asks the kernel only once.
    pub(super) fn holds(self, proc: &Path, inode: u64) -> bool {
        let link = proc.join(format!("{}/fd/{}", self.pid, self.descriptor));
        socket_at(CWD, link) == Some(inode)
    }

    fn describe(self, proc: &Path) -> Owner {
        let directory = proc.join(self.pid.to_string());
        let cgroup = fs::read(directory.join("cgroup")).ok();
        let membership = cgroup.as_deref().map(Membership::parse).unwrap_or_default();
        Owner {
            pid: self.pid.try_into().ok(),
            comm: comm(proc, self.pid),
            cgroup: membership.path,
            container: membership.container,
        }
    }
}

/// What a process calls itself.
pub(super) fn comm(proc: &Path, pid: i32) -> Option<String> {
    fs::read(proc.join(pid.to_string()).join("comm")).ok().map(|comm| name(&comm))
}

/// A process may call itself by any bytes; the kernel ends them with a newline of its own.
pub(super) fn name(comm: &[u8]) -> String {
    String::from_utf8_lossy(comm.strip_suffix(b"\n").unwrap_or(comm)).into_owned()
}

#[cfg(test)]
mod tests;
