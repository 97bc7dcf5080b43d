//! Who a listener belongs to: workers that inherited it, processes that ended, containers.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{self, Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::mount::UnmountFlags;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change, unmount};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::Listed;
use crate::case::Case;
use crate::flow::Family;
use crate::listener::Listener;
use crate::netns;
use crate::peer::Peer;
use crate::process::{Process, command};
use crate::provoke;
use crate::rig::Rig;
use crate::trace::{Trace, Vantage};

/// As an engine that asks nobody would call it.
const CONTAINER: &str = "4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e";
const POD: &str = "8d2c1a3e-4b5f-4c6d-9e7f-0123456789ab";

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("listeners::workers", workers), Case::new("listeners::container", container)]
}

/// A process that has the socket as its stdin and does nothing.
fn worker(socket: &TcpListener) -> Result<Child> {
    let socket = OwnedFd::from(socket.try_clone()?);
    let mut worker = Command::new("sleep");
    worker.arg("600").stdin(Stdio::from(socket)).spawn().context("failed to start a worker")
}

fn inode(socket: &TcpListener) -> Result<u64> {
    Ok(fs::File::from(OwnedFd::from(socket.try_clone()?)).metadata()?.ino())
}

fn workers() -> Result<()> {
    netns::enter_fresh()?;
    let socket = TcpListener::bind("127.0.0.1:8080")?;
    let inode = inode(&socket)?;
    let mut workers = [worker(&socket)?, worker(&socket)?];
    let mut pids: Vec<u32> = workers.iter().map(Child::id).chain([process::id()]).collect();
    pids.sort_unstable();
    let listed = Listed::here(&[])?;
    let owner = &listed.of(inode)?.owner;
    ensure!(owner.pids.as_ref() == Some(&pids), "{owner:?} are not {pids:?}");
    ensure!(owner.pid == pids.first().copied(), "{owner:?} is not the first of {pids:?}");
    let text = Process::start(command(&["listeners"]))?.wait()?.stdout;
    ensure!(text.contains(&format!("[{}] +2", pids[0])), "{text}");

    // The master ends, the workers go on.
    drop(socket);
    sleep(Duration::from_millis(10));
    let listed = Listed::here(&[])?;
    let owner = &listed.of(inode)?.owner;
    ensure!(owner.comm.as_deref() == Some("sleep"), "{owner:?}");
    ensure!(owner.cmdline == Some(vec!["sleep".to_owned(), "600".to_owned()]));
    for worker in &mut workers {
        worker.kill()?;
        worker.wait()?;
    }
    // With the last holder the listener is gone.
    let listed = Listed::here(&[])?;
    ensure!(listed.rows.is_empty(), "{listed:?}");
    Ok(())
}

fn container() -> Result<()> {
    netns::enter_fresh()?;
    // SAFETY: file descriptors stay shared; only the mount namespace is left.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.context("failed to make a mount namespace")?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let root = tempfile::tempdir()?;
    mount("none", root.path(), "cgroup2", MountFlags::empty(), None)
        .context("failed to mount the cgroups")?;
    let group = root.path().join(format!("kubepods/pod{POD}/{CONTAINER}"));
    fs::create_dir_all(&group).context("failed to make a cgroup")?;
    let socket = TcpListener::bind("127.0.0.1:8080")?;
    let judged = enter(&group).and_then(|()| {
        let listed = Listed::here(&[])?;
        let owner = &listed.of(inode(&socket)?)?.owner;
        ensure!(owner.container.as_deref() == Some(CONTAINER), "{owner:?}");
        ensure!(owner.pod.as_deref() == Some(POD), "{owner:?}");
        let path = format!("/kubepods/pod{POD}/{CONTAINER}");
        ensure!(owner.cgroup.as_ref() == Some(&path), "{owner:?}");
        ensure!(owner.unit.is_none(), "{owner:?}");
        let text = Process::start(command(&["listeners"]))?.wait()?.stdout;
        ensure!(text.contains("container 4f3e4f3e4f3e\n"), "{text}");
        drop_in_container()
    });
    enter(root.path())?;
    for folder in group.ancestors().take(3) {
        fs::remove_dir(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    unmount(root.path(), UnmountFlags::empty())?;
    judged
}

/// A drop names the container, too.
fn drop_in_container() -> Result<()> {
    let peer = Peer::new(0)?;
    let listener = Listener::new(Family::V4, peer.link().server(Family::V4), 8081, 0)?;
    let mut rig = Rig::new(peer, listener, Family::V4);
    let trace = Trace::start(Vantage::Inside, &[])?;
    provoke::accept_queue_full_syn(&mut rig, 1)?;
    let report = trace.stop()?;
    let [event] = &report.drops[..] else { bail!("{:?}", report.drops) };
    ensure!(event.listener.container.as_deref() == Some(CONTAINER), "{event:?}");
    Ok(())
}

/// Moves this process into a cgroup.
fn enter(group: &Path) -> Result<()> {
    let path = group.join("cgroup.procs");
    fs::write(&path, "0").with_context(|| format!("failed to write to {}", path.display()))
}
