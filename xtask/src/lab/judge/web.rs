//! Judges of the labs with web servers.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::super::recording::Recording;
use super::super::sheet::{Sheet, figures};
use super::{Counters, FULL_SYN, Snapshot, SsQueue, books, read};

/// Drops that count as overflows of the accept queue, and as dropped SYNs too.
const OVERFLOWS: [&str; 3] = [FULL_SYN, "accept-queue-full-ack", "cookie-ack-accept-queue-full"];
/// Drops that count as dropped SYNs alone.
const SYN_QUEUE: [&str; 2] = ["syn-queue-full", "syn-backlog-reserved"];

/// A guest has two.
const OTHER_CPUS: u32 = 1;

#[derive(Deserialize)]
struct LoadedFacts {
    rows: Vec<Loaded>,
}

#[derive(Deserialize)]
struct Loaded {
    cookies: u32,
    peak: Peak,
    requests: u64,
    counters: Counters,
    listeners: Vec<Snapshot>,
    trace: Recording,
}

/// What `ss` showed while it looked again and again.
#[derive(Deserialize)]
struct Peak {
    recv_q: u32,
    send_q: u32,
    looks: u32,
}

/// The reasons of these that there were, with their numbers.
fn named(trace: &Recording, reasons: &[&str]) -> String {
    let there = reasons.iter().map(|reason| (trace.count(reason), *reason));
    let there =
        there.filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
    let there: Vec<String> = there.collect();
    if there.is_empty() { "none".to_owned() } else { there.join(", ") }
}

fn sum(trace: &Recording, reasons: &[&str]) -> u64 {
    reasons.iter().map(|reason| trace.count(reason)).sum()
}

pub(in super::super) fn nginx_wrk(facts: &Value) -> Result<Sheet> {
    let facts: LoadedFacts = read(facts)?;
    let mut sheet = Sheet::default();
    let [off, on] = &facts.rows[..] else { bail!("not both settings were tried") };
    for row in [off, on] {
        loaded(&mut sheet, row)?;
    }
    sheet.quote(&off.trace.text, 4);
    Ok(sheet)
}

fn loaded(sheet: &mut Sheet, row: &Loaded) -> Result<()> {
    let case = format!("cookies {}", if row.cookies == 0 { "off" } else { "on" });
    let listener = row.listeners.iter().find(|it| it.bound.port == 80);
    let listener = listener.context("syndrop lists no listener at port 80")?;
    let set_by = listener.limit.set_by.as_deref().unwrap_or("nobody");
    let asked = row.trace.listener(80).and_then(|it| it.asked).unwrap_or(0);
    let owners: BTreeSet<&str> =
        row.trace.drops().filter_map(|it| it.listener.comm.as_deref()).collect();
    sheet.same(
        format!("{case}: Send-Q, the limit"),
        figures!(128, row.peak.send_q, format!("nginx asked for {asked}, {set_by} set it")),
        row.peak.send_q == 128
            && set_by == "somaxconn"
            && asked == 511
            && owners == BTreeSet::from(["nginx"]),
    );
    let longest = row.trace.drops().filter_map(|it| it.accept_queue.len).max().unwrap_or(0);
    let peak = figures!(
        129,
        format!("{} in {} looks", row.peak.recv_q, row.peak.looks),
        format!("{longest}>128")
    );
    let most = 129..=129 + OTHER_CPUS;
    let holds = most.contains(&row.peak.recv_q) && most.contains(&longest);
    if [row.peak.recv_q, longest] == [129; 2] {
        sheet.same(format!("{case}: Recv-Q, at most"), peak, holds);
    } else {
        let why = "The kernel looks at the length first and adds later, so two CPUs that do it at \
            the same instant get one more in: the guest has two, and N + 2 is the most.";
        sheet.explained(format!("{case}: Recv-Q, at most"), peak, holds, why);
    }
    let why = "Counts depend on the load and on how long it lasts: the author had 30,000 connections \
        on a real network, the guest has 800 for five seconds, on two emulated CPUs.";
    let overflows = row.trace.counter("ListenOverflows");
    let drops = row.trace.counter("ListenDrops");
    let published = |figure: &'static str| if row.cookies == 0 { figure } else { "-" };
    sheet.explained(
        format!("{case}: times the listen queue of a socket overflowed"),
        figures!(published("180233"), overflows.0, named(&row.trace, &OVERFLOWS)),
        overflows.0 > 0
            && overflows == (sum(&row.trace, &OVERFLOWS), overflows.1)
            && row.counters.overflows <= overflows.0,
        why,
    );
    sheet.explained(
        format!("{case}: SYNs to LISTEN sockets dropped"),
        figures!(published("594579"), drops.0, format!("{} explained", drops.1)),
        drops.0 == drops.1 && row.counters.drops <= drops.0 && row.counters.drops > 0,
        why,
    );
    let difference = drops.0.saturating_sub(overflows.0);
    let why = "The difference is made of SYNs that met a full SYN queue, which only counts as a dropped SYN. \
        With cookies on there are none of those, so the two lines agree, whatever the load.";
    sheet.explained(
        format!("{case}: the difference of the two"),
        figures!(published("414346"), difference, named(&row.trace, &SYN_QUEUE)),
        difference == sum(&row.trace, &SYN_QUEUE) && (difference > 0) == (row.cookies == 0),
        why,
    );
    sheet.must(row.requests > 0, format!("{case}: wrk was not answered once"));
    for flaw in row.trace.flaws() {
        sheet.must(false, format!("{case}: {flaw}"));
    }
    Ok(())
}

