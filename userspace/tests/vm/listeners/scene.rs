//! A namespace with listeners of every kind, each with queues of its own, and the ways to look at
//! it: from inside, from the host, by filters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process;

use anyhow::{Context, Result, ensure};
use rustix::net::sockopt::set_socket_reuseport;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::process::Signal;

use super::row::Row;
use super::{Listed, truth};
use crate::bystander::Bystander;
use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::listener::Listener;
use crate::netns::{self, Home};
use crate::peer::Peer;
use crate::process::{Process, command};
use crate::sysctl;

const SHARED: u16 = 8090;
const SOMAXCONN: u32 = 64;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("listeners::every-row", every_row),
        Case::new("listeners::namespaces", namespaces),
        Case::new("listeners::filters", filters),
        Case::new("listeners::text", text),
        Case::new("listeners::watch", watch),
    ]
}

/// A listener and what was done to it.
struct Actor {
    listener: Listener,
    half_open: u32,
    finished: u32,
}

/// Requests by their listener's port whose SYN-ACK was repeated, so that they are young no more.
type Old = BTreeMap<u16, BTreeSet<Flow>>;

/// All listeners of one namespace.
struct Scene {
    actors: Vec<Actor>,
    peer: Peer,
    /// Two sockets on one port.
    _shared: Vec<std::net::TcpListener>,
    /// Connections that were accepted, which the kernel lists behind the listeners.
    _accepted: Vec<TcpStream>,
}

impl Scene {
    /// Sets it up in a new namespace, which the calling thread moves into.
    fn make() -> Result<Self> {
        netns::enter_fresh()?;
        sysctl::set("net.core.somaxconn", SOMAXCONN)?;
        let mut peer = Peer::new(0)?;
        let rows = [
            (Family::V4, 8080, 8, 3, 5),
            (Family::V6, 8081, 16, 0, 17),
            (Family::Mapped, 8082, 1000, 7, 1),
            (Family::V4, 8083, 0, 0, 0),
        ];
        let (mut actors, mut accepted, mut client) = (Vec::new(), Vec::new(), 0);
        for (family, port, backlog, half_open, finished) in rows {
            let address = match family {
                Family::Mapped => family.any(),
                _ => peer.link().server(family),
            };
            let listener = Listener::new(family, address, port, backlog)?;
            let mut flow = || {
                client += 1;
                peer.flow(family, client, port)
            };
            let (open, finish): (Vec<_>, Vec<_>) =
                ((0..half_open).map(|_| flow()).collect(), (0..finished).map(|_| flow()).collect());
            let taken = flow();
            if backlog > 0 {
                peer.handshake(&taken)?;
                accepted.push(listener.accept()?.0);
            }
            for flow in open {
                peer.open(&flow)?;
            }
            for flow in finish {
                peer.handshake(&flow)?;
            }
            actors.push(Actor { listener, half_open, finished });
        }
        Ok(Self { actors, peer, _shared: vec![shared()?, shared()?], _accepted: accepted })
    }

    fn old(&mut self) -> Result<Old> {
        self.peer.settle()?;
        let mut old = Old::new();
        for flow in self.peer.answered() {
            old.entry(flow.server.port()).or_default().insert(flow);
        }
        Ok(old)
    }

    /// Looks, and compares what is seen with what was done.
    fn judged(&mut self, look: impl FnOnce() -> Result<Listed>) -> Result<Listed> {
        let before = self.old()?;
        let listed = look()?;
        let after = self.old()?;
        self.judge(&listed, &before, &after)?;
        Ok(listed)
    }

