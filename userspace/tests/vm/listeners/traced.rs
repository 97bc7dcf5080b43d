//! The table while it traces: drops, waits, and what was given to `listen()`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::net::listen;
use rustix::process::Signal;

use super::row::Row;
use crate::case::Case;
use crate::flow::Family;
use crate::listener::Listener;
use crate::netns;
use crate::peer::Peer;
use crate::process::{Process, command};
use crate::sysctl;

const PORT: u16 = 8080;
const SOMAXCONN: u32 = 8;
/// The client whose refusal is counted, and one whose is not.
const WANTED: u16 = 5;
const UNWANTED: u16 = 9;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("listeners::traced", traced)]
}

fn traced() -> Result<()> {
    netns::enter_fresh()?;
    sysctl::set("net.core.somaxconn", SOMAXCONN)?;
    sysctl::set("net.ipv4.tcp_syncookies", 0)?;
    let mut peer = Peer::new(0)?;
    let listener = Listener::new(Family::V4, peer.link().server(Family::V4), PORT, 1000)?;
    let (read, write) = rustix::pipe::pipe()?;
    let mut words = vec!["listeners", "--json", "--watch", "0.1", "--drops", "--latency"];
    // The first seven clients, so that of two that are refused only one was asked for.
    let wanted = format!("{}/29", peer.flow(Family::V4, WANTED, PORT).client.ip());
    words.extend(["--peer", &wanted, "--stage", "syn"]);
    let mut command = command(&words);
    command.stdout(write);
    let process = Process::start_as_is(command)?;
    let mut rows = BufReader::new(File::from(read)).lines();
    let mut until = |what: &str, holds: &dyn Fn(&Row) -> bool| -> Result<()> {
        let began = Instant::now();
        loop {
            let line = rows.next().context("no more rows")??;
            let row: Row = serde_json::from_str(&line)?;
            ensure!(row.inode == listener.inode(), "{row:?}");
            if holds(&row) {
                return Ok(());
            }
            ensure!(began.elapsed() < Duration::from_secs(30), "{what} is never seen: {row:?}");
        }
    };
    // What it asked for before anybody looked, nobody can tell.
    until("the beginning", &|row| {
        row.limit.set_by.as_deref() == Some("somaxconn")
            && (row.limit.asked, row.limit.clipped) == (None, None)
            && row.drops == Some(0)
            && row.accept_latency.is_none()
    })?;
    listen(listener.socket(), 1000)?;
    until("a call of listen()", &|row| {
        (row.limit.asked, row.limit.clipped) == (Some(1000), Some(true))
            && row.limit.set_by.as_deref() == Some("somaxconn")
            && row.accept_queue.limit == Some(SOMAXCONN)
    })?;
    listen(listener.socket(), 3)?;
    until("another call of listen()", &|row| {
        (row.limit.asked, row.limit.clipped) == (Some(3), Some(false))
            && row.limit.set_by.as_deref() == Some("backlog")
    })?;
    let flow = |peer: &Peer, client| peer.flow(Family::V4, client, PORT);
    for client in 1..=4 {
        let flow = flow(&peer, client);
        peer.handshake(&flow)?;
    }
    for client in [UNWANTED, WANTED] {
        let refused = flow(&peer, client);
        peer.syn(&refused)?;
    }
    until("a drop", &|row| row.drops == Some(1))?;
    listener.accept()?;
    until("an accepted connection", &|row| {
        row.accept_latency.is_some_and(|waited| {
            row.drops == Some(1)
                && waited.accepted == 1
                && waited.max_s > 0.0
                // One connection is all quantiles.
                && waited.p50_s.total_cmp(&waited.max_s).is_eq()
                && waited.p90_s.total_cmp(&waited.max_s).is_eq()
                && waited.p99_s.total_cmp(&waited.max_s).is_eq()
        })
    })?;
    process.signal(Signal::INT)?;
    process.wait()?.ensure_code(0)
}
