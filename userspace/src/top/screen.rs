//! The picture: a pure function of the model and the theme.
//!
//! From top to bottom: what and where, totals, the table, the details of the chosen listener, the
//! keys. What does not fit is left out from the least telling on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::model::Model;
use figures::fit;

mod columns;
mod detail;
mod figures;
mod header;
mod help;
mod table;
mod theme;

#[cfg(test)]
mod tests;

pub use theme::{Glyphs, Theme};

/// Below this nothing useful can be shown.
const SMALLEST: (u16, u16) = (60, 8);
/// Rows of a screen that has room for details.
const ROOM_FOR_DETAIL: u16 = 18;

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, model: &Model, theme: &Theme) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let (columns, rows) = SMALLEST;
        let text = format!("{columns}x{rows} at least, please; q quits");
        put(frame, area, 0, &Line::raw(fit(&text, area.width.into(), theme.glyphs)));
        return;
    }
    let keys = area.height - 1;
    if model.view.help {
        for (y, line) in (0..keys).zip(help::lines(model.board(), area.width.into(), theme)) {
            put(frame, area, y, &line);
        }
        put(frame, area, keys, &Line::styled(" any key goes back", theme.dim()));
        return;
    }
    let lines = header::lines(model, area.width.into(), theme);
    let header = u16::try_from(lines.len()).unwrap_or(keys);
    for (y, line) in (0..header).zip(&lines) {
        put(frame, area, y, line);
    }
    let rows = model.rows();
    let chosen = model.view.selected(&rows);
    let detail = detail_height(area.height, header, rows.len());
    let detail = detail.filter(|_| model.view.detail && !rows.is_empty());
    let table = keys - header - detail.unwrap_or(0);
    for (y, line) in
        (header..header + table).zip(table::lines(&rows, chosen, (area.width, table), model, theme))
    {
        put(frame, area, y, &line);
    }
    if let Some((height, row)) = detail.zip(rows.get(chosen)) {
        let size = (area.width.into(), height.into());
        let reason = model.view.reason(row);
        for (y, line) in (header + table..keys).zip(detail::lines(row, reason, size, theme)) {
            put(frame, area, y, &line);
        }
    }
    put(frame, area, keys, &keys_line(model, theme));
}

/// Rows of the pane with details, if there is room for one: what the table does not need, within
/// reason.
fn detail_height(height: u16, header: u16, rows: usize) -> Option<u16> {
    let table = u16::try_from(rows + 1).unwrap_or(u16::MAX);
    let spare = height.saturating_sub(header + 1).saturating_sub(table);
    let least = (height * 2 / 5 + 2).min(20);
    (height >= ROOM_FOR_DETAIL).then(|| spare.clamp(least, least.max(24)))
}

fn put(frame: &mut Frame<'_>, area: Rect, y: u16, line: &Line<'_>) {
    if y < area.height {
        frame.buffer_mut().set_line(area.x, area.y + y, line, area.width);
    }
}

fn keys_line(model: &Model, theme: &Theme) -> Line<'static> {
    let view = &model.view;
    if view.editing {
        let text = format!("{}_", view.needle);
        return Line::from(vec![
            Span::styled(" Filter: ", theme.title()),
            Span::raw(text),
            Span::styled("   Enter keeps it, Esc drops it", theme.dim()),
        ]);
    }
    let order = if view.reversed { ", reversed" } else { "" };
    let keys = [
        ("q", "quit".to_owned()),
        ("?", "help".to_owned()),
        ("s", format!("sort: {}{order}", view.sort.name())),
        ("/", if view.needle.is_empty() { "filter".into() } else { format!("={}", view.needle) }),
        ("z", if view.only_drops { "show all".into() } else { "only drops".into() }),
        ("p", if model.paused() { "go on".into() } else { "pause".into() }),
        ("d", "details".to_owned()),
    ];
    let mut spans = vec![Span::raw(" ")];
    for (key, does) in keys {
        spans.push(Span::styled(key, theme.title()));
        spans.push(Span::styled(format!(" {does}  "), theme.dim()));
    }
    Line::from(spans)
}