    fn judge(&self, listed: &Listed, before: &Old, after: &Old) -> Result<()> {
        let me = process::id();
        let comm = std::fs::read_to_string("/proc/self/comm")?.trim_end().to_owned();
        for Actor { listener, half_open, finished } in &self.actors {
            let row = listed.of(listener.inode())?;
            let bound = listener.bound();
            (|| {
                let limit = listener.backlog().min(SOMAXCONN);
                ensure!(row.kind == "listener" && row.time.ends_with('Z'));
                ensure!(row.bound.map(SocketAddr::from) == Some(bound));
                ensure!(row.netns == Some(netns::inode()?));
                // The test asked the kernel for the cookie, so there is one.
                ensure!(row.cookie == Some(listener.cookie().to_string()));
                ensure!(row.accept_queue.len == Some(*finished));
                ensure!(row.accept_queue.limit == Some(limit));
                ensure!(row.syn_queue.len == Some(*half_open));
                let old = |at: &Old| at.get(&bound.port()).map_or(0, BTreeSet::len);
                let young = |at| Ok::<_, anyhow::Error>(half_open - u32::try_from(old(at))?);
                let range = young(after)?..=young(before)?;
                ensure!(row.syn_queue.young.is_some_and(|it| range.contains(&it)), "{range:?}");
                ensure!(row.syn_queue.limit == Some(limit));
                let clipped = limit == SOMAXCONN;
                let set_by = if clipped { "somaxconn" } else { "backlog" };
                ensure!(row.limit.set_by.as_deref() == Some(set_by));
                ensure!(row.limit.asked == (!clipped).then_some(limit));
                ensure!(row.limit.somaxconn == Some(SOMAXCONN));
                ensure!(row.limit.syncookies == Some(sysctl::get("net.ipv4.tcp_syncookies")?));
                let backlog = sysctl::get("net.ipv4.tcp_max_syn_backlog")?;
                ensure!(row.limit.max_syn_backlog == Some(backlog));
                ensure!(row.owner.pid == Some(me) && row.owner.pids == Some(vec![me]));
                ensure!(row.owner.comm.as_deref() == Some(&*comm));
                ensure!(row.owner.cmdline == Some(std::env::args().collect()));
                ensure!(row.owner.uid == Some(0));
                Ok(())
            })()
            .with_context(|| format!("{bound}: {row:?}"))?;
        }
        Ok(())
    }
}

/// A member of a group that shares a port.
fn shared() -> Result<std::net::TcpListener> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseport(&socket, true)?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, SHARED)))?;
    listen(&socket, 5)?;
    Ok(socket.into())
}

fn every_row() -> Result<()> {
    let mut scene = Scene::make()?;
    let listed = scene.judged(|| Listed::here(&[]))?;
    listed.ensure_quiet()?;
    // No listener is left out and none made up, those of the group included.
    let kernel = truth::accept_queues()?;
    let rows = listed.rows.iter().map(|row| (row.inode, row.accept_queue.len));
    let rows: BTreeMap<_, _> = rows.collect();
    let kernel = kernel.into_iter().map(|(inode, len)| (Some(inode), Some(len))).collect();
    ensure!(rows == kernel, "{rows:?} are not {kernel:?}");
    let members = listed.bound()?;
    let members = members.values().filter(|bound| bound.port() == SHARED).count();
    ensure!(members == 2, "{members} members of the group");
    Ok(())
}

fn namespaces() -> Result<()> {
    let home = Home::here()?;
    let mut bystander = Bystander::start()?;
    let mut scene = Scene::make()?;
    let inode = netns::inode()?;
    let inside = Listed::here(&[])?;

    // From outside they are seen only if asked for.
    let host = home.visit(|| Listed::here(&[]))?;
    ensure!(host.rows.iter().all(|row| row.netns != Some(inode)), "not of the host: {host:?}");
    let number = inode.to_string();
    let one = scene.judged(|| home.visit(|| Listed::here(&["--netns", &number])))?;
    one.ensure_quiet()?;
    ensure!(one.bound()? == inside.bound()?, "{one:?} is not {inside:?}");
    let path = format!("/proc/{}/ns/net", process::id());
    let by_path = home.visit(|| Listed::here(&["--netns", &path]))?;
    ensure!(by_path.bound()? == inside.bound()?);

    let all = scene.judged(|| home.visit(|| Listed::here(&["--all-netns"])))?;
    all.ensure_quiet()?;
    let elsewhere = bystander.play()?.netns;
    let others = all.rows.iter().filter(|row| row.netns == Some(elsewhere)).count();
    ensure!(others == 1, "{others} listeners of the bystander");
    let here = all.rows.iter().filter(|row| row.netns == Some(inode)).count();
    ensure!(here == inside.rows.len(), "{here} listeners here");
    bystander.leave()
}

