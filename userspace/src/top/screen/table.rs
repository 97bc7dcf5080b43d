//! The table: a line per listener.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::columns::{Column, FIGURES, Needs, lay_out};
use super::figures::{bar, columns, count, fit, latency, left, rate, right, trend};
use super::theme::{Glyphs, Theme};
use crate::catalogue;
use crate::render::Foreign;
use crate::top::model::{Model, Row, Standing};

/// From here on a queue is nearly full.
const NEARLY: f64 = 0.75;

/// The title and as many rows as fit, the chosen one among them.
pub(super) fn lines(
    rows: &[&Row],
    chosen: usize,
    (width, height): (u16, u16),
    model: &Model,
    theme: &Theme,
) -> Vec<Line<'static>> {
    let height = usize::from(height).saturating_sub(1);
    let first = (chosen + 1).saturating_sub(height);
    let shown = &rows[first.min(rows.len())..rows.len().min(first + height)];
    let netns = rows.iter().filter_map(|row| row.id.netns);
    let several = netns.clone().min() != netns.max();
    let needs = needs(shown, several);
    let columns = lay_out(width.into(), &needs);
    let mut lines = vec![title(&columns, rows.len() - shown.len(), theme)];
    if rows.is_empty() {
        let why = if model.board().time.is_none() {
            "  looking for listeners ..."
        } else if model.view.needle.is_empty() && !model.view.only_drops {
            "  no listener is to be seen here"
        } else {
            "  nothing matches; Esc and z show all again"
        };
        lines.push(Line::styled(why, theme.dim()));
    }
    lines.extend(shown.iter().enumerate().map(|(nth, row)| {
        let is_chosen = first + nth == chosen;
        let mut spans = vec![Span::raw(if is_chosen { ">" } else { " " })];
        for &(column, width) in &columns {
            spans.extend(cell(row, column, width, &needs, theme));
            spans.push(Span::raw(" "));
        }
        let line = Line::from(spans);
        match (is_chosen, row.standing) {
            (true, _) => line.style(theme.chosen()),
            (false, Standing::Closed) => line.style(theme.dim()),
            (false, _) => line,
        }
    }));
    lines
}

fn needs(rows: &[&Row], netns: bool) -> Needs {
    let widest =
        |of: fn(&Row) -> String| rows.iter().map(|row| columns(&of(row))).max().unwrap_or_default();
    Needs {
        listener: widest(name),
        accept: widest(accept),
        syn: widest(syn),
        reason: widest(reasons),
        owner: widest(owner),
        netns,
        latency: rows.iter().any(|row| row.accept_latency.is_some()),
    }
}

fn title(columns: &[(Column, usize)], hidden: usize, theme: &Theme) -> Line<'static> {
    let mut text = " ".to_owned();
    for &(column, width) in columns {
        let name = match column {
            Column::Listener => "LISTENER",
            Column::Netns => "NETNS",
            Column::Accept => "ACCEPT-Q",
            Column::Syn => "SYN-Q",
            Column::Latency => "WAITED",
            Column::Rate => "DROPS/S",
            Column::Drops => "DROPS",
            Column::Trend => "TREND",
            Column::Reason => "REASONS",
            Column::Owner => "OWNER",
        };
        let name = match column {
            Column::Latency | Column::Rate | Column::Drops => right(name, width, theme.glyphs),
            _ => left(name, width, theme.glyphs),
        };
        text += &name;
        text.push(' ');
    }
    let mut spans = vec![Span::styled(text, theme.title())];
    if hidden > 0 {
        spans.push(Span::styled(format!("+{hidden}"), theme.dim()));
    }
    Line::from(spans)
}

