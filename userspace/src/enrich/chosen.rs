//! Which listeners belong to the processes that were asked for.
//!
//! Only those processes' descriptors are looked at, so a walk is shorter than that for everybody's
//! owner. As there, a place found earlier counts only after a look that the socket is still there.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::descriptors::{pids, sockets};
use super::holders::{Place, comm};
use crate::decode::ListenerId;
use crate::filter::OwnerFilter;

/// A socket that was not found is looked for again after this, and so many times the last walk.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_PER_WALK: u32 = 20;
/// Sockets of the wanted processes, and listeners that were judged: some 2 MB each.
const PLACES_MAX: usize = 1 << 16;
const JUDGED_MAX: usize = ebpf_probes::TOTALS_MAX as usize;

/// The wanted processes and what they hold.
#[derive(Debug)]
pub(super) struct Chosen {
    proc: PathBuf,
    wanted: OwnerFilter,
    /// Where the last walk found a socket, and when that was confirmed.
    places: HashMap<u64, (Place, Instant)>,
    /// When the last walk was, and from when on there may be one for what was not found before.
    walked: Option<Instant>,
    next_again: Option<Instant>,
    /// Whether a listener was ever found to belong to one of them.
    judged: HashMap<ListenerId, bool>,
}

impl Chosen {
    pub(super) fn new(proc: PathBuf, wanted: OwnerFilter) -> Self {
        Self {
            proc,
            wanted,
            places: HashMap::new(),
            walked: None,
            next_again: None,
            judged: HashMap::new(),
        }
    }

    /// Whether a listener is, or was at an earlier look, held by a wanted process; `None` if
    /// nobody could look while it existed.
    pub(super) fn judge(&mut self, listener: &ListenerId, now: Instant) -> Option<bool> {
        if self.wanted.is_any() {
            return Some(true);
        }
        let before = self.judged.get(listener).copied();
        let Some(inode) = listener.inode else { return before };
        // Who owned it keeps it: its drops are counted from the start.
        if before == Some(true) {
            return before;
        }
        let Some(verdict) = self.holds(inode, before.is_some(), now) else { return before };
        if self.judged.len() < JUDGED_MAX || before.is_some() {
            self.judged.insert(*listener, verdict);
        }
        Some(verdict)
    }

    /// Whether there was a verdict.
    pub(super) fn has_judged(&self, listener: &ListenerId) -> bool {
        self.wanted.is_any() || self.judged.contains_key(listener)
    }

    /// `None` if it is too early to look once more.
    fn holds(&mut self, inode: u64, again: bool, now: Instant) -> Option<bool> {
        if self.is_confirmed(inode, now) {
            return Some(true);
        }
        // That walk has seen all they hold.
        if self.walked == Some(now) {
            return Some(false);
        }
        // A new listener is worth a walk at once: there are only so many.
        if again && self.next_again.is_some_and(|next| now < next) {
            return None;
        }
        let began = Instant::now();
        self.walk(now);
        let took = began.elapsed();
        self.walked = Some(now);
        self.next_again = Some(now + PAUSE + took * PAUSE_PER_WALK);
        Some(self.places.contains_key(&inode))
    }

    fn is_confirmed(&mut self, inode: u64, now: Instant) -> bool {
        let Some((place, confirmed)) = self.places.get_mut(&inode) else { return false };
        if *confirmed == now {
            return true;
        }
        let pid = place.pid.try_into().ok();
        let name = self.wanted.comm.as_ref().and_then(|_| comm(&self.proc, place.pid));
        if self.wanted.takes(pid, name.as_deref()) && place.holds(&self.proc, inode) {
            *confirmed = now;
            return true;
        }
        self.places.remove(&inode);
        false
    }

