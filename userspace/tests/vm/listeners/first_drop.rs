//! Which SYN is dropped first, and why: said before it happens, then provoked.

use anyhow::{Context, Result, bail, ensure};

use super::Listed;
use crate::case::Case;
use crate::flow::Family;
use crate::listener::Listener;
use crate::netns;
use crate::netstat::Netstat;
use crate::peer::Peer;
use crate::rig::Rig;
use crate::sysctl;

const PORT: u16 = 8080;

/// Backlog and `tcp_max_syn_backlog`: those of the article, and what lies at its edges.
const ROWS: &[(u32, u32)] = &[
    (1024, 128),
    (128, 118),
    (128, 108),
    (3, 2),
    (128, 512),
    (128, 342),
    (128, 340),
    (128, 338),
    (0, 512),
    (1, 512),
    (128, 1),
    (128, 7),
    (64, 85),
    (64, 87),
];

pub(crate) fn cases() -> Vec<Case> {
    let case = |&(backlog, most): &(u32, u32)| {
        Case::new(format!("listeners::first-drop-{backlog}-{most}"), move || {
            foretell(backlog, most)
        })
    };
    let cookies = Case::new("listeners::first-drop-with-cookies", with_cookies);
    ROWS.iter().map(case).chain([cookies]).collect()
}

fn listener(backlog: u32) -> Result<Rig> {
    let peer = Peer::new(0)?;
    let address = peer.link().server(Family::V4);
    let listener = Listener::new(Family::V4, address, PORT, backlog.cast_signed())?;
    Ok(Rig::new(peer, listener, Family::V4))
}

fn foretell(backlog: u32, most: u32) -> Result<()> {
    netns::enter_fresh()?;
    sysctl::set("net.core.somaxconn", backlog)?;
    sysctl::set("net.ipv4.tcp_max_syn_backlog", most)?;
    sysctl::set("net.ipv4.tcp_syncookies", 0)?;
    let mut rig = listener(backlog)?;
    let listed = Listed::here(&[])?;
    listed.ensure_quiet()?;
    let row = listed.of(rig.listener.inode())?;
    let first = row.first_syn_dropped.as_ref().context("nothing is foretold")?;
    ensure!(first.evidence.as_deref() == Some("measured"), "not measured: {first:?}");

    let before = Netstat::read()?;
    let (held, _) = rig.syns_until_refused(backlog.max(most) + 2)?;
    let moved = Netstat::read()?.moved_since(&before);
    let moved: Vec<&str> = moved.keys().map(String::as_str).collect();
    let reason = match moved[..] {
        ["ListenDrops", "TCPReqQFullDrop"] => "syn-queue-full",
        ["ListenDrops"] => "syn-backlog-reserved",
        _ => bail!("moved {moved:?}"),
    };
    ensure!(
        (first.at, first.reason.as_deref()) == (Some(held), Some(reason)),
        "foretold {first:?}, but at {held} by {reason}"
    );
    // The lengths are right while it is full, too.
    let full = Listed::here(&[])?;
    let queue = &full.of(rig.listener.inode())?.syn_queue;
    ensure!(queue.len == Some(held), "{queue:?} where {held} wait");
    eprintln!("{held} {reason}, rule {:?}", first.rule);
    Ok(())
}

fn with_cookies() -> Result<()> {
    netns::enter_fresh()?;
    sysctl::set("net.ipv4.tcp_syncookies", 1)?;
    let mut rig = listener(4)?;
    let listed = Listed::here(&[])?;
    let first = listed.of(rig.listener.inode())?.first_syn_dropped.as_ref().context("unknown")?;
    ensure!((first.at, first.reason.as_deref()) == (None, None), "{first:?}");
    let before = Netstat::read()?;
    rig.open(20)?;
    let moved = Netstat::read()?.moved_since(&before);
    ensure!(!moved.contains_key("ListenDrops"), "{moved:?}");
    Ok(())
}
