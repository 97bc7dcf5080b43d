use std::fs;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Holders, OWNERS_MAX, name};
use crate::enrich::cgroup::Membership;
use crate::incident::Owner;

/// A /proc with processes that hold sockets.
struct Proc(TempDir);

impl Proc {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn holders(&self) -> Holders {
        Holders::new(self.0.path().to_owned())
    }

    fn process(&self, pid: u32, comm: &str) -> PathBuf {
        let directory = self.0.path().join(pid.to_string());
        fs::create_dir_all(directory.join("fd")).unwrap();
        fs::write(directory.join("comm"), format!("{comm}\n")).unwrap();
        fs::write(directory.join("cgroup"), "0::/system.slice/web.service\n").unwrap();
        directory
    }

    fn holder(&self, pid: u32, comm: &str, descriptor: u32, inode: u64) -> PathBuf {
        let directory = self.process(pid, comm);
        hold(&directory, descriptor, &format!("socket:[{inode}]"));
        directory
    }
}

fn hold(directory: &Path, descriptor: u32, target: &str) {
    symlink(target, directory.join("fd").join(descriptor.to_string())).unwrap();
}

fn pid_and_comm(owner: &Owner) -> (Option<u32>, Option<&str>) {
    (owner.pid, owner.comm.as_deref())
}

fn later(now: Instant) -> Instant {
    now + Duration::from_secs(3600)
}

#[test]
fn a_listener_of_this_very_process_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let link = fs::read_link(format!("/proc/self/fd/{}", listener.as_raw_fd())).unwrap();
    let inode = link.to_str().unwrap().trim_matches(|c: char| !c.is_ascii_digit());
    let owner = Holders::new("/proc".into()).of(inode.parse().unwrap(), Instant::now());
    assert_eq!(owner.pid, Some(std::process::id()));
    assert_eq!(owner.comm, fs::read("/proc/self/comm").ok().map(|comm| name(&comm)));
    let membership = fs::read("/proc/self/cgroup").map(|it| Membership::parse(&it)).unwrap();
    assert_eq!(owner.cgroup, membership.path);
    assert_eq!(owner.container, membership.container);
}

#[test]
fn of_several_holders_the_lowest_pid_counts() {
    let proc = Proc::new();
    proc.holder(1000, "worker", 6, 42);
    proc.holder(999, "master", 6, 42);
    hold(&proc.process(5, "other"), 6, "pipe:[42]");
    let owner = proc.holders().of(42, Instant::now());
    assert_eq!(pid_and_comm(&owner), (Some(999), Some("master")));
    assert_eq!(owner.cgroup.as_deref(), Some("/system.slice/web.service"));
}

#[test]
fn nobody_is_named_for_a_socket_that_nobody_holds() {
    let proc = Proc::new();
    proc.holder(10, "other", 3, 43);
    assert_eq!(*proc.holders().of(42, Instant::now()), Owner::default());
    assert_eq!(*Holders::new("/nonexistent".into()).of(42, Instant::now()), Owner::default());
}

#[test]
fn one_walk_finds_every_socket() {
    let proc = Proc::new();
    proc.holder(10, "one", 3, 41);
    proc.holder(11, "two", 3, 42);
    let (mut holders, now) = (proc.holders(), Instant::now());
    assert_eq!(holders.of(41, now).pid, Some(10));
    assert_eq!(holders.of(42, now).pid, Some(11));
}

#[test]
fn a_reused_pid_gets_no_credit() {
    let proc = Proc::new();
    let directory = proc.holder(10, "server", 3, 42);
    let (mut holders, now) = (proc.holders(), Instant::now());
    assert_eq!(holders.of(42, now).pid, Some(10));
    fs::remove_dir_all(directory).unwrap();
    proc.process(10, "stranger");
    // Within a batch the first look holds; with the next batch there is nobody any more.
    assert_eq!(holders.of(42, now).pid, Some(10));
    assert_eq!(*holders.of(42, now + Duration::from_millis(1)), Owner::default());
}

#[test]
fn a_socket_that_was_handed_on_is_found_again() {
    let proc = Proc::new();
    let directory = proc.holder(10, "parent", 3, 42);
    let (mut holders, now) = (proc.holders(), Instant::now());
    assert_eq!(holders.of(42, now).pid, Some(10));
    fs::remove_dir_all(directory).unwrap();
    proc.holder(11, "child", 3, 42);
    assert_eq!(holders.of(42, later(now)).pid, Some(11));
}

#[test]
fn unknown_sockets_do_not_cause_walk_after_walk() {
    let proc = Proc::new();
    let (mut holders, now) = (proc.holders(), Instant::now());
    assert_eq!(*holders.of(42, now), Owner::default());
    proc.holder(10, "late", 3, 42);
    assert_eq!(*holders.of(42, now + Duration::from_millis(999)), Owner::default());
    assert_eq!(holders.of(42, later(now)).pid, Some(10));
}

#[test]
fn what_is_remembered_has_a_bound() {
    let proc = Proc::new();
    let directory = proc.process(10, "server");
    let inodes = 0..OWNERS_MAX as u64 + 10;
    for inode in inodes.clone() {
        hold(&directory, inode.try_into().unwrap(), &format!("socket:[{inode}]"));
    }
    let (mut holders, now) = (proc.holders(), Instant::now());
    for inode in inodes {
        assert_eq!(holders.of(inode, now).pid, Some(10), "{inode}");
    }
    assert!(holders.owners.len() <= OWNERS_MAX);
}

#[test]
fn names_are_whatever_a_process_calls_itself() {
    assert_eq!(name(b"nginx\n"), "nginx");
    assert_eq!(name(b"two\nlines\n"), "two\nlines");
    assert_eq!(name(b"\xff\n"), "\u{fffd}");
}

#[test]
fn a_container_is_told_by_the_cgroup() {
    let proc = Proc::new();
    let directory = proc.holder(10, "server", 3, 42);
    let id = "4f".repeat(32);
    fs::write(directory.join("cgroup"), format!("0::/system.slice/docker-{id}.scope\n")).unwrap();
    assert_eq!(proc.holders().of(42, Instant::now()).container, Some(id));
}

#[test]
fn this_process_is_visited_where_no_lower_pid_holds_the_socket() {
    let proc = Proc::new();
    let own = proc.process(10, "tracer");
    for inode in [41, 42, 43] {
        hold(&own, inode, &format!("socket:[{inode}]"));
    }
    proc.holder(9, "older", 3, 42);
    proc.holder(11, "child", 3, 43);
    symlink("10", proc.0.path().join("self")).unwrap();
    for order in [[42, 41, 43], [42, 43, 41], [43, 42, 41]] {
        let (mut holders, now) = (proc.holders(), Instant::now());
        for inode in order {
            let expected = if inode == 42 { 9 } else { 10 };
            assert_eq!(holders.of(inode, now).pid, Some(expected), "{inode} of {order:?}");
            assert_eq!(holders.left_out.is_some(), inode == order[0] && inode == 42);
        }
    }
}
