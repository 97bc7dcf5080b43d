//! Judges of the labs about half-open connections.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::super::recording::Recording;
use super::super::sheet::{Sheet, figures};
use super::{Counters, FirstDrop, Snapshot, SsQueue, books, read};

/// What Linux 3.10 showed, in the order of the rows.
const PUBLISHED: [u32; 8] = [97, 90, 82, 3, 256, 256, 256, 255];
/// A row is worth nothing if hardly a SYN came after the limit.
const LEAST: u64 = 10;

const SINCE_3_10: &str = "Linux 3.10 had a SYN queue of its own, whose size was min(backlog, \
    somaxconn, tcp_max_syn_backlog), at least 8, rounded up to a power of two above it. Since 4.4 \
    the limit is the one of the accept queue, min(backlog, somaxconn), and is not rounded; only the \
    reserved quarter of tcp_max_syn_backlog is as it was. A kernel that refuses at the limit and \
    not above it, as 5.10.223 does, has 128 here instead of 129.";
const ONE_MORE: &str = "This kernel refuses at a length greater than the limit; older ones did so \
    at the limit. The change (mainline 6.13) was carried back into the stable series, so the \
    version does not tell: 5.10.223 has the old rule, 5.10.262 the new one.";
const AT_LIMIT: &str = "This kernel refuses at the limit, as the published one did.";

#[derive(Deserialize)]
struct TableFacts {
    rows: Vec<Settings>,
    trace: Recording,
}

#[derive(Deserialize)]
struct Settings {
    port: u16,
    somaxconn: u32,
    max_syn_backlog: u32,
    /// Half-open connections that `ss` counts when all SYNs have come.
    syn_recv: u32,
    counters: Counters,
    predicted: FirstDrop,
}

impl Settings {
    fn name(&self) -> String {
        format!("somaxconn {}, max_syn_backlog {}", self.somaxconn, self.max_syn_backlog)
    }

    /// What the source of the kernel says, given its rule for a full SYN queue.
    fn derived(&self) -> (u32, &'static str) {
        let full = self.predicted.holds(self.somaxconn);
        let reserved = self.max_syn_backlog - self.max_syn_backlog / 4 + 1;
        if full <= reserved { (full, "syn-queue-full") } else { (reserved, "syn-backlog-reserved") }
    }
}

pub(in super::super) fn table(facts: &Value) -> Result<Sheet> {
    let facts: TableFacts = read(facts)?;
    let mut sheet = Sheet::default();
    sheet.must(facts.rows.len() == PUBLISHED.len(), "not all rows were measured");
    for (row, published) in facts.rows.iter().zip(PUBLISHED) {
        let first = facts.trace.drops().find(|it| it.local.port == row.port);
        let first = first.with_context(|| format!("{}: no SYN was dropped", row.name()))?;
        let (at, reason) = row.derived();
        let length = first.syn_queue.len.unwrap_or(0);
        let said = format!("{} at {length}, {at} foretold", first.reason);
        let holds = [row.syn_recv, length].iter().all(|&it| it == at)
            && first.reason == reason
            && row.predicted.at == Some(at)
            && row.predicted.reason.as_deref() == Some(reason);
        let figures = figures!(published, row.syn_recv, said);
        if row.syn_recv == published {
            sheet.same(row.name(), figures, holds);
        } else {
            sheet.explained(row.name(), figures, holds, SINCE_3_10);
        }
        // Each SYN is in the queue or dropped, and syndrop told each that was dropped.
        let Counters { drops, segments, .. } = row.counters;
        sheet.must(
            drops + u64::from(row.syn_recv) == segments
                && drops == facts.trace.total_at(row.port)
                && drops >= LEAST,
            format!(
                "{}: {segments} SYNs are not {} in the queue and {drops} dropped, of which syndrop \
                 told {}",
                row.name(),
                row.syn_recv,
                facts.trace.total_at(row.port)
            ),
        );
    }
    books(&mut sheet, &facts.trace);
    sheet.quote(&facts.trace.text, 2);
    Ok(sheet)
}

#[derive(Deserialize)]
struct CookieFacts {
    rows: Vec<Settings>,
    full: FullFacts,
    trace: Recording,
}

/// One listener more, whose accept queue is full as well.
#[derive(Deserialize)]
struct FullFacts {
    port: u16,
    queue: SsQueue,
    counters: Counters,
}

