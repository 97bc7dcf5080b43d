//! Judges of the labs about servers that do not accept.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::super::recording::Recording;
use super::super::sheet::{Sheet, figures};
use super::{Counters, FULL_SYN, SsQueue, books, number, read};

const CONNECTION_RESET: i32 = 104;
const FULL_ACK: &str = "accept-queue-full-ack";
const FULL_ACK_RST: &str = "accept-queue-full-ack-rst";

/// A client, by its own account.
#[derive(Deserialize)]
struct Client {
    port: u16,
    connected: bool,
    /// 0 if the server ended it; else an errno.
    error: Option<i32>,
}

/// A socket in `ss -tani`.
#[derive(Deserialize)]
struct Socket {
    state: String,
    local_port: u16,
    peer_port: u16,
    unacked: u32,
    /// Packets sent again so far.
    retrans: u64,
}

#[derive(Deserialize)]
struct TenClients {
    clients: Vec<Client>,
    client_sockets: Vec<Socket>,
    server_sockets: Vec<Socket>,
    queue: SsQueue,
    counters: Counters,
    trace: Recording,
}

impl TenClients {
    fn socket(&self, client: &Client) -> Option<&Socket> {
        self.client_sockets.iter().find(|it| it.local_port == client.port)
    }

    fn ports(&self, wanted: impl Fn(&Client, Option<&Socket>) -> bool) -> BTreeSet<u16> {
        let clients = self.clients.iter().filter(|it| wanted(it, self.socket(it)));
        clients.map(|it| it.port).collect()
    }

    /// Those that syndrop says met this reason.
    fn met(&self, reason: &str) -> BTreeSet<u16> {
        self.trace.drops().filter(|it| it.reason == reason).map(|it| it.peer.port).collect()
    }

    /// The first and the third picture, which are the same whatever the sysctl says.
    fn fine(&self, sheet: &mut Sheet) {
        let fine = self.ports(|client, socket| {
            client.connected && client.error.is_none() && socket.is_some_and(|it| it.unacked == 0)
        });
        let silent = fine.iter().all(|port| self.trace.reasons_of_peer(*port).is_empty());
        sheet.same(
            "(1) connected, data acknowledged",
            figures!("some", number(fine.len(), "client"), "nothing of them"),
            fine.len() == 6 && silent && self.queue.is(6, 5),
        );
    }

    fn unanswered(&self, sheet: &mut Sheet) {
        let hanging = self
            .ports(|it, socket| !it.connected && socket.is_some_and(|it| it.state == "SYN-SENT"));
        let again: u64 = self.retransmitted(&hanging);
        let met = self.met(FULL_SYN);
        let here = format!("{}, {again} SYNs sent again", number(hanging.len(), "client"));
        let said = format!("{FULL_SYN}: {}", clients(&met));
        sheet.same(
            "(3) SYN never answered",
            figures!("some", here, said),
            hanging.len() == 2 && hanging == met && again > 0,
        );
    }

    fn retransmitted(&self, ports: &BTreeSet<u16>) -> u64 {
        let sockets = self.client_sockets.iter().filter(|it| ports.contains(&it.local_port));
        sockets.map(|it| it.retrans).sum()
    }
}

/// Some clients by their ports.
fn clients(ports: &BTreeSet<u16>) -> String {
    let ports: Vec<String> = ports.iter().map(|port| format!(":{port}")).collect();
    if ports.is_empty() { "nobody".to_owned() } else { ports.join(" ") }
}