    fn walk(&mut self, now: Instant) {
        self.places.clear();
        let pids: Vec<i32> = match self.wanted.pid {
            Some(pid) => i32::try_from(pid).into_iter().collect(),
            None => pids(&self.proc),
        };
        for pid in pids {
            let name = self.wanted.comm.as_ref().and_then(|_| comm(&self.proc, pid));
            if !self.wanted.takes(pid.try_into().ok(), name.as_deref()) {
                continue;
            }
            sockets(&self.proc, pid, |descriptor, inode| {
                if self.places.len() < PLACES_MAX {
                    let place = Place { pid, descriptor };
                    self.places.entry(inode).or_insert((place, now));
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;
    use std::time::{Duration, Instant};

    use super::Chosen;
    use crate::decode::ListenerId;
    use crate::filter::OwnerFilter;

    fn process(proc: &Path, pid: u32, comm: &str, sockets: &[u64]) {
        let folder = proc.join(pid.to_string());
        fs::create_dir_all(folder.join("fd")).unwrap();
        fs::create_dir_all(folder.join("fdinfo")).unwrap();
        fs::write(folder.join("comm"), format!("{comm}\n")).unwrap();
        for inode in sockets {
            hold(proc, pid, *inode);
        }
    }

    fn hold(proc: &Path, pid: u32, inode: u64) {
        let folder = proc.join(pid.to_string());
        symlink(format!("socket:[{inode}]"), folder.join("fd").join(inode.to_string())).unwrap();
    }

    fn listener(inode: u64) -> ListenerId {
        ListenerId { sock: inode, inode: Some(inode), netns: Some(1), bound: None }
    }

    fn chosen(proc: &Path, pid: Option<u32>, comm: Option<&str>) -> Chosen {
        Chosen::new(proc.to_owned(), OwnerFilter { pid, comm: comm.map(str::to_owned) })
    }

    #[test]
    fn any_of_several_holders_is_enough() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 10, "master", &[42]);
        process(proc.path(), 11, "worker", &[42, 43]);
        process(proc.path(), 12, "other", &[44]);
        let now = Instant::now();
        let cases: [(Option<u32>, Option<&str>, [bool; 3]); 5] = [
            (Some(11), None, [true, true, false]),
            (None, Some("worker"), [true, true, false]),
            (Some(10), Some("worker"), [false, false, false]),
            (Some(99), None, [false, false, false]),
            (None, None, [true, true, true]),
        ];
        for (pid, comm, expected) in cases {
            let mut chosen = chosen(proc.path(), pid, comm);
            let found = [42, 43, 44].map(|inode| chosen.judge(&listener(inode), now).unwrap());
            assert_eq!(found, expected, "{pid:?} {comm:?}");
        }
    }

    #[test]
    fn a_listener_stays_that_of_the_process_that_held_it() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 10, "web", &[42]);
        let mut chosen = chosen(proc.path(), Some(10), None);
        let now = Instant::now();
        assert_eq!(chosen.judge(&listener(42), now), Some(true));
        assert_eq!(chosen.judge(&listener(43), now), Some(false));
        fs::remove_dir_all(proc.path().join("10")).unwrap();
        let later = now + Duration::from_secs(60);
        assert_eq!(chosen.judge(&listener(42), later), Some(true));
        // Another socket of the same number is another listener.
        let other = ListenerId { sock: 7, ..listener(42) };
        assert_eq!(chosen.judge(&other, later), Some(false));
    }

    #[test]
    fn another_process_of_the_same_pid_is_not_the_wanted_one() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 10, "web", &[42, 43]);
        let mut chosen = chosen(proc.path(), None, Some("web"));
        let now = Instant::now();
        assert_eq!(chosen.judge(&listener(42), now), Some(true));
        fs::write(proc.path().join("10/comm"), "db\n").unwrap();
        let later = now + Duration::from_secs(60);
        assert_eq!(chosen.judge(&listener(43), later), Some(false));
    }

    #[test]
    fn who_holds_it_later_is_found_later() {
        let proc = tempfile::tempdir().unwrap();
        process(proc.path(), 10, "web", &[]);
        let mut chosen = chosen(proc.path(), Some(10), None);
        let now = Instant::now();
        assert_eq!(chosen.judge(&listener(42), now), Some(false));
        hold(proc.path(), 10, 42);
        let soon = now + Duration::from_millis(10);
        assert_eq!(chosen.judge(&listener(42), soon), Some(false), "it is not looked at again");
        let later = now + Duration::from_secs(60);
        assert_eq!(chosen.judge(&listener(42), later), Some(true));
        // What cannot be looked at is unknown.
        assert_eq!(chosen.judge(&ListenerId { inode: None, ..listener(9) }, later), None);
    }
}
