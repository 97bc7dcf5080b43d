//! The output for people: what they look for is there, on lines that fit a terminal.

use anyhow::{Result, ensure};
use rustix::process::Signal;

use crate::case::Case;
use crate::flow::Family;
use crate::netns::Home;
use crate::process::{Process, command};
use crate::scenario::Scenario;
use crate::scenarios::{ACCEPT_QUEUE_FULL_SYN, NO_ROUTE, SYN_QUEUE_FULL};
use crate::setting::Setting;

/// Lines are shorter than this.
const COLUMNS: usize = 100;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("text::ipv4", || read(&ACCEPT_QUEUE_FULL_SYN, Family::V4)),
        Case::new("text::ipv6", || read(&SYN_QUEUE_FULL, Family::V6)),
        Case::new("text::verbose", diagnostics),
    ]
}

fn read(row: &Scenario, family: Family) -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(row, family)?;
    let mut process = home.visit(|| Process::start(command(&[])))?;
    process.await_ready()?;
    let played = setting.play(row)?;
    process.signal(Signal::INT)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;

    let text = &ending.stdout;
    ensure!(!text.contains('\x1b'), "colours, but no terminal: {text}");
    for line in text.lines() {
        ensure!(line.chars().count() < COLUMNS, "{COLUMNS} columns or more: {line}");
    }
    for refused in &played.provoked.refused {
        let (client, server) = (refused.flow.client, refused.flow.server);
        let told = text.lines().filter(|line| {
            [row.reason, &client.to_string(), &server.to_string()]
                .iter()
                .all(|word| line.contains(word))
        });
        ensure!(told.count() == 1, "not one line for {client}: {text}");
    }
    for counter in row.moves {
        let explained = format!("{0} of {0} explained", row.count);
        let told = text.lines().any(|line| line.contains(counter) && line.contains(&explained));
        ensure!(told, "no {counter} {explained}: {text}");
    }
    Ok(())
}

/// What the probes say about themselves: nothing, unless they are asked to.
fn diagnostics() -> Result<()> {
    let home = Home::here()?;
    let row = &NO_ROUTE;
    let mut setting = Setting::make(row, Family::V4)?;
    for arguments in [&[][..], &["-v"]] {
        let mut process = home.visit(|| Process::start(command(arguments)))?;
        process.await_ready()?;
        setting.play(row)?;
        process.signal(Signal::INT)?;
        let ending = process.wait()?;
        ending.ensure_code(0)?;
        let told = ending.stderr.iter().filter(|line| line.contains("milestones")).count();
        let expected = if arguments.is_empty() { 0 } else { row.count };
        ensure!(told == expected, "{told} diagnostics, not {expected}: {:?}", ending.stderr);
    }
    Ok(())
}
