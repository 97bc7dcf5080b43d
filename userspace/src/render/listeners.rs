//! The table of listeners, for people and for scripts.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::Foreign;
use super::text::OrDash;
use super::text::latency::Short;
use crate::catalogue;
use crate::decode::Listener;
use crate::enrich::{Holder, OwnedListener};
use crate::kernel::syn_queue::{Belief, Rule};
use crate::latency::Quantiles;
use crate::listeners::{FirstDrop, SetBy, clipped, first_syn_dropped, set_by};
use crate::ndjson::{
    AcceptQueueLine, AcceptedLine, Digits, FirstSynDroppedLine, LimitLine, ListenerStateLine,
    OwnerLine, SynQueueLine, Time,
};
use crate::source::live::SoFar;

mod seen;

use seen::Seen;

/// Digits of a container's id that are shown to people; engines accept them.
const SHORT_ID: usize = 12;

/// Listeners at one moment, in the order in which they are shown.
#[derive(Debug)]
pub struct Table<'a> {
    /// When.
    pub time: Timestamp,
    /// What.
    pub rows: &'a [OwnedListener],
    /// When this kernel calls a SYN queue full.
    pub belief: Belief,
    /// What tracing told of them, if they are traced.
    pub so_far: Option<&'a SoFar>,
}

/// How a table is written.
#[derive(Debug, Clone, Copy)]
pub enum Listeners {
    /// One JSON object a line.
    Json,
    /// Columns.
    Text {
        /// Whether colours do some good.
        colour: bool,
        /// Whether listeners are of several namespaces.
        netns: bool,
    },
}

impl Listeners {
    /// Writes a table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(self, out: &mut dyn Write, table: &Table<'_>) -> io::Result<()> {
        match self {
            Self::Json => json(out, table),
            Self::Text { colour, netns } => text(out, table, colour, netns),
        }
    }
}

fn json(out: &mut dyn Write, table: &Table<'_>) -> io::Result<()> {
    let time = Time(table.time).to_string();
    let mut buffer = Vec::new();
    for row in table.rows {
        // The serializer writes a few bytes at a time, which only memory takes quickly.
        buffer.clear();
        serde_json::to_writer(&mut buffer, &line(table, row, &time))?;
        buffer.push(b'\n');
        out.write_all(&buffer)?;
    }
    Ok(())
}

fn line<'a>(table: &Table<'_>, row: &'a OwnedListener, time: &'a str) -> ListenerStateLine<'a> {
    let Listener { id, cookie, uid, accept, syn_len, syn_young, sysctls } = row.listener;
    let limit = accept.map(|queue| queue.limit);
    let seen = Seen::of(table.so_far, &id);
    let set_by = set_by(&row.listener, seen.asked);
    ListenerStateLine {
        time,
        netns: id.netns,
        inode: id.inode,
        cookie: cookie.map(Digits),
        bound: id.bound.map(Into::into),
        accept_queue: AcceptQueueLine { len: accept.map(|queue| queue.len), limit },
        syn_queue: SynQueueLine { len: syn_len, young: syn_young, limit },
        limit: LimitLine {
            set_by: set_by.map(word),
            asked: seen.asked.or(limit.filter(|_| set_by == Some(SetBy::Backlog))),
            clipped: clipped(&row.listener, seen.asked),
            somaxconn: sysctls.somaxconn,
            max_syn_backlog: sysctls.max_syn_backlog,
            syncookies: sysctls.syncookies,
        },
        first_syn_dropped: first_syn_dropped(&row.listener, table.belief.rule)
            .map(|first| first_line(first, table.belief)),
        owner: OwnerLine { uid, ..row.holder.as_ref().map(owner_line).unwrap_or_default() },
        drops: seen.drops,
        accept_latency: seen
            .waited
            .map(|waited| AcceptedLine { accepted: waited.accepted, quantiles: waited.into() }),
    }
}

fn first_line(first: FirstDrop, belief: Belief) -> FirstSynDroppedLine {
    let (at, reason) = match first {
        FirstDrop::Never => (None, None),
        FirstDrop::At { len, reason } => (Some(len), Some(catalogue::of(reason).slug)),
    };
    let evidence = if belief.measured { "measured" } else { "assumed" };
    FirstSynDroppedLine { at, reason, rule: belief.rule.symbol(), evidence }
}

fn owner_line(holder: &Holder) -> OwnerLine<'_> {
    let process = &*holder.first;
    let membership = &process.membership;
    OwnerLine {
        pid: Some(process.pid),
        comm: Some(process.comm.as_str().into()),
        cmdline: Some(&process.cmdline),
        cgroup: membership.path.as_deref().map(Into::into),
        unit: membership.unit.as_deref().map(Into::into),
        container: membership.container.as_deref().map(Into::into),
        pod: membership.pod.as_deref().map(Into::into),
        pids: Some(&holder.pids),
        uid: None,
    }
}

const fn word(set_by: SetBy) -> &'static str {
    match set_by {
        SetBy::Backlog => "backlog",
        SetBy::Somaxconn => "somaxconn",
    }
}

