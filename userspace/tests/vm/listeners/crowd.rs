//! Very many listeners: each is there once, and the cost is told.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use super::Listed;
use crate::case::Case;
use crate::netns;
use crate::process::{Process, command};

const COUNT: u16 = 20_000;
const FIRST_PORT: u16 = 10_000;
/// In KiB. Time depends on who else is busy, so that is only told.
const MEMORY: u64 = 100 << 10;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("listeners::crowd", crowd)]
}

fn crowd() -> Result<()> {
    netns::enter_fresh()?;
    let most = Some(u64::from(COUNT) + 100);
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })?;
    let sockets = (0..COUNT).map(|nth| socket(FIRST_PORT + nth));
    let sockets = sockets.collect::<Result<Vec<_>>>()?;

    let began = Instant::now();
    let ending = Process::start(command(&["listeners", "--json"]))?.wait()?;
    let took = began.elapsed();
    let listed = Listed::read(&ending)?;
    let found = listed.bound()?.len();
    ensure!(found == sockets.len(), "{found} listeners of {}", sockets.len());
    let owned = listed.rows.iter().filter(|row| row.owner.pid == Some(std::process::id()));
    ensure!(owned.count() == sockets.len(), "not all have an owner");

    // Once more, to ask how much memory it needs while it still runs.
    let file = tempfile::NamedTempFile::new()?;
    let path = file.path().to_str().context("no path")?;
    let process = Process::start(command(&["listeners", "--watch", "1h", "-o", path]))?;
    while std::fs::read_to_string(path)?.lines().count() <= sockets.len() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let peak = process.peak_memory()?;
    process.signal(Signal::INT)?;
    process.wait()?.ensure_code(0)?;
    ensure!(peak < MEMORY, "{peak} KiB for {found} listeners");
    eprintln!("{found} listeners in {took:?} with {} MB at most", peak >> 10);
    Ok(())
}

fn socket(port: u16) -> Result<OwnedFd> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listen(&socket, 1)?;
    Ok(socket)
}