pub(in super::super) fn go_noaccept(facts: &Value) -> Result<Sheet> {
    let facts: TenClients = read(facts)?;
    let mut sheet = Sheet::default();
    facts.fine(&mut sheet);
    let deceived = facts.ports(|client, socket| {
        client.connected && socket.is_some_and(|it| it.state == "ESTAB" && it.unacked > 0)
    });
    let again = facts.retransmitted(&deceived);
    let met = facts.met(FULL_ACK);
    sheet.same(
        "(2) client connected, its data sent again and again",
        figures!(
            "some",
            format!("{}, {again} packets sent again", number(deceived.len(), "client")),
            format!("{FULL_ACK}: {}", clients(&met))
        ),
        deceived.len() == 2 && deceived == met && again > 0,
    );
    let half_open: BTreeSet<u16> = facts
        .server_sockets
        .iter()
        .filter(|it| it.state == "SYN-RECV")
        .map(|it| it.peer_port)
        .collect();
    let repeated: BTreeSet<u16> = facts
        .trace
        .notices()
        .filter(|it| it.reason == "synack-retransmit")
        .map(|it| it.peer.port)
        .collect();
    sheet.same(
        "(2) for the server half-open, SYN-ACK sent again",
        figures!(
            "yes",
            format!("{} in SYN-RECV", half_open.len()),
            format!("synack-retransmit: {}", clients(&repeated))
        ),
        half_open == deceived && repeated == deceived,
    );
    facts.unanswered(&mut sheet);
    sheet.must(facts.counters.drops > 0, "nothing was dropped");
    books(&mut sheet, &facts.trace);
    sheet.quote(&facts.trace.text, 8);
    Ok(sheet)
}

pub(in super::super) fn abort_on_overflow(facts: &Value) -> Result<Sheet> {
    let facts: TenClients = read(facts)?;
    let mut sheet = Sheet::default();
    facts.fine(&mut sheet);
    let reset = facts.ports(|client, _| client.error == Some(CONNECTION_RESET));
    let met = facts.met(FULL_ACK_RST);
    let mut outcomes = facts.trace.drops().filter(|it| it.reason == FULL_ACK_RST);
    let all_reset = outcomes.all(|it| it.outcome.as_deref() == Some("reset"));
    sheet.same(
        "(2) the client gets a RST",
        figures!(
            "yes",
            format!("ECONNRESET for {}", number(reset.len(), "client")),
            format!("{FULL_ACK_RST}, reset: {}", clients(&met))
        ),
        reset.len() == 2 && reset == met && all_reset,
    );
    let half_open = facts.server_sockets.iter().filter(|it| it.state == "SYN-RECV").count();
    sheet.same(
        "(2) what the server keeps of them",
        figures!("nothing", format!("{half_open} in SYN-RECV"), "no SYN-ACK again"),
        half_open == 0 && facts.trace.notices().next().is_none(),
    );
    facts.unanswered(&mut sheet);
    books(&mut sheet, &facts.trace);
    sheet.quote(&facts.trace.text, 5);
    Ok(sheet)
}

#[derive(Deserialize)]
struct PlusOneFacts {
    rows: Vec<PlusOne>,
    trace: Recording,
}

#[derive(Deserialize)]
struct PlusOne {
    port: u16,
    somaxconn: u32,
    connected: usize,
    established: usize,
    syn_sent: usize,
    queue: SsQueue,
}

