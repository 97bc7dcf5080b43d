//! The chosen listener: its drops by reason, what one of them means, and its last clients.

use ratatui::text::{Line, Span};

use super::figures::{clock, columns, count, fit, latency, left, rate, right, wrap};
use super::table::owner;
use super::theme::Theme;
use crate::catalogue;
use crate::listeners::{SetBy, set_by};
use crate::render::{Foreign, accept_queue, reason as with_attempt, syn_queue};
use crate::top::model::{Client, Row};

/// From so many columns on, clients stand beside the rest and not below.
const WIDE: usize = 150;
/// Reasons that are shown where there is little room.
const FEW: usize = 3;

/// At most so many columns and lines.
pub(super) fn lines(
    row: &Row,
    reason: usize,
    (width, height): (usize, usize),
    theme: &Theme,
) -> Vec<Line<'static>> {
    let pane = Pane { row, explained: reason, theme };
    let mut lines = vec![rule(row, width, theme)];
    let height = height.saturating_sub(1);
    if width < WIDE {
        let few = row.reasons.len().min(FEW);
        // A line for each reason and their title, four of words, and some clients.
        let (clients, words) = if row.clients.is_empty() { (0, 8) } else { (3, 4) };
        let room = height.saturating_sub(few + 1 + clients).max(words);
        lines.extend(pane.reasons((width, few)));
        lines.extend(pane.advice((width, room)));
        let left = (height + 1).saturating_sub(lines.len());
        lines.extend(pane.clients((width, left)));
        return lines;
    }
    let half = width / 2 - 1;
    let mut facts = pane.reasons((half, height / 2));
    let room = height.saturating_sub(facts.len());
    facts.extend(pane.advice((half, room)));
    let mut others = pane.clients((width - half - 2, height)).into_iter();
    let mut facts = facts.into_iter();
    for _ in 0..height {
        let mut line = facts.next().unwrap_or_default();
        let missing = (half + 2).saturating_sub(line.width());
        line.spans.push(Span::raw(" ".repeat(missing)));
        line.spans.extend(others.next().unwrap_or_default().spans);
        lines.push(line);
    }
    lines
}

/// A line across the screen with what is known of the listener in it.
fn rule(row: &Row, width: usize, theme: &Theme) -> Line<'static> {
    let dash = theme.glyphs.rule();
    let limit = row.accept.map(|queue| match set_by(&row.listener(), None) {
        Some(SetBy::Backlog) => format!("limit {} by backlog", queue.limit),
        Some(SetBy::Somaxconn) => format!("limit {} by somaxconn", queue.limit),
        None => format!("limit {}", queue.limit),
    });
    let cookies = row.sysctls.syncookies.map(|cookies| format!("syncookies {cookies}"));
    let parts = [
        row.id.bound.map(|bound| bound.to_string()),
        Some(owner(row)).filter(|owner| owner != "-"),
        limit,
        row.accept_latency.map(|time| format!("waited {}", latency(time))),
        cookies,
        row.unit.as_ref().or(row.owner.cgroup.as_ref()).map(|it| Foreign(it).to_string()),
        row.owner.container.as_ref().map(|id| format!("container {}", id.get(..12).unwrap_or(id))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let text = parts.join(&format!(" {dash} "));
    let text = format!("{dash}{dash} {} ", fit(&text, width.saturating_sub(4), theme.glyphs));
    let rest = dash.repeat(width.saturating_sub(columns(&text)));
    Line::styled(text + &rest, theme.title())
}

/// What a listener's details are made of. Each part takes at most so many columns and lines.
struct Pane<'a> {
    row: &'a Row,
    /// Which of its reasons is explained.
    explained: usize,
    theme: &'a Theme,
}

impl Pane<'_> {
    fn reasons(&self, (width, at_most): (usize, usize)) -> Vec<Line<'static>> {
        let Self { row, explained, theme } = *self;
        if row.reasons.is_empty() {
            return vec![Line::styled(" no drops here so far", theme.dim())];
        }
        let glyphs = theme.glyphs;
        let hidden = row.reasons.len().saturating_sub(at_most);
        let more = if hidden > 0 { format!(", {hidden} more") } else { String::new() };
        let mut lines =
            vec![Line::styled(format!(" DROPS/S   DROPS  REASON{more}"), theme.title())];
        // The one that is explained stays in sight.
        let first = (explained + 1).saturating_sub(at_most);
        let shown = row.reasons.iter().enumerate().skip(first).take(at_most);
        lines.extend(shown.map(|(nth, reason)| {
            let entry = catalogue::of(reason.total.reason);
            let mark = if nth == explained && row.reasons.len() > 1 { ">" } else { " " };
            let style = if reason.rate > 0.0 { theme.bad() } else { ratatui::style::Style::new() };
            let inferred = match reason.total.inferred {
                0 => String::new(),
                inferred => format!(" ({inferred} inferred)"),
            };
            let text = format!("{}  {}{inferred}", left(entry.slug, 28, glyphs), entry.headline);
            Line::from(vec![
                Span::raw(mark),
                Span::styled(right(&rate(reason.rate), 7, glyphs), style),
                Span::raw(format!(" {}  ", right(&count(reason.total.count), 7, glyphs))),
                Span::raw(fit(&text, width.saturating_sub(18), glyphs)),
            ])
        }));
        lines
    }

    /// What to do, and as far as there is room, what happened and what the client sees.
    fn advice(&self, (width, at_most): (usize, usize)) -> Vec<Line<'static>> {
        let Self { row, explained, theme } = *self;
        let Some(reason) = row.reasons.get(explained) else { return Vec::new() };
        let entry = catalogue::of(reason.total.reason);
        let said = |title: &str, text: &str| -> Vec<Line<'static>> {
            let indent = columns(title) + 3;
            let wrapped = wrap(text, width.saturating_sub(indent + 1)).into_iter();
            let line = |(nth, text): (usize, String)| {
                let title = if nth == 0 { format!(" {title}: ") } else { " ".repeat(indent) };
                Line::from(vec![Span::styled(title, theme.title()), Span::raw(text)])
            };
            wrapped.enumerate().map(line).collect()
        };
        let mut lines = said("What to do", entry.remedy);
        lines.truncate(at_most);
        for (title, text) in [("What happened", entry.what_happened), ("Its client", entry.client)]
        {
            let more = said(title, text);
            if lines.len() + more.len() <= at_most {
                lines.extend(more);
            }
        }
        lines
    }

    fn clients(&self, (width, at_most): (usize, usize)) -> Vec<Line<'static>> {
        let Self { row, theme, .. } = *self;
        if row.clients.is_empty() || at_most < 2 {
            return Vec::new();
        }
        let title =
            format!(" {:<8} {:<21} {:<28} {:<9} SYN-Q", "LAST", "CLIENT", "REASON", "ACCEPT-Q");
        let mut lines = vec![Line::styled(fit(&title, width, theme.glyphs), theme.title())];
        lines.extend(
            row.clients
                .iter()
                .take(at_most - 1)
                .map(|client| Line::raw(fit(&client_line(client, theme), width, theme.glyphs))),
        );
        lines
    }
}

fn client_line(Client { time, drop }: &Client, theme: &Theme) -> String {
    let dash = || "-".to_owned();
    format!(
        " {} {:<21} {:<28} {:<9} {}",
        clock(*time, &theme.zone),
        drop.packet.map_or_else(dash, |packet| packet.peer.to_string()),
        with_attempt(drop, catalogue::of(drop.reason).slug),
        accept_queue(drop).unwrap_or_else(dash),
        syn_queue(drop).unwrap_or_else(dash),
    )
}