pub(in super::super) fn cookies(facts: &Value) -> Result<Sheet> {
    let facts: CookieFacts = read(facts)?;
    let mut sheet = Sheet::default();
    sheet.must(facts.rows.len() == PUBLISHED.len(), "not all rows were measured");
    for row in &facts.rows {
        let mut told = facts.trace.notices().filter(|it| it.local.port == row.port);
        let first = told.next().with_context(|| format!("{}: no cookie was sent", row.name()))?;
        let mut cookies = 1 + told.count() as u64;
        if row.port == facts.full.port {
            cookies -= facts.full.counters.cookies;
        }
        let Counters { drops, segments, cookies: sent, .. } = row.counters;
        let at = row.predicted.holds(row.somaxconn);
        let here = format!("{} half-open, {sent} cookies, {drops} drops", row.syn_recv);
        let length = first.syn_queue.len.unwrap_or(0);
        let said = format!("{} from {length} on, {cookies} times", first.reason);
        let holds = [row.syn_recv, length].iter().all(|&it| it == at)
            && first.reason == "cookie-sent"
            && (sent, drops) == (cookies, 0)
            && sent + u64::from(at) == segments
            && sent >= LEAST;
        let why = "With SYN cookies there is no limit to reach. When as many connections are \
            half-open as the backlog allows, further SYNs are answered without being kept: nothing \
            is dropped, and tcp_max_syn_backlog is not even looked at. That is why the author's \
            results never matched a formula for drops.";
        sheet.explained(row.name(), figures!("no limit found", here, said), holds, why);
    }
    let FullFacts { port, queue, counters } = &facts.full;
    let here = format!("Recv-Q {} of {}: {} drops", queue.recv_q, queue.send_q, counters.drops);
    let dropped = facts.trace.count("accept-queue-full-syn");
    let said = format!("accept-queue-full-syn, {dropped} times");
    let first = facts.trace.drops().next().context("the full accept queue dropped nothing")?;
    let holds = queue.recv_q == queue.send_q + 1
        && first.local.port == *port
        && first.accept_queue.is(queue.recv_q, queue.send_q)
        && (counters.drops, counters.overflows) == (dropped, dropped)
        && facts.trace.total() == dropped
        && dropped >= LEAST;
    let why = "Only a full accept queue drops SYNs while cookies are on, and it does so before a \
        cookie is thought of: to the client it makes no difference whether they are on.";
    sheet.explained("and with the accept queue full", figures!("-", here, said), holds, why);
    books(&mut sheet, &facts.trace);
    let lines: Vec<&str> = facts.trace.text.lines().collect();
    let start = lines.iter().position(|line| line.contains("accept-queue-full-syn")).unwrap_or(1);
    let kept = [&lines[..1], &lines[1..3], &lines[start..]].concat().join("\n");
    sheet.quote(&kept, 4);
    Ok(sheet)
}

#[derive(Deserialize)]
struct FloodFacts {
    rows: Vec<Flood>,
    listeners: Vec<Snapshot>,
    trace: Recording,
}

#[derive(Deserialize)]
struct Flood {
    port: u16,
    backlog: u32,
    syn_recv: u32,
    counters: Counters,
    queue: SsQueue,
}

