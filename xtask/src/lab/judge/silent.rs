//! Judge of the lab about SYNs that arrive and are not answered.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::super::recording::Recording;
use super::super::sheet::{Sheet, figures};
use super::{Counters, FULL_SYN, Snapshot, SsQueue, books, read};

#[derive(Deserialize)]
struct SilentFacts {
    queue: SsQueue,
    memory_mib: Memory,
    client: Client,
    /// Lines of tcpdump.
    packets: Vec<String>,
    counters: Counters,
    listeners: Vec<Snapshot>,
    trace: Recording,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Memory {
    mem_total: u32,
    mem_available: u32,
}

#[derive(Deserialize)]
struct Client {
    status: i32,
    said: String,
}

pub(in super::super) fn silent_syn(facts: &Value) -> Result<Sheet> {
    let facts: SilentFacts = read(facts)?;
    let mut sheet = Sheet::default();
    let has = |flags: &str| facts.packets.iter().filter(|line| line.contains(flags)).count();
    let (syns, answers) = (has("Flags [S],"), has("Flags [S.],"));
    let drops: Vec<_> = facts.trace.drops().collect();
    let clients: BTreeSet<u16> = drops.iter().map(|it| it.peer.port).collect();
    sheet.same(
        "SYNs in tcpdump, from one client",
        figures!("they arrive", syns, format!("attempts #1 to #{}", drops.len())),
        syns >= 2 && clients.len() == 1 && drops.len() >= syns,
    );
    sheet.same(
        "answers in tcpdump",
        figures!("none", answers, "silent, each"),
        answers == 0 && drops.iter().all(|it| it.outcome.as_deref() == Some("silent")),
    );
    let Memory { mem_total, mem_available } = facts.memory_mib;
    sheet.same(
        "memory",
        figures!(
            "plentiful",
            format!("{mem_available} of {mem_total} MiB available"),
            "no syn-nomem"
        ),
        mem_available > mem_total / 4 && facts.trace.count("syn-nomem") == 0,
    );
    sheet.same(
        "what the client sees",
        figures!(
            "it hangs",
            facts.client.said.rsplit("...").next().unwrap_or("nothing").trim(),
            "-"
        ),
        facts.client.status != 0 && facts.client.said.contains("timeout specified has expired"),
    );
    let all = drops.iter().all(|it| it.reason == FULL_SYN && it.accept_queue.is(129, 128));
    sheet.same(
        "the branch that dropped them",
        figures!(
            "a day of reading",
            format!("ListenOverflows {}", facts.counters.overflows),
            format!("{FULL_SYN}, 129>128")
        ),
        !drops.is_empty() && all && facts.counters.overflows > 0 && facts.queue.is(129, 128),
    );
    let listener = facts.listeners.iter().find(|it| it.bound.port == 80);
    let listener = listener.context("syndrop lists no listener at port 80")?;
    let owner = listener.owner.comm.as_deref().unwrap_or("nobody");
    let set_by = listener.limit.set_by.as_deref().unwrap_or("nobody");
    sheet.same(
        "whose queue, and who set the limit",
        figures!(
            "nginx 511, somaxconn 128",
            format!("Send-Q {}", facts.queue.send_q),
            format!("{owner}, set by {set_by}")
        ),
        owner == "nginx" && set_by == "somaxconn",
    );
    books(&mut sheet, &facts.trace);
    sheet.quote(&facts.trace.text, 4);
    Ok(sheet)
}
