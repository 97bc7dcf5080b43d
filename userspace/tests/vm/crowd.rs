//! A test suite as `syndrop run` meets it: a server that does not accept, and clients that all
//! come at once.
//!
//! It is this program once more, as a case that is in no list. On loopback a handshake is over
//! when `connect` returns, so what is refused is the same each time: all clients but those that
//! the queue holds, with one SYN each, because it ends before any repeats its own.

use std::env;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use crate::case::{CHOSEN, Case};
use crate::flow::Family;
use crate::listener::Listener;

const NAME: &str = "crowd";
const BACKLOG: &str = "SYNDROP_VM_BACKLOG";
/// What it says before it ends.
pub(crate) const SAYS: &str = "the suite has run";
/// How long the server stays after it.
const AFTERLIFE: Duration = Duration::from_millis(500);
/// How many come.
pub(crate) const CLIENTS: u64 = 12;
/// Where they come to.
pub(crate) const PORT: u16 = 8080;

/// Lets a wrapped command be this one, with a server of this backlog.
pub(crate) fn wrapped_by(command: &mut Command, backlog: u32) -> Result<&mut Command> {
    let program = env::current_exe().context("failed to find this program")?;
    Ok(command.arg(program).env(CHOSEN, NAME).env(BACKLOG, backlog.to_string()))
}

/// The address of its server.
pub(crate) fn server() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, PORT).into()
}

/// What the command runs.
pub(crate) fn case() -> Case {
    Case::new(NAME, || {
        let backlog: u32 = env::var(BACKLOG)?.parse()?;
        let address = IpAddr::from(Ipv4Addr::LOCALHOST);
        let listener = Listener::new(Family::V4, address, PORT, backlog.cast_signed())?;
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let client = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
            match connect(&client, &server()) {
                Err(Errno::INPROGRESS) => {}
                other => other.context("failed to connect")?,
            }
            clients.push(client);
        }
        let connected = listener.accept_all()? as u64;
        let expected = CLIENTS.min(u64::from(backlog) + 1);
        ensure!(connected == expected, "{connected} clients got in, not {expected}");
        // Without clients nothing is repeated; the server goes on for a while, as servers do, so
        // that it can still be asked who it is.
        drop(clients);
        thread::sleep(AFTERLIFE);
        println!("{SAYS}");
        Ok(())
    })
}