pub(in super::super) fn flood(facts: &Value) -> Result<Sheet> {
    let facts: FloodFacts = read(facts)?;
    let mut sheet = Sheet::default();
    sheet.must(facts.rows.len() == 2, "not both backlogs were measured");
    for (row, published) in facts.rows.iter().zip([9, 150]) {
        let listener = facts.listeners.iter().find(|it| it.bound.port == row.port);
        let listener = listener.with_context(|| format!("no listener at port {}", row.port))?;
        let at = listener.first_syn_dropped.holds(published);
        let first = facts.trace.notices().find(|it| it.local.port == row.port);
        let first =
            first.with_context(|| format!("backlog {}: no cookie was sent", row.backlog))?;
        let length = first.syn_queue.len.unwrap_or(0);
        let holds = [row.syn_recv, length].iter().all(|&it| it == at)
            && row.counters.drops == 0
            && row.counters.cookies > u64::from(row.backlog)
            && row.queue.send_q == published;
        let why = if at == published { AT_LIMIT } else { ONE_MORE };
        sheet.explained(
            format!("backlog {}, somaxconn 150: SYN_RECV in ss", row.backlog),
            figures!(published, row.syn_recv, format!("{} from {length} on", first.reason)),
            holds,
            why,
        );
        sheet.same(
            format!("backlog {}: cookies, drops", row.backlog),
            figures!("-", format!("{}, {}", row.counters.cookies, row.counters.drops), "no drops"),
            facts.trace.total() == 0,
        );
    }
    let clipped = facts.listeners.iter().find(|it| it.bound.port == 9200);
    let clipped = clipped.context("no listener with backlog 200")?;
    let set_by = clipped.limit.set_by.clone().unwrap_or_default();
    let told = facts.trace.summary().and_then(|it| it.notices.get("cookie-sent").copied());
    let sent: u64 = facts.rows.iter().map(|row| row.counters.cookies).sum();
    sheet.same(
        "backlog 200: its limit, and who set it",
        figures!("150, somaxconn", facts.rows[1].queue.send_q, format!("set by {set_by}")),
        set_by == "somaxconn",
    );
    sheet.same(
        "cookies, all in all",
        figures!("-", sent, format!("cookie-sent {}", told.unwrap_or(0))),
        told >= Some(sent),
    );
    for flaw in facts.trace.flaws() {
        sheet.must(false, flaw);
    }
    sheet.quote(&facts.trace.text, 2);
    Ok(sheet)
}

#[derive(Deserialize)]
struct ScanFacts {
    looks: Vec<Look>,
    counters: Counters,
    listeners: Vec<Snapshot>,
    trace: Recording,
}

/// What was seen after one run of nmap.
#[derive(Deserialize)]
struct Look {
    nmap: String,
    syn_recv: u32,
    listen_drops: u64,
}

pub(in super::super) fn scan(facts: &Value) -> Result<Sheet> {
    let facts: ScanFacts = read(facts)?;
    let mut sheet = Sheet::default();
    let most = facts.looks.iter().map(|look| look.syn_recv).max().unwrap_or(0);
    let foretold = facts.listeners.first().and_then(|it| it.first_syn_dropped.at);
    let first = facts.trace.drops().next().context("no SYN was dropped")?;
    let length = first.syn_queue.len.unwrap_or(0);
    sheet.same(
        "SYN-RECV in ss, at most",
        figures!(
            4,
            most,
            format!("{} at {length}, {} foretold", first.reason, foretold.unwrap_or(0))
        ),
        most == 4
            && first.syn_queue.is(4, 8)
            && first.reason == "syn-backlog-reserved"
            && foretold == Some(4),
    );
    let rising: Vec<String> = facts.looks.iter().map(|it| it.listen_drops.to_string()).collect();
    let dropped = facts.trace.count("syn-backlog-reserved");
    let is_rising = facts.looks.windows(2).all(|pair| {
        pair[0].listen_drops <= pair[1].listen_drops
            && (pair[0].syn_recv < 4 || pair[0].listen_drops < pair[1].listen_drops)
    });
    sheet.same(
        "SYNs to LISTEN sockets dropped, after each nmap",
        figures!("352, rising", rising.join(" "), format!("syn-backlog-reserved, {dropped} times")),
        is_rising
            && facts.counters.drops >= 4
            && facts.counters.drops == dropped
            && facts.trace.total() == dropped,
    );
    let words: Vec<&str> = facts.looks.iter().map(|it| it.nmap.as_str()).collect();
    let open = words.iter().filter(|word| **word == "open").count();
    sheet.same(
        "what nmap says of the port",
        figures!("-", format!("open {open} times, then filtered"), "silent drops"),
        open == 4
            && words[open..].iter().all(|word| *word == "filtered")
            && first.outcome.as_deref() == Some("silent"),
    );
    sheet.same(
        "times the listen queue overflowed",
        figures!(0, facts.counters.overflows, "accept queue 0 of 8"),
        facts.counters.overflows == 0 && first.accept_queue.is(0, 8),
    );
    books(&mut sheet, &facts.trace);
    let text: Vec<&str> =
        facts.trace.text.lines().filter(|line| !line.contains("  synack-retransmit  ")).collect();
    sheet.quote(&text.join("\n"), 3);
    Ok(sheet)
}
