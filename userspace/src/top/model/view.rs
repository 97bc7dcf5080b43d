//! How the board is looked at: what of it, in which order, and where the eye rests.

use std::cmp::Ordering;

use clap::ValueEnum;

use super::board::Board;
use super::row::{Key, Row, Standing};
use crate::catalogue;

/// What rows are sorted by; what is worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SortBy {
    /// Drops since the start
    #[default]
    Drops,
    /// Drops a second
    Rate,
    /// The accept queue, the fullest first
    AcceptQueue,
    /// The SYN queue, the fullest first
    SynQueue,
    /// Port and address
    Address,
    /// The owner's name
    Owner,
}

impl SortBy {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drops => "drops",
            Self::Rate => "drops/s",
            Self::AcceptQueue => "accept queue",
            Self::SynQueue => "SYN queue",
            Self::Address => "address",
            Self::Owner => "owner",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Drops => Self::Rate,
            Self::Rate => Self::AcceptQueue,
            Self::AcceptQueue => Self::SynQueue,
            Self::SynQueue => Self::Address,
            Self::Address => Self::Owner,
            Self::Owner => Self::Drops,
        }
    }
}

/// How it is looked at.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch with a key of its own")]
pub struct View {
    /// What rows are sorted by.
    pub sort: SortBy,
    /// Whether the least comes first.
    pub reversed: bool,
    /// Only rows that have this in them.
    pub needle: String,
    /// Whether the needle is being typed.
    pub editing: bool,
    /// Only rows that have drops.
    pub only_drops: bool,
    /// Whether the pane with details is shown.
    pub detail: bool,
    /// Whether the help is shown instead of everything.
    pub help: bool,
    /// The row that was chosen; the first one if nothing was.
    selected: Option<Key>,
    /// Which of its reasons is explained.
    reason: usize,
}

impl View {
    pub(super) fn new(sort: SortBy) -> Self {
        Self {
            sort,
            reversed: false,
            needle: String::new(),
            editing: false,
            only_drops: false,
            detail: true,
            help: false,
            selected: None,
            reason: 0,
        }
    }

    /// The rows that are shown, in their order.
    pub(super) fn arrange<'a>(&self, board: &'a Board) -> Vec<&'a Row> {
        let needle = self.needle.to_lowercase();
        let mut rows: Vec<&Row> =
            board.rows().filter(|row| !self.only_drops || row.drops > 0).collect();
        rows.retain(|row| needle.is_empty() || has(row, &needle));
        rows.sort_by(|one, other| {
            let order = self.compare(one, other);
            let order = if self.reversed { order.reverse() } else { order };
            order.then_with(|| place(one).cmp(&place(other)))
        });
        rows
    }

    fn compare(&self, one: &Row, other: &Row) -> Ordering {
        match self.sort {
            SortBy::Drops => other.drops.cmp(&one.drops),
            SortBy::Rate => other.rate.total_cmp(&one.rate),
            SortBy::AcceptQueue => fullness(other.accept_fill(), one.accept_fill()),
            SortBy::SynQueue => fullness(other.syn_fill(), one.syn_fill()),
            SortBy::Address => place(one).cmp(&place(other)),
            SortBy::Owner => owner(one).cmp(&owner(other)),
        }
    }

    /// The place of the chosen row among those that are shown.
    pub fn selected(&self, rows: &[&Row]) -> usize {
        let place = |key| rows.iter().position(|row| row.key() == key);
        self.selected.and_then(place).unwrap_or(0)
    }

    /// Which of the reasons of a row is explained.
    pub fn reason(&self, row: &Row) -> usize {
        self.reason.min(row.reasons.len().saturating_sub(1))
    }

    /// Chooses the row that is so many further down. At the top, whatever is first is chosen.
    pub(super) fn step(&mut self, board: &Board, by: isize) {
        let rows = self.arrange(board);
        let place = self.selected(&rows).saturating_add_signed(by);
        let place = place.min(rows.len().saturating_sub(1));
        self.selected = rows.get(place).filter(|_| place > 0).map(|row| row.key());
        self.reason = 0;
    }

    pub(super) fn next_reason(&mut self, board: &Board, by: isize) {
        let rows = self.arrange(board);
        let Some(row) = rows.get(self.selected(&rows)) else { return };
        self.reason = self.reason(row).saturating_add_signed(by);
        self.reason = self.reason(row);
    }

    pub(super) fn next_sort(&mut self) {
        self.sort = self.sort.next();
        self.reversed = false;
    }
}

impl Row {
    /// How full its accept queue is: it holds one more than its limit.
    pub fn accept_fill(&self) -> Option<f64> {
        let queue = self.accept.filter(|_| self.standing != Standing::Closed)?;
        Some(f64::from(queue.len) / (f64::from(queue.limit) + 1.0))
    }

    /// How full its SYN queue is.
    pub fn syn_fill(&self) -> Option<f64> {
        self.accept_fill()?;
        let (len, limit) = (self.syn_len?, self.accept?.limit);
        Some(f64::from(len) / f64::from(limit).max(1.0))
    }
}

/// What is unknown is less than anything.
fn fullness(one: Option<f64>, other: Option<f64>) -> Ordering {
    one.unwrap_or(-1.0).total_cmp(&other.unwrap_or(-1.0))
}

fn place(row: &Row) -> impl Ord + use<> {
    (row.id.bound.map(|bound| (bound.port(), bound.ip())), row.id.netns, row.key())
}

/// What nobody is known to hold comes last.
fn owner(row: &Row) -> impl Ord + use<> {
    (row.owner.comm.is_none(), row.owner.comm.clone(), row.owner.pid)
}

fn has(row: &Row, needle: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(needle);
    let owner = &row.owner;
    let texts = [&owner.comm, &owner.cgroup, &owner.container];
    row.id.bound.is_some_and(|bound| has(&bound.to_string()))
        || row.id.netns.is_some_and(|netns| has(&netns.to_string()))
        || owner.pid.is_some_and(|pid| has(&pid.to_string()))
        || texts.into_iter().flatten().any(|text| has(text))
        || row.reasons.iter().any(|reason| has(catalogue::of(reason.total.reason).slug))
}
