//! What each key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::{Model, Then};

/// Rows that a page is taken for; how many are shown only the screen knows.
const PAGE: isize = 10;
/// More rows than there are.
const FAR: isize = isize::MAX / 2;
/// Characters of a needle.
const NEEDLE: usize = 60;

/// Keys and what they do, for the help.
pub(crate) const HELP: &[(&str, &str)] = &[
    ("Up Down k j", "choose a listener"),
    ("PgUp PgDn Home End", "further; Home: whatever is first"),
    ("Left Right", "explain another reason of it"),
    ("Enter d", "show or hide its details"),
    ("s", "sort by something else, see the line below"),
    ("r", "reverse the order"),
    ("/", "only rows with a text in address, owner or reason"),
    ("z", "only listeners with drops"),
    ("p Space", "pause: the picture stands still, counting goes on"),
    ("?", "this help"),
    ("q Ctrl-C", "quit"),
];

pub(super) fn typed(model: &mut Model, key: KeyEvent) -> Then {
    if key.kind == KeyEventKind::Release {
        return Then::GoOn;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Then::Quit,
            KeyCode::Char('z') => Then::Suspend,
            KeyCode::Char('u') if model.view.editing => {
                model.view.needle.clear();
                Then::GoOn
            }
            _ => Then::GoOn,
        };
    }
    if model.view.editing {
        edit(model, key.code);
        return Then::GoOn;
    }
    if model.view.help {
        model.view.help = false;
        return Then::GoOn;
    }
    command(model, key.code)
}

fn edit(model: &mut Model, code: KeyCode) {
    let view = &mut model.view;
    match code {
        KeyCode::Enter => view.editing = false,
        KeyCode::Esc => {
            view.editing = false;
            view.needle.clear();
        }
        KeyCode::Backspace => {
            view.needle.pop();
        }
        KeyCode::Char(c) if !c.is_control() && view.needle.chars().count() < NEEDLE => {
            view.needle.push(c);
        }
        _ => {}
    }
}

fn command(model: &mut Model, code: KeyCode) -> Then {
    match code {
        KeyCode::Char('q') => return Then::Quit,
        KeyCode::Char('?' | 'h') | KeyCode::F(1) => model.view.help = true,
        KeyCode::Char('p' | ' ') => model.pause(),
        KeyCode::Esc => model.view.needle.clear(),
        KeyCode::Char('/') => model.view.editing = true,
        KeyCode::Char('s') => model.view.next_sort(),
        KeyCode::Char('r') => model.view.reversed = !model.view.reversed,
        KeyCode::Char('z') => model.view.only_drops = !model.view.only_drops,
        KeyCode::Enter | KeyCode::Char('d') => model.view.detail = !model.view.detail,
        KeyCode::Up | KeyCode::Char('k') => step(model, -1),
        KeyCode::Down | KeyCode::Char('j') => step(model, 1),
        KeyCode::PageUp => step(model, -PAGE),
        KeyCode::PageDown => step(model, PAGE),
        KeyCode::Home | KeyCode::Char('g') => step(model, -FAR),
        KeyCode::End | KeyCode::Char('G') => step(model, FAR),
        KeyCode::Left => reason(model, -1),
        KeyCode::Right => reason(model, 1),
        _ => {}
    }
    Then::GoOn
}

fn step(model: &mut Model, by: isize) {
    let board = model.frozen.as_deref().unwrap_or(&model.live);
    model.view.step(board, by);
}

fn reason(model: &mut Model, by: isize) {
    let board = model.frozen.as_deref().unwrap_or(&model.live);
    model.view.next_reason(board, by);
}
