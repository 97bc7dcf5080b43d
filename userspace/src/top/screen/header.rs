//! The lines above the table: where and since when, how much, and whether the kernel agrees.

use std::collections::BTreeMap;

use ratatui::text::{Line, Span};

use super::figures::{clock, columns, count, fit, latency, rate, span, trend};
use super::theme::Theme;
use crate::render::{Foreign, OfOneCpu};
use crate::totals::Number;

use crate::top::model::{Board, LatelyCost, Model, Standing};

/// Three, and one of costs if somebody measures them.
pub(super) fn lines(model: &Model, width: usize, theme: &Theme) -> Vec<Line<'static>> {
    let board = model.board();
    let mut lines = vec![
        first(model, board, width, theme),
        drops(board, width, theme),
        proof(board, width, theme),
    ];
    lines.extend(board.cost.map(|cost| self::cost(cost, width, theme)));
    lines
}

/// `probes: 0.12% of one CPU, 812.0 runs a second of 525 ns`
fn cost(cost: LatelyCost, width: usize, theme: &Theme) -> Line<'static> {
    let LatelyCost { rate: runs, each, share } = cost;
    let runs = match runs {
        0.0 => "no run lately".to_owned(),
        runs => format!("{} runs a second of {}", rate(runs), latency(each)),
    };
    let text = format!(" probes: {}, {runs}", OfOneCpu(share));
    Line::styled(fit(&text, width, theme.glyphs), theme.dim())
}

fn first(model: &Model, board: &Board, width: usize, theme: &Theme) -> Line<'static> {
    let listening = board.rows().filter(|row| row.standing == Standing::Listens).count();
    let listeners = if listening == 1 { "listener" } else { "listeners" };
    let (host, kernel) = (Foreign(&board.host), Foreign(&board.kernel));
    let place = format!("{listening} {listeners} on {host}, {kernel}");
    let state = if model.paused() { " PAUSED " } else { "" };
    let time = board.time.map_or_else(String::new, |time| clock(time, &theme.zone));
    let interval = board.interval.as_secs_f64();
    let time = format!("  {time} up {} every {interval} s ", span(board.duration));
    let name = " syndrop top  ";
    let room = width.saturating_sub(columns(name) + columns(state) + columns(&time));
    let place = fit(&place, room, theme.glyphs);
    let gap = " ".repeat(room.saturating_sub(columns(&place)));
    Line::from(vec![
        Span::styled(name, theme.title()),
        Span::raw(place + &gap),
        Span::styled(state, theme.chosen()),
        Span::raw(time),
    ])
}

fn drops(board: &Board, width: usize, theme: &Theme) -> Line<'static> {
    let plural = if board.drops == 1 { "" } else { "s" };
    let head = format!(" {} drop{plural}", count(board.drops));
    let style = if board.rate > 0.0 { theme.bad() } else { theme.title() };
    let lately = match board.rate {
        0.0 => "none now".to_owned(),
        now => format!("{} a second", rate(now)),
    };
    let of = |number: Option<Number>, what: &str| {
        number.filter(|number| number.count > 0).map(|Number { count, exact }| {
            let plural = if count == 1 { "" } else { "s" };
            format!("{}{count} {what}{plural}", if exact { "" } else { "at least " })
        })
    };
    let of = match (of(board.connections, "connection"), of(board.clients, "client")) {
        (Some(connections), Some(clients)) => format!(" of {connections} from {clients}"),
        _ => String::new(),
    };
    let text = format!(", {lately}{of}  ");
    let room = width.saturating_sub(columns(&head) + columns(&text) + 1);
    // A few columns tell nothing.
    let room = if room < 6 { 0 } else { room.min(60) };
    let trend = trend(Counts(board, room).iter(), 0, theme.glyphs);
    Line::from(vec![
        Span::styled(head, style),
        Span::raw(text),
        Span::styled(trend, theme.doubtful()),
    ])
}

/// The latest intervals of a board.
struct Counts<'a>(&'a Board, usize);

impl Counts<'_> {
    fn iter(&self) -> std::vec::IntoIter<u64> {
        self.0.history.latest(self.1).collect::<Vec<_>>().into_iter()
    }
}

/// `911 of 911 ListenDrops explained`, and what did not get through.
fn proof(board: &Board, width: usize, theme: &Theme) -> Line<'static> {
    let mut sums: BTreeMap<usize, (&str, Option<u64>, u64)> = BTreeMap::new();
    for line in &board.counters {
        let counter = line.counter;
        let (_, kernel, explained) =
            sums.entry(counter as usize).or_insert((counter.name(), Some(0), 0));
        *kernel = kernel.zip(line.kernel).map(|(one, other)| one + other);
        *explained += line.explained;
    }
    let mut spans = vec![Span::raw(" ")];
    if sums.is_empty() {
        spans.push(Span::styled("the kernel counted no drop either", theme.dim()));
    } else {
        spans.push(Span::raw("explained: "));
    }
    for (nth, (name, kernel, explained)) in sums.into_values().enumerate() {
        let comma = if nth == 0 { "" } else { ", " };
        let (all, style) = match kernel {
            Some(kernel) if kernel == explained => (kernel.to_string(), theme.good()),
            Some(kernel) => (kernel.to_string(), theme.doubtful()),
            None => ("?".to_owned(), theme.doubtful()),
        };
        spans.push(Span::styled(format!("{comma}{explained} of {all} {name}"), style));
    }
    let losses = [
        (board.losses.events(), "event", "lost"),
        (board.losses.probes(), "probe", "missed"),
        (board.losses.totals_full, "drop", "without a name"),
    ];
    for (many, what, fate) in losses.into_iter().filter(|(many, ..)| *many > 0) {
        let plural = if many == 1 { "" } else { "s" };
        spans.push(Span::styled(format!("  {many} {what}{plural} {fate}"), theme.bad()));
    }
    let line = Line::from(spans);
    if line.width() <= width {
        return line;
    }
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    Line::raw(fit(&text, width, theme.glyphs))
}
