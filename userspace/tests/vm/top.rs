//! `syndrop top` on a terminal: what it shows of real drops, and what it leaves behind.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::flow::Family;
use crate::netns::Home;
use crate::process::command;
use crate::pty::OnTerminal;
use crate::scenarios::{ACCEPT_QUEUE_FULL_ACK, ACCEPT_QUEUE_FULL_SYN};
use crate::setting::Setting;

const NOBODY: u32 = 65534;
const SMALL: (u16, u16) = (24, 80);
const RED: vt100::Color = vt100::Color::Idx(1);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("top::live", live),
        Case::new("top::filtered", filtered),
        Case::new("top::sigterm", || ended_by("SIGTERM")),
        Case::new("top::ctrl-c", || ended_by("Ctrl-C")),
        Case::new("top::hang-up", hang_up),
        Case::new("top::without-rights", without_rights),
    ]
}

fn top(arguments: &[&str]) -> Command {
    command(&[&["top", "--interval", "200ms"], arguments].concat())
}

fn started(home: &Home, arguments: &[&str]) -> Result<OnTerminal> {
    home.visit(|| OnTerminal::start(&top(arguments), SMALL))
}

/// The row of a listener, without the mark before it.
fn row<'a>(screen: &'a str, listener: &str) -> Option<&'a str> {
    let rows = screen.lines().map(|line| line.trim_start_matches(['>', ' ']));
    rows.into_iter().find(|line| line.split(' ').next() == Some(listener))
}

/// How many drops the row of a listener says there were.
fn drops_of(screen: &str, listener: &str) -> Option<u64> {
    const TITLE: &str = " DROPS";
    let titles = screen.lines().find(|line| line.starts_with(" LISTENER"))?;
    let end = titles.find(&format!("{TITLE} "))? + TITLE.len();
    let line = screen.lines().find(|line| row(line, listener).is_some())?;
    let text: String = line.chars().take(end).collect();
    text.rsplit(' ').next()?.parse().ok()
}

/// Drops of a reason on a screen of two sizes; then q.
fn live() -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(&ACCEPT_QUEUE_FULL_SYN, Family::V4)?;
    let bound = setting.rig.listener.bound().to_string();
    let limit = setting.rig.listener.backlog();
    let mut top = started(&home, &[])?;
    let screen = top.shows(|screen| row(screen, &bound).is_some())?;
    let row_of = row(&screen, &bound).context("no row")?;
    ensure!(row_of.contains(&format!(" 0/{limit} ")), "another queue: {row_of}");
    ensure!(drops_of(&screen, &bound) == Some(0), "drops from the start: {screen}");
    ensure!(top.terminal().alternate_screen() && top.terminal().hide_cursor(), "not its screen");

    let played = setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    let drops = u64::try_from(played.provoked.refused.len())?;
    let moved = played.moved.get("ListenDrops").copied();
    ensure!(moved == Some(drops), "the kernel counted {moved:?}");
    let last = played.provoked.refused.last().context("none refused")?.flow.client;
    let words = [
        format!(" {}>{limit} █", limit + 1),
        format!("\n {drops} drops, "),
        format!("explained: {drops} of {drops} ListenOverflows, {drops} of {drops} ListenDrops"),
        "accept-queue-full-syn         SYN met a full accept queue".to_owned(),
        "What to do: Find out why accept() is not called often enough".to_owned(),
        format!(" {last}"),
        format!("limit {limit} by backlog"),
    ];
    let told = |screen: &str| words.iter().all(|words| screen.contains(words));
    let counted = |screen: &str| told(screen) && drops_of(screen, &bound) == Some(drops);
    let screen = top.shows(counted).with_context(|| format!("not all of {words:#?}"))?;
    let full = format!("{}>{limit}", limit + 1);
    let (line, _) =
        (0..).zip(screen.lines()).find(|(_, line)| line.contains(&full)).context("none")?;
    let red = (0..SMALL.1).filter_map(|column| top.terminal().cell(line, column));
    ensure!(red.into_iter().any(|cell| cell.fgcolor() == RED), "nothing red in line {line}");

    // A wide window has a column of reasons; the help goes over everything.
    top.resize(50, 200)?;
    top.shows(|screen| {
        let wide = screen.lines().any(|line| line.contains("REASONS") && line.contains("OWNER"));
        wide && row(screen, &bound).is_some_and(|row| row.contains("accept-queue-full-syn"))
    })?;
    top.types("?")?;
    top.shows(|screen| screen.contains("any key goes back"))?;
    top.types("x/nowhere")?;
    top.shows(|screen| screen.contains("Filter: nowhere_") && screen.contains("nothing matches"))?;
    top.types("\u{1b}")?;
    top.shows(|screen| row(screen, &bound).is_some())?;

    top.types("q")?;
    let status = top.ends()?;
    ensure!(status.code() == Some(0), "{status} after q");
    top.ensure_restored()
}

/// Filters narrow what is counted and whose rows are there.
fn filtered() -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(&ACCEPT_QUEUE_FULL_ACK, Family::V4)?;
    let bound = setting.rig.listener.bound().to_string();
    let arguments =
        ["--stats", "--stage", "syn", "-P", "8080", "--netns", &setting.netns.to_string()];
    let mut top = started(&home, &arguments)?;
    top.shows(|screen| row(screen, &bound).is_some())?;
    let played = setting.play(&ACCEPT_QUEUE_FULL_ACK)?;
    let drops = played.provoked.refused.len();
    // What is hidden is explained all the same.
    let proof = format!("explained: {drops} of {drops} ListenOverflows");
    let screen = top.shows(|screen| screen.contains(&proof))?;
    ensure!(screen.contains("\n 0 drops, none now"), "{screen}");
    ensure!(screen.contains(" 1 listener on "), "{screen}");
    ensure!(screen.contains("\n probes: ") && screen.contains(" of one CPU, "), "{screen}");
    top.types("q")?;
    ensure!(top.ends()?.code() == Some(0), "not 0 after q");
    top.ensure_restored()
}

fn ended_by(what: &str) -> Result<()> {
    let home = Home::here()?;
    let mut top = started(&home, &[])?;
    top.shows(|screen| screen.contains("LISTENER"))?;
    match what {
        "SIGTERM" => top.signal(Signal::TERM)?,
        _ => top.types("\u{3}")?,
    }
    let status = top.ends()?;
    ensure!(status.code() == Some(0), "{status} after {what}");
    top.ensure_restored()
}

/// An ssh connection breaks.
fn hang_up() -> Result<()> {
    let home = Home::here()?;
    let mut top = started(&home, &[])?;
    top.shows(|screen| screen.contains("LISTENER"))?;
    top.hang_up();
    let status = top.ends()?;
    ensure!(status.code() == Some(0), "{status} after the terminal went away");
    Ok(())
}

/// One line on the screen that was there, and how to see at least queues.
fn without_rights() -> Result<()> {
    let mut top = OnTerminal::start_as(NOBODY, &top(&[]), (24, 400))?;
    let status = top.ends()?;
    ensure!(status.code() == Some(77), "{status}: {}", top.screen());
    top.ensure_restored()?;
    let screen = top.screen();
    ensure!(screen.trim().lines().count() == 1, "not one line: {screen}");
    for words in ["syndrop listeners --watch", "CAP_BPF"] {
        ensure!(screen.contains(words), "no {words}: {screen}");
    }
    Ok(())
}