pub(in super::super) fn backlog_plus_one(facts: &Value) -> Result<Sheet> {
    let facts: PlusOneFacts = read(facts)?;
    let mut sheet = Sheet::default();
    sheet.must(facts.rows.len() == 2, "not both values of somaxconn were tried");
    for (row, (limit, published)) in facts.rows.iter().zip([(5_u32, [6, 4]), (3, [4, 6])]) {
        let case = format!("backlog 5, somaxconn {}", row.somaxconn);
        let at_port: Vec<_> = facts.trace.drops().filter(|it| it.local.port == row.port).collect();
        let refused: BTreeSet<u16> = at_port.iter().map(|it| it.peer.port).collect();
        let by_length = at_port.iter().all(|it| it.accept_queue.is(limit + 1, limit));
        sheet.same(
            format!("{case}: established"),
            figures!(
                published[0],
                row.established,
                format!("queue {}>{limit} at each drop", limit + 1)
            ),
            [row.established, row.connected] == [published[0]; 2] && by_length,
        );
        sheet.same(
            format!("{case}: SYN_SENT"),
            figures!(
                published[1],
                row.syn_sent,
                format!("{} refused", number(refused.len(), "client"))
            ),
            [row.syn_sent, refused.len()] == [published[1]; 2],
        );
        let listener = facts.trace.listener(row.port);
        let listener = listener.with_context(|| format!("{case}: syndrop names no listener"))?;
        let clipped = listener.clipped.unwrap_or(false);
        let set_by = if clipped { "somaxconn" } else { "listen()" };
        sheet.same(
            format!("{case}: ss, and what set the limit"),
            figures!(
                "-",
                format!("Recv-Q {}, Send-Q {}", row.queue.recv_q, row.queue.send_q),
                format!("asked for {}, set by {set_by}", listener.asked.unwrap_or(0))
            ),
            row.queue.is(limit + 1, limit)
                && listener.asked == Some(5)
                && clipped == (row.somaxconn < 5),
        );
    }
    let reasons = facts.trace.summary().map(|it| it.drops.keys().cloned().collect::<Vec<_>>());
    sheet.must(reasons.as_deref() == Some(&[FULL_SYN.to_owned()]), format!("reasons: {reasons:?}"));
    books(&mut sheet, &facts.trace);
    sheet.quote(&facts.trace.text, 4);
    Ok(sheet)
}

#[derive(Deserialize)]
struct HeldFacts {
    clients: Vec<Client>,
    established: usize,
    syn_sent: usize,
    client_sockets: Vec<Socket>,
    queue: SsQueue,
    /// The same in `netstat -ltn`, which reads /proc/net/tcp.
    netstat: SsQueue,
    trace: Recording,
}

pub(in super::super) fn acceptq_9(facts: &Value) -> Result<Sheet> {
    let facts: HeldFacts = read(facts)?;
    let mut sheet = Sheet::default();
    let drops: Vec<_> = facts.trace.drops().collect();
    let refused: BTreeSet<u16> = drops.iter().map(|it| it.peer.port).collect();
    let out: BTreeSet<u16> =
        facts.clients.iter().filter(|it| !it.connected).map(|it| it.port).collect();
    let queue = drops.iter().all(|it| it.accept_queue.is(9, 8) && it.reason == FULL_SYN);
    sheet.same(
        "established",
        figures!(9, facts.established, "9>8 at each drop"),
        facts.established == 9 && queue,
    );
    sheet.same(
        "SYN_SENT, retransmitting",
        figures!(
            1,
            facts.syn_sent,
            format!("{} refused: {}", number(refused.len(), "client"), clients(&out))
        ),
        facts.syn_sent == 1 && refused == out && out.len() == 1,
    );
    sheet.same(
        "ss on the listener",
        figures!(
            "Recv-Q 9, Send-Q 8",
            format!("Recv-Q {}, Send-Q {}", facts.queue.recv_q, facts.queue.send_q),
            "9>8"
        ),
        facts.queue.is(9, 8),
    );
    let SsQueue { recv_q, send_q } = facts.netstat;
    sheet.same(
        "netstat on the listener",
        figures!("to be studied", format!("Recv-Q {recv_q}, Send-Q {send_q}"), "9>8"),
        facts.netstat.is(9, 0),
    );
    let socket = facts.client_sockets.iter().find(|it| it.state == "SYN-SENT");
    let again = socket.context("no client was left in SYN-SENT")?.retrans;
    let attempts: Vec<u64> = drops.iter().filter_map(|it| it.attempt).collect();
    let in_order = attempts.iter().copied().eq(1..=drops.len() as u64);
    let last = attempts.last().copied().unwrap_or(0);
    // The trace goes on for a moment after `ss` looked.
    sheet.same(
        "the same SYN again",
        figures!(
            "several times",
            format!("{again} times"),
            format!("attempts #1 to #{last} of one connection")
        ),
        again >= 2 && in_order && last > again && last <= again + 4,
    );
    books(&mut sheet, &facts.trace);
    sheet.quote(&facts.trace.text, 8);
    Ok(sheet)
}