/// The titles; the first is shown where there are several namespaces, those before the last where
/// listeners are traced.
const TITLES: [&str; 13] = [
    "NETNS",
    "LISTENER",
    "ACCEPT-Q",
    "SYN-Q",
    "YOUNG",
    "SET BY",
    "FIRST DROP",
    "DROPS",
    "WAIT P50",
    "P90",
    "P99",
    "MAX",
    "OWNER",
];
const NETNS: usize = 0;
const DROPS: usize = 7;
const WAITS: std::ops::Range<usize> = 8..12;

type Cells = [String; TITLES.len()];

fn text(out: &mut dyn Write, table: &Table<'_>, colour: bool, netns: bool) -> io::Result<()> {
    let rows: Vec<Cells> = table.rows.iter().map(|row| cells(row, table)).collect();
    let timed = table.so_far.is_some_and(|so_far| so_far.waited.is_some());
    let shown: Vec<usize> = (0..TITLES.len())
        .filter(|&nth| nth != NETNS || netns)
        .filter(|&nth| nth != DROPS || table.so_far.is_some())
        .filter(|nth| !WAITS.contains(nth) || timed)
        .collect();
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let bold = if colour { Style::new().bold() } else { Style::new() };
    write!(out, "{bold}")?;
    columns(out, &TITLES.map(str::to_owned), &widths, &shown)?;
    writeln!(out, "{bold:#}")?;
    for (cells, row) in rows.iter().zip(table.rows) {
        let style = if colour && is_full(&row.listener) {
            AnsiColor::Red.on_default()
        } else {
            Style::new()
        };
        write!(out, "{style}")?;
        columns(out, cells, &widths, &shown)?;
        writeln!(out, "{style:#}")?;
    }
    Ok(())
}

fn columns(
    out: &mut dyn Write,
    cells: &Cells,
    widths: &[usize],
    shown: &[usize],
) -> io::Result<()> {
    for &nth in shown {
        let (cell, width) = (&cells[nth], widths[nth]);
        if nth + 1 == cells.len() {
            write!(out, "{cell}")?;
        } else {
            write!(out, "{cell:<width$}  ")?;
        }
    }
    Ok(())
}

/// Whether a handshake that ends now would be refused.
fn is_full(listener: &Listener) -> bool {
    listener.accept.is_some_and(|queue| queue.len > queue.limit)
}

fn cells(row: &OwnedListener, table: &Table<'_>) -> Cells {
    let listener = &row.listener;
    let seen = Seen::of(table.so_far, &listener.id);
    let waited = |which: fn(Quantiles) -> Duration| {
        OrDash(seen.waited.map(|waited| Short(which(waited)))).to_string()
    };
    let accept = listener.accept.map(|queue| {
        let relation = if queue.len > queue.limit { '>' } else { '/' };
        format!("{}{relation}{}", queue.len, queue.limit)
    });
    let limit = listener.accept.map(|queue| queue.limit);
    [
        OrDash(listener.id.netns).to_string(),
        OrDash(listener.id.bound).to_string(),
        OrDash(accept).to_string(),
        format!("{}/{}", OrDash(listener.syn_len), OrDash(limit)),
        OrDash(listener.syn_young).to_string(),
        limited(listener, seen.asked),
        OrDash(first_drop(listener, table.belief)).to_string(),
        OrDash(seen.drops).to_string(),
        waited(|waited| waited.p50),
        waited(|waited| waited.p90),
        waited(|waited| waited.p99),
        waited(|waited| waited.max),
        OrDash(row.holder.as_ref().map(Owner)).to_string(),
    ]
}

/// `clipped 8192`: what the application asked for and did not get.
fn limited(listener: &Listener, asked: Option<u32>) -> String {
    match asked.filter(|_| clipped(listener, asked) == Some(true)) {
        Some(asked) => format!("clipped {asked}"),
        None => OrDash(set_by(listener, asked).map(word)).to_string(),
    }
}

/// `97 syn-backlog-reserved`; both numbers that are possible where the kernel's rule is not known
/// and matters.
fn first_drop(listener: &Listener, belief: Belief) -> Option<String> {
    let by = |rule| first_syn_dropped(listener, rule);
    Some(match (by(belief.rule)?, by(Rule::AtLimit)?) {
        (FirstDrop::Never, _) => "never, cookies".to_owned(),
        (FirstDrop::At { len, reason }, FirstDrop::At { len: early, .. })
            if !belief.measured && early != len =>
        {
            format!("{early} or {len} {}", catalogue::of(reason).slug)
        }
        (FirstDrop::At { len, reason }, _) => format!("{len} {}", catalogue::of(reason).slug),
    })
}

/// `nginx[144] +2 nginx.service`
struct Owner<'a>(&'a Holder);

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Holder { first, pids, others: _ } = self.0;
        let mut text = format!("{}[{}]", Foreign(&first.comm), first.pid);
        if pids.len() > 1 {
            write!(text, " +{}", pids.len() - 1)?;
        }
        let membership = &first.membership;
        if let Some(container) = &membership.container {
            write!(text, " container {}", container.get(..SHORT_ID).unwrap_or(container))?;
        } else if let Some(unit) = &membership.unit {
            write!(text, " {}", Foreign(unit))?;
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests;
