//! Judge of the lab about several workers of one port.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::super::recording::Recording;
use super::super::sheet::{Sheet, figures};
use super::{Counters, FULL_SYN, Snapshot, books, number, read};

#[derive(Deserialize)]
struct WorkerFacts {
    rows: Vec<Workers>,
    trace: Recording,
}

#[derive(Deserialize)]
struct Workers {
    port: u16,
    how: String,
    healthy: Vec<Fate>,
    stuck: Fate,
    stuck_pid: u32,
    answers: Vec<Fate>,
    listeners: Vec<Snapshot>,
    counters: Counters,
}

/// How a request fared.
#[derive(Deserialize)]
struct Fate {
    connected: bool,
    /// Who answered.
    pid: Option<u32>,
    port: Option<u16>,
}

pub(in super::super) fn stuck_worker(facts: &Value) -> Result<Sheet> {
    let facts: WorkerFacts = read(facts)?;
    let mut sheet = Sheet::default();
    let [own, shared] = &facts.rows[..] else { bail!("not both ways of sharing were tried") };
    for row in [own, shared] {
        let well = row.healthy.iter().all(|it| it.pid.is_some());
        sheet.must(well, format!("{}: not all was well before a worker was stuck", row.how));
        sheet.must(row.stuck.pid.is_none(), format!("{}: the handler returned", row.how));
    }

    let answered = own.answers.iter().filter(|it| it.pid.is_some()).count();
    let waiting = own.answers.iter().filter(|it| it.connected && it.pid.is_none()).count();
    let outside: BTreeSet<u16> =
        own.answers.iter().filter(|it| !it.connected).filter_map(|it| it.port).collect();
    let refused: BTreeSet<u16> = facts.trace.drops().map(|it| it.peer.port).collect();
    let theirs = own.answers.iter().all(|it| it.pid != Some(own.stuck_pid));
    sheet.same(
        "own listeners: some hang, others do not",
        figures!(
            "yes",
            format!(
                "{answered} answered, {waiting} connected and hang, {} do not connect",
                outside.len()
            ),
            format!("{} refused", number(refused.len(), "client"))
        ),
        answered > 0
            && theirs
            && waiting == 6
            && !outside.is_empty()
            && outside.is_subset(&refused),
    );
    let pids: BTreeSet<Option<u32>> = facts.trace.drops().map(|it| it.listener.pid).collect();
    let owners: Vec<String> = pids.iter().map(|it| it.unwrap_or(0).to_string()).collect();
    sheet.same(
        "own listeners: the stuck worker's pid",
        figures!(
            "found by pstack",
            own.stuck_pid,
            format!("every drop is of pid {}", owners.join(", "))
        ),
        pids == BTreeSet::from([Some(own.stuck_pid)]),
    );
    let lengths = |of_stuck: bool| {
        let mine = own
            .listeners
            .iter()
            .filter(move |it| (it.owner.pid == Some(own.stuck_pid)) == of_stuck);
        mine.filter_map(|it| it.accept_queue.len).collect::<Vec<_>>()
    };
    sheet.same(
        "own listeners: queues",
        figures!(
            "-",
            format!("stuck {:?}, others {:?}", lengths(true), lengths(false)),
            "6>5 at each drop"
        ),
        lengths(true) == [6]
            && lengths(false) == [0, 0]
            && facts.trace.drops().all(|it| it.accept_queue.is(6, 5) && it.reason == FULL_SYN),
    );
    let answered = shared.answers.iter().filter(|it| it.pid.is_some()).count();
    let empty = shared.listeners.len() == 1 && shared.listeners[0].accept_queue.is(0, 5);
    sheet.same(
        "one shared listener: answered, drops",
        figures!(
            "-",
            format!("{answered} of {}, {}", shared.answers.len(), shared.counters.drops),
            "no drops, queue 0 of 5"
        ),
        answered == shared.answers.len()
            && shared.counters.drops == 0
            && facts.trace.total_at(shared.port) == 0
            && empty,
    );
    books(&mut sheet, &facts.trace);
    sheet.quote(&facts.trace.text, 5);
    Ok(sheet)
}
