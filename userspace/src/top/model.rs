//! What there is to see and how it is looked at. Nothing here knows a clock or a terminal: whoever
//! drives it says how much time went by.

use std::collections::HashMap;
use std::time::Duration;

use ratatui::crossterm::event::KeyEvent;

use crate::incident::Incident;

mod board;
mod history;
mod keys;
mod row;
mod view;

#[cfg(test)]
pub(super) mod sample;
#[cfg(test)]
mod tests;

pub(super) use board::LatelyCost;
pub use board::{Board, Look};
pub use history::History;
pub(super) use keys::HELP;
pub use row::{Client, Key, ReasonRow, Row, Standing};
pub use view::{SortBy, View};

/// What is to be done after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Go on.
    GoOn,
    /// Stop this process, as Ctrl-Z does.
    Suspend,
    /// End.
    Quit,
}

/// All of it.
#[derive(Debug)]
pub struct Model {
    live: Board,
    /// What is shown instead while it is paused.
    frozen: Option<Box<Board>>,
    /// How it is looked at.
    pub view: View,
}

impl Model {
    /// Nothing is known yet; `board` says what will be.
    pub fn new(board: Board, sort: SortBy) -> Self {
        Self { live: board, frozen: None, view: View::new(sort) }
    }

    /// A drop, or a notice that was asked for.
    pub fn incident(&mut self, incident: &Incident) {
        self.live.incident(incident);
    }

    /// Something that the user should know.
    pub fn note(&mut self, note: String) {
        self.live.note(note);
    }

    /// A look at all listeners and totals.
    pub fn look(&mut self, look: &Look<'_>) {
        self.live.look(look);
    }

    /// How long a connection lately waited in a listener's accept queue, if somebody measures it.
    pub fn accept_latency(&mut self, latencies: &HashMap<Key, Duration>) {
        self.live.accept_latency(latencies);
    }

    /// What is shown: what is known now, or was known when it was paused.
    pub fn board(&self) -> &Board {
        self.frozen.as_deref().unwrap_or(&self.live)
    }

    /// Whether what is shown stands still.
    pub fn paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// The rows that are shown, in their order.
    pub fn rows(&self) -> Vec<&Row> {
        self.view.arrange(self.board())
    }

    /// A key was typed.
    pub fn key(&mut self, key: KeyEvent) -> Then {
        keys::typed(self, key)
    }

    fn pause(&mut self) {
        self.frozen = match self.frozen {
            Some(_) => None,
            None => Some(Box::new(self.live.clone())),
        };
    }
}