fn filters() -> Result<()> {
    let _scene = Scene::make()?;
    let own = process::id().to_string();
    let any = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8082)).to_string();
    let rows: &[(&[&str], &[&str])] = &[
        (&["-P", "8080,8083"], &["10.9.0.1:8080", "10.9.0.1:8083"]),
        (&["-6"], &["[fd09::1]:8081", &any]),
        (&["--local", "fd09::/16"], &["[fd09::1]:8081", &any]),
        (&["--local", "10.9.0.0/16", "-P", "8081,8083"], &["10.9.0.1:8083"]),
        (&["-P", "8083", "--pid", &own], &["10.9.0.1:8083"]),
        (&["--pid", "1"], &[]),
        (&["--comm", "nobody"], &[]),
        (&["-4", "-P", "8082"], &[]),
        (
            &["-P", "8080,8081,8082,8083", "--sort", "syn-queue"],
            &[&any, "10.9.0.1:8080", "[fd09::1]:8081", "10.9.0.1:8083"],
        ),
        (
            &["-P", "8080,8081,8082,8083", "--sort", "accept-queue"],
            &["[fd09::1]:8081", "10.9.0.1:8080", &any, "10.9.0.1:8083"],
        ),
    ];
    for (arguments, expected) in rows {
        let listed = Listed::here(arguments)?;
        let bound = listed.rows.iter().filter_map(|row| row.bound);
        let bound: Vec<_> = bound.map(|end| SocketAddr::from(end).to_string()).collect();
        ensure!(bound == *expected, "{arguments:?}: {bound:?}");
    }
    Ok(())
}

fn text() -> Result<()> {
    let _scene = Scene::make()?;
    let ending = Process::start(command(&["listeners", "-P", "8081,8082"]))?.wait()?;
    ending.ensure_code(0)?;
    let lines: Vec<Vec<&str>> =
        ending.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let [titles, full, clipped] = &lines[..] else { anyhow::bail!("{:?}", ending.stdout) };
    ensure!(titles[0] == "LISTENER", "{titles:?}");
    // Above its limit the queue refuses.
    ensure!(full[..5] == ["[fd09::1]:8081", "17>16", "0/16", "0", "backlog"], "{full:?}");
    ensure!(clipped[..3] == ["[::]:8082", "1/64", "7/64"], "{clipped:?}");
    ensure!(clipped[4] == "somaxconn", "{clipped:?}");
    ensure!(full.last().is_some_and(|owner| owner.contains(&format!("[{}]", process::id()))));
    ensure!(ending.stdout.lines().all(|line| line.len() < 100), "{}", ending.stdout);
    Ok(())
}

/// Requests are young until their SYN-ACK is repeated, which a table that is shown again and again
/// tells.
fn watch() -> Result<()> {
    netns::enter_fresh()?;
    let mut peer = Peer::new(0)?;
    let listener = Listener::new(Family::V4, peer.link().server(Family::V4), 8080, 8)?;
    let (read, write) = rustix::pipe::pipe()?;
    let mut command = command(&["listeners", "--json", "--watch", "0.05"]);
    command.stdout(write);
    let process = Process::start_as_is(command)?;
    let mut rows = BufReader::new(File::from(read)).lines();
    let mut until = |len, young| -> Result<()> {
        loop {
            let line = rows.next().context("no more rows")??;
            let row: Row = serde_json::from_str(&line)?;
            ensure!(row.inode == listener.inode(), "{row:?}");
            if (row.syn_queue.len, row.syn_queue.young) == (Some(len), Some(young)) {
                return Ok(());
            }
        }
    };
    until(0, 0)?;
    for client in 1..=3 {
        peer.open(&peer.flow(Family::V4, client, 8080))?;
    }
    until(3, 3)?;
    until(3, 0)?;
    process.signal(Signal::INT)?;
    process.wait()?.ensure_code(0)
}
