//! The help: keys, columns, and what the user should know about this run.

use ratatui::text::{Line, Span};

use super::figures::{left, wrap};
use super::theme::Theme;
use crate::render::Foreign;
use crate::top::model::{Board, HELP};

const COLUMNS: &[(&str, &str)] = &[
    ("ACCEPT-Q", "connections that wait for accept() / or > the limit"),
    ("SYN-Q", "half-open connections, and the same limit"),
    ("DROPS/S DROPS", "lately, and since the start; always exact"),
    ("TREND", "drops of the latest intervals, the latest at the right"),
];

/// All of it.
pub(super) fn lines(board: &Board, width: usize, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (title, rows) in [("Keys", HELP), ("Columns", COLUMNS)] {
        lines.push(Line::styled(format!(" {title}"), theme.title()));
        lines.extend(rows.iter().map(|(name, does)| {
            let name = left(name, 21, theme.glyphs);
            Line::from(vec![Span::raw(format!("   {name}")), Span::styled(*does, theme.dim())])
        }));
    }
    if !board.notes.is_empty() {
        lines.push(Line::styled(" To know about this run", theme.title()));
    }
    for note in board.notes.iter().rev() {
        let wrapped = wrap(&Foreign(note).to_string(), width.saturating_sub(6));
        lines.extend(wrapped.into_iter().enumerate().map(|(nth, text)| {
            Line::raw(if nth == 0 { format!("   {text}") } else { format!("     {text}") })
        }));
    }
    lines
}
