//! The same table as root, as a user with two capabilities, and as anybody.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, ensure};
use aya::programs::loaded_programs;
use rustix::process::Signal;

use super::Listed;
use crate::case::Case;
use crate::flow::Family;
use crate::listener::Listener;
use crate::netns;
use crate::nobody::{self, NOBODY};
use crate::peer::Peer;
use crate::process::{Process, command};
use crate::sysctl;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("listeners::as-anybody", as_anybody),
        Case::new("listeners::with-two-capabilities", with_two_capabilities),
        Case::new("listeners::one-program", one_program),
    ]
}

/// A listener with one half-open and one finished connection, without cookies.
fn scene() -> Result<(Peer, Listener)> {
    netns::enter_fresh()?;
    sysctl::set("net.ipv4.tcp_syncookies", 0)?;
    let mut peer = Peer::new(0)?;
    let listener = Listener::new(Family::V4, peer.link().server(Family::V4), 8080, 8)?;
    peer.open(&peer.flow(Family::V4, 1, 8080))?;
    peer.handshake(&peer.flow(Family::V4, 2, 8080))?;
    peer.settle()?;
    Ok((peer, listener))
}

fn as_anybody() -> Result<()> {
    let (_peer, listener) = scene()?;
    let start = |arguments: &[&str]| {
        let mut command = command(&[&["listeners"], arguments].concat());
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
        Process::start(command)
    };
    let denied = start(&["--watch", "--drops"])?.wait()?;
    denied.ensure_code(77)?;
    ensure!(denied.stderr.len() == 1 && denied.stdout.is_empty(), "{denied:?}");
    let listed = Listed::read(&start(&["--json"])?.wait()?)?;
    let row = listed.of(listener.inode())?;
    ensure!(row.bound.map(Into::into) == Some(listener.bound()), "{row:?}");
    ensure!(row.cookie == Some(listener.cookie().to_string()), "{row:?}");
    ensure!(row.netns == Some(netns::inode()?), "{row:?}");
    ensure!((row.accept_queue.len, row.accept_queue.limit) == (Some(1), Some(8)), "{row:?}");
    ensure!((row.syn_queue.len, row.syn_queue.young) == (None, None), "{row:?}");
    ensure!(row.syn_queue.limit == Some(8), "{row:?}");
    ensure!(row.limit.set_by.as_deref() == Some("backlog"), "{row:?}");
    ensure!(row.first_syn_dropped.as_ref().is_some_and(assumed), "{row:?}");
    // Whose it is, is for its owner and root to see.
    ensure!(row.owner.pid.is_none() && row.owner.pids.is_none(), "{row:?}");
    ensure!(row.owner.uid == Some(0), "{row:?}");
    let told = listed.stderr.iter().filter(|line| line.contains("SYN queue")).count();
    ensure!(told == 1 && listed.stderr.len() == 1, "{:?}", listed.stderr);
    ensure!(listed.stderr[0].contains("CAP_BPF and CAP_PERFMON"), "{:?}", listed.stderr);
    Ok(())
}

fn assumed(first: &super::row::FirstSynDropped) -> bool {
    first.evidence.as_deref() == Some("assumed")
}

fn with_two_capabilities() -> Result<()> {
    let (_peer, listener) = scene()?;
    let ending = nobody::with_two_capabilities(|| {
        Process::start(command(&["listeners", "--json"]))?.wait()
    })?;
    let listed = Listed::read(&ending)?;
    let row = listed.of(listener.inode())?;
    ensure!(row.accept_queue.len == Some(1) && row.syn_queue.len == Some(1), "{row:?}");
    ensure!(row.syn_queue.young.is_some(), "{row:?}");
    // To try the rule out takes a network namespace.
    ensure!(row.first_syn_dropped.as_ref().is_some_and(assumed), "{row:?}");
    ensure!(row.owner.pid.is_none() && row.owner.uid == Some(0), "{row:?}");
    listed.ensure_quiet()
}

/// The object holds all of syndrop's programs; only the iterator is loaded.
fn one_program() -> Result<()> {
    netns::enter_fresh()?;
    let _socket = TcpListener::bind("127.0.0.1:8080")?;
    let programs = || loaded_programs().collect::<Result<Vec<_>, _>>().map(|all| all.len());
    let before = programs()?;
    let (read, write) = rustix::pipe::pipe()?;
    let mut command = command(&["listeners", "--json", "--watch", "0.1s"]);
    command.stdout(write);
    let process = Process::start_as_is(command)?;
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(std::fs::File::from(read)));
    for _ in 0..3 {
        lines.next().context("no line")??;
    }
    let during = programs()?;
    process.signal(Signal::INT)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    ensure!(during == before + 1, "{} programs", during - before);
    ensure!(ending.stderr.is_empty(), "{ending:?}");
    Ok(())
}
