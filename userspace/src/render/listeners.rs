//! The table of listeners, for people and for scripts.

use std::fmt::{self, Write as _};
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::Foreign;
use super::text::OrDash;
use crate::catalogue;
use crate::decode::Listener;
use crate::enrich::{Holder, OwnedListener};
use crate::kernel::syn_queue::{Belief, Rule};
use crate::listeners::{FirstDrop, SetBy, first_syn_dropped, set_by};
use crate::ndjson::{
    AcceptQueueLine, Digits, FirstSynDroppedLine, LimitLine, ListenerStateLine, OwnerLine,
    SynQueueLine, Time,
};

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
    let set_by = set_by(&row.listener);
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
            asked: limit.filter(|_| set_by == Some(SetBy::Backlog)),
            somaxconn: sysctls.somaxconn,
            max_syn_backlog: sysctls.max_syn_backlog,
            syncookies: sysctls.syncookies,
        },
        first_syn_dropped: first_syn_dropped(&row.listener, table.belief.rule)
            .map(|first| first_line(first, table.belief)),
        owner: OwnerLine { uid, ..row.holder.as_ref().map(owner_line).unwrap_or_default() },
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

/// The titles; the first is shown where there are several namespaces.
const TITLES: [&str; 8] =
    ["NETNS", "LISTENER", "ACCEPT-Q", "SYN-Q", "YOUNG", "SET BY", "FIRST DROP", "OWNER"];

type Cells = [String; TITLES.len()];

fn text(out: &mut dyn Write, table: &Table<'_>, colour: bool, netns: bool) -> io::Result<()> {
    let rows: Vec<Cells> = table.rows.iter().map(|row| cells(row, table.belief)).collect();
    let first = usize::from(!netns);
    let mut widths = TITLES.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let bold = if colour { Style::new().bold() } else { Style::new() };
    write!(out, "{bold}")?;
    columns(out, &TITLES.map(str::to_owned)[first..], &widths[first..])?;
    writeln!(out, "{bold:#}")?;
    for (cells, row) in rows.iter().zip(table.rows) {
        let style = if colour && is_full(&row.listener) {
            AnsiColor::Red.on_default()
        } else {
            Style::new()
        };
        write!(out, "{style}")?;
        columns(out, &cells[first..], &widths[first..])?;
        writeln!(out, "{style:#}")?;
    }
    Ok(())
}