fn cell(
    row: &Row,
    column: Column,
    width: usize,
    needs: &Needs,
    theme: &Theme,
) -> Vec<Span<'static>> {
    let glyphs = theme.glyphs;
    let plain = |text: &str| vec![Span::raw(left(text, width, glyphs))];
    let number = |text: &str, style: Style| vec![Span::styled(right(text, width, glyphs), style)];
    let alarm = if row.rate > 0.0 { theme.bad() } else { Style::new() };
    match column {
        Column::Listener => plain(&address(row, width, glyphs)),
        Column::Netns => plain(&row.id.netns.map_or_else(|| "-".into(), |it| it.to_string())),
        Column::Accept => queue(&accept(row), row.accept_fill(), (needs.accept, width), theme),
        Column::Syn => queue(&syn(row), row.syn_fill(), (needs.syn, width), theme),
        Column::Latency => {
            number(&row.accept_latency.map_or_else(|| "-".into(), latency), Style::new())
        }
        Column::Rate => number(&rate(row.rate), alarm),
        Column::Drops => number(&count(row.drops), Style::new()),
        Column::Trend => {
            let counts: Vec<u64> = row.history.latest(width).collect();
            vec![Span::styled(trend(counts.into_iter(), width, glyphs), theme.doubtful())]
        }
        Column::Reason => plain(&reasons(row)),
        Column::Owner => plain(&owner(row)),
    }
}

/// The figures, at the right of so many columns, and how full that is.
fn queue(
    text: &str,
    fill: Option<f64>,
    (figures, width): (usize, usize),
    theme: &Theme,
) -> Vec<Span<'static>> {
    let style = match fill {
        Some(1.0..) => theme.bad(),
        Some(NEARLY..) => theme.doubtful(),
        _ => theme.good(),
    };
    let figures = figures.max(FIGURES);
    let bars = width.saturating_sub(figures + 1);
    let text = right(text, figures.min(width), theme.glyphs);
    let bar = match fill {
        Some(fill) if bars >= 3 => format!(" {}", bar(fill, bars, theme.glyphs)),
        _ => String::new(),
    };
    vec![Span::styled(left(&(text + &bar), width, theme.glyphs), style)]
}

fn name(row: &Row) -> String {
    row.id.bound.map_or_else(|| "unknown".to_owned(), |bound| bound.to_string())
}

/// What it is bound to; if that is too long, its port is what tells most.
fn address(row: &Row, width: usize, glyphs: Glyphs) -> String {
    let name = name(row);
    match name.rsplit_once(':') {
        Some((address, port)) if columns(&name) > width => {
            let room = width.saturating_sub(columns(port) + 1);
            format!("{}:{port}", fit(address, room, glyphs))
        }
        _ => name,
    }
}

fn accept(row: &Row) -> String {
    if row.standing == Standing::Closed {
        return "closed".to_owned();
    }
    row.accept.map_or_else(
        || "-".to_owned(),
        |queue| {
            let relation = if queue.len > queue.limit { '>' } else { '/' };
            format!("{}{relation}{}", queue.len, queue.limit)
        },
    )
}

fn syn(row: &Row) -> String {
    match (row.syn_len, row.accept) {
        _ if row.standing == Standing::Closed => "-".to_owned(),
        (Some(len), Some(queue)) => format!("{len}/{}", queue.limit),
        (Some(len), None) => len.to_string(),
        (None, _) => "-".to_owned(),
    }
}

/// What happens now comes first.
fn reasons(row: &Row) -> String {
    let each = row.reasons.iter().map(|reason| {
        let slug = catalogue::of(reason.total.reason).slug;
        if reason.rate > 0.0 {
            format!("{slug} {}/s", rate(reason.rate))
        } else {
            format!("{slug} {}", count(reason.total.count))
        }
    });
    each.collect::<Vec<_>>().join(", ")
}

/// `nginx[144] +2`
pub(super) fn owner(row: &Row) -> String {
    let more = if row.more_owners > 0 { format!(" +{}", row.more_owners) } else { String::new() };
    match (&row.owner.comm, row.owner.pid) {
        (Some(comm), Some(pid)) => format!("{}[{pid}]{more}", Foreign(comm)),
        (Some(comm), None) => Foreign(comm).to_string(),
        (None, Some(pid)) => format!("[{pid}]"),
        (None, None) => "-".to_owned(),
    }
}