/// What ab says at the end.
#[derive(Deserialize)]
struct Ab {
    complete: i64,
    failed: i64,
    longest_connect_ms: i64,
}

#[derive(Deserialize)]
struct PythonFacts {
    ab: Ab,
    queue: SsQueue,
    counters: Counters,
    /// The two lines of `netstat -s`, each a number and words.
    netstat: Vec<String>,
    trace: Recording,
}

pub(in super::super) fn python_ab(facts: &Value) -> Result<Sheet> {
    let PythonFacts { ab, queue, counters, netstat, trace } = read(facts)?;
    let mut sheet = Sheet::default();
    let here = format!("Send-Q {}", queue.send_q);
    // The server accepts all the while: now and then it takes one just before the length is read.
    let full = trace.drops().filter(|it| it.accept_queue.is(6, 5)).count() as u64;
    let said = format!("6>5 at {full} of {} drops", trace.total());
    let holds = queue.send_q == 5 && full * 10 >= trace.total() * 9;
    sheet.same("python's backlog", figures!(5, here, said), holds);
    let why = "How often depends on how fast the server is compared with the client; an emulated CPU \
        is slow. What matters is that the two figures are one.";
    let (overflows, drops) = (trace.counter("ListenOverflows"), trace.counter("ListenDrops"));
    sheet.explained(
        "times the listen queue of a socket overflowed",
        figures!(9, counters.overflows, named(&trace, &OVERFLOWS)),
        counters.overflows > 0 && overflows.0 == sum(&trace, &OVERFLOWS),
        why,
    );
    sheet.explained(
        "SYNs to LISTEN sockets dropped",
        figures!(9, counters.drops, format!("{} of {} explained by the same", drops.1, drops.0)),
        drops == overflows && trace.total() == drops.0 && trace.count(FULL_SYN) > 0,
        why,
    );
    let numbers: Vec<u64> =
        netstat.iter().filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
    sheet.must(
        numbers == [counters.overflows, counters.drops],
        format!("netstat -s says {netstat:?}, nstat {} and {}", counters.overflows, counters.drops),
    );
    let why = "The author wondered whether the overflow of the accept queue fills the SYN queue. It \
        does not: a refused SYN is counted on both lines and kept in neither queue.";
    sheet.explained(
        "drops for a full SYN queue",
        figures!("to be studied", counters.drops - counters.overflows, named(&trace, &SYN_QUEUE)),
        counters.drops == counters.overflows && sum(&trace, &SYN_QUEUE) == 0,
        why,
    );
    sheet.same(
        "what it cost the client",
        figures!(
            "-",
            format!("{} answers, slowest connect {} ms", ab.complete, ab.longest_connect_ms),
            "SYNs sent again, after a second"
        ),
        ab.complete == 1000 && ab.failed == 0 && ab.longest_connect_ms >= 900,
    );
    books(&mut sheet, &trace);
    sheet.quote(&trace.text, 3);
    Ok(sheet)
}

#[derive(Deserialize)]
struct GateFacts {
    short: Gate,
    long: Gate,
}

#[derive(Deserialize)]
struct Gate {
    ab: Ab,
    status: i32,
    queue: SsQueue,
    counters: Counters,
    trace: Recording,
}

pub(in super::super) fn python_ab_2048(facts: &Value) -> Result<Sheet> {
    let facts: GateFacts = read(facts)?;
    let mut sheet = Sheet::default();
    for (gate, status) in [(&facts.short, 1), (&facts.long, 0)] {
        let Gate { ab, counters, trace, .. } = gate;
        let backlog = gate.queue.send_q;
        let fits = (counters.overflows > 0) == (status == 1)
            && trace.total() == counters.drops
            && counters.drops == counters.overflows;
        sheet.same(
            format!("backlog {backlog}: overflows"),
            figures!(
                if status == 1 { "some" } else { "none" },
                counters.overflows,
                format!("{} drops", trace.total())
            ),
            fits && backlog == if status == 1 { 5 } else { 2048 },
        );
        sheet.same(
            format!("backlog {backlog}: syndrop run -- ab"),
            figures!(
                "-",
                format!("{} answers, slowest connect {} ms", ab.complete, ab.longest_connect_ms),
                format!("exit status {}", gate.status)
            ),
            gate.status == status && ab.complete == 1000 && ab.failed == 0,
        );
        for flaw in trace.flaws() {
            sheet.must(false, format!("backlog {backlog}: {flaw}"));
        }
    }
    sheet.quote(&facts.long.trace.text, 0);
    Ok(sheet)
}