fn columns(out: &mut dyn Write, cells: &[String], widths: &[usize]) -> io::Result<()> {
    for (nth, (cell, &width)) in cells.iter().zip(widths).enumerate() {
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

fn cells(row: &OwnedListener, belief: Belief) -> Cells {
    let listener = &row.listener;
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
        OrDash(set_by(listener).map(word)).to_string(),
        OrDash(first_drop(listener, belief)).to_string(),
        OrDash(row.holder.as_ref().map(Owner)).to_string(),
    ]
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
mod tests {
    use std::sync::Arc;

    use super::{Belief, Listeners, Rule, Table};
    use crate::decode::{AcceptQueue, Listener, ListenerId, Sysctls};
    use crate::enrich::{Holder, Membership, OwnedListener, Process};

    fn rows() -> [OwnedListener; 3] {
        let sysctls = Sysctls {
            syncookies: Some(0),
            max_syn_backlog: Some(512),
            somaxconn: Some(128),
            abort_on_overflow: Some(0),
        };
        let bound = |bound: &str| ListenerId {
            sock: 1,
            inode: Some(42),
            netns: Some(7),
            bound: bound.parse().ok(),
        };
        let listener = |at: &str, len, limit, syn_len| Listener {
            id: bound(at),
            cookie: Some(u64::MAX),
            uid: Some(33),
            accept: Some(AcceptQueue { len, limit }),
            syn_len,
            syn_young: syn_len,
            sysctls,
        };
        let holder = |container: Option<String>| {
            let unit = Some("nginx.service".to_owned());
            let membership = Membership { unit, container, ..Membership::default() };
            let (comm, cmdline) = ("ng\u{1b}inx".to_owned(), vec!["nginx".to_owned()]);
            let first = Arc::new(Process { pid: 144, comm, cmdline, membership });
            Some(Holder { first, others: Vec::new(), pids: vec![144, 145, 146] })
        };
        let unknown = Listener {
            cookie: None,
            sysctls: Sysctls { syncookies: Some(1), ..Sysctls::default() },
            ..listener("[::]:8080", 0, 4096, None)
        };
        [
            OwnedListener {
                listener: listener("0.0.0.0:80", 12, 11, Some(3)),
                holder: holder(None),
            },
            OwnedListener {
                listener: listener("10.0.0.1:443", 0, 128, Some(0)),
                holder: holder(Some("4f3e".repeat(16))),
            },
            OwnedListener { listener: unknown, holder: None },
        ]
    }

    fn written(format: Listeners, measured: bool) -> String {
        let belief = Belief { rule: Rule::AboveLimit, measured };
        let time = "2026-11-20T11:12:48Z".parse().unwrap();
        let mut out = Vec::new();
        format.write(&mut out, &Table { time, rows: &rows(), belief }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_is_a_table() {
        let text = Listeners::Text { colour: false, netns: false };
        insta::assert_snapshot!(written(text, true), @r#"
        LISTENER      ACCEPT-Q  SYN-Q   YOUNG  SET BY     FIRST DROP          OWNER
        0.0.0.0:80    12>11     3/11    3      backlog    12 syn-queue-full   ng\u{1b}inx[144] +2 nginx.service
        10.0.0.1:443  0/128     0/128   0      somaxconn  129 syn-queue-full  ng\u{1b}inx[144] +2 container 4f3e4f3e4f3e
        [::]:8080     0/4096    -/4096  -      -          never, cookies      -
        "#);
    }

    #[test]
    fn both_lengths_are_shown_where_the_rule_is_not_known() {
        let lines = written(Listeners::Text { colour: false, netns: true }, false);
        assert!(lines.starts_with("NETNS  LISTENER"), "{lines}");
        assert!(lines.contains(" 11 or 12 syn-queue-full "), "{lines}");
    }

    #[test]
    fn json_is_a_line_for_each() {
        insta::assert_snapshot!(written(Listeners::Json, true), @r#"
        {"type":"listener","time":"2026-11-20T11:12:48.000000000Z","netns":7,"inode":42,"cookie":"18446744073709551615","bound":{"addr":"0.0.0.0","port":80},"accept_queue":{"len":12,"limit":11},"syn_queue":{"len":3,"young":3,"limit":11},"limit":{"set_by":"backlog","asked":11,"somaxconn":128,"max_syn_backlog":512,"syncookies":0},"first_syn_dropped":{"at":12,"reason":"syn-queue-full","rule":">","evidence":"measured"},"owner":{"pid":144,"comm":"ng\u001binx","cmdline":["nginx"],"cgroup":null,"unit":"nginx.service","container":null,"pod":null,"pids":[144,145,146],"uid":33}}
        {"type":"listener","time":"2026-11-20T11:12:48.000000000Z","netns":7,"inode":42,"cookie":"18446744073709551615","bound":{"addr":"10.0.0.1","port":443},"accept_queue":{"len":0,"limit":128},"syn_queue":{"len":0,"young":0,"limit":128},"limit":{"set_by":"somaxconn","asked":null,"somaxconn":128,"max_syn_backlog":512,"syncookies":0},"first_syn_dropped":{"at":129,"reason":"syn-queue-full","rule":">","evidence":"measured"},"owner":{"pid":144,"comm":"ng\u001binx","cmdline":["nginx"],"cgroup":null,"unit":"nginx.service","container":"4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e","pod":null,"pids":[144,145,146],"uid":33}}
        {"type":"listener","time":"2026-11-20T11:12:48.000000000Z","netns":7,"inode":42,"cookie":null,"bound":{"addr":"::","port":8080},"accept_queue":{"len":0,"limit":4096},"syn_queue":{"len":null,"young":null,"limit":4096},"limit":{"set_by":null,"asked":null,"somaxconn":null,"max_syn_backlog":null,"syncookies":1},"first_syn_dropped":{"at":null,"reason":null,"rule":">","evidence":"measured"},"owner":{"pid":null,"comm":null,"cmdline":null,"cgroup":null,"unit":null,"container":null,"pod":null,"pids":null,"uid":33}}
        "#);
    }
}
