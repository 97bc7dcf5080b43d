//! What people and scripts get to see. Nothing outside this room puts anything into words for an
//! output; text and JSON are peers behind one trait.

use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;

use crate::cost::Cost;
use crate::incident::Incident;
use crate::latency::AcceptLatency;
use crate::reconcile::Line;
use crate::source::{Losses, Lost, Opening};
use crate::totals::Totals;

mod doctor;
mod draft;
mod explain;
mod finding;
mod foreign;
#[cfg(test)]
mod fuzz;
mod github;
mod html;
mod json;
mod junit;
mod listeners;
mod markdown;
mod metrics;
mod paragraph;
#[cfg(test)]
pub(crate) mod sample;
mod status;
mod text;

pub use doctor::{doctor, doctor_json};
pub use explain::{explain, explain_all, explain_json};
pub use foreign::Foreign;
pub use github::Github;
pub use html::Html;
pub use json::Json;
pub use junit::Junit;
pub use listeners::{Listeners, Table};
pub use markdown::Markdown;
pub use metrics::{Described, Exposition, METRICS};
pub use status::{
    blind_spots, causes, diagnostics_to_stderr, failure, note, notes, ready, verdict,
};
pub use text::Text;
pub(crate) use text::{OfOneCpu, accept_queue, reason, syn_queue};

/// Everything there is to say at the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How long it took.
    pub duration: Duration,
    /// What was dropped.
    pub totals: Totals,
    /// How that agrees with the kernel's counters.
    pub counters: Vec<Line>,
    /// What did not get through.
    pub losses: Losses,
    /// How long connections waited for `accept()`, if that was asked for.
    pub latency: Option<AcceptLatency>,
    /// What the probes cost, if that was asked for.
    pub cost: Option<Cost>,
}

/// A format of the data on stdout or in a file.
pub trait Render {
    /// Before the first drop.
    ///
    /// # Errors
    /// If it cannot be written; so do the others.
    fn opening(&mut self, out: &mut dyn Write, opening: &Opening) -> io::Result<()>;

    /// A drop.
    ///
    /// # Errors
    /// If it cannot be written.
    fn incident(&mut self, out: &mut dyn Write, incident: &Incident) -> io::Result<()>;

    /// A hole.
    ///
    /// # Errors
    /// If it cannot be written.
    fn lost(&mut self, out: &mut dyn Write, lost: &Lost) -> io::Result<()>;

    /// What the user is told on stderr meanwhile, for formats that have a place for it.
    fn note(&mut self, _: &str) {}

    /// How it stands by now. Formats that only report at the end pass over it.
    ///
    /// # Errors
    /// If it cannot be written.
    fn interval(&mut self, _: &mut dyn Write, _: Timestamp, _: &Summary) -> io::Result<()> {
        Ok(())
    }

    /// The end.
    ///
    /// # Errors
    /// If it cannot be written.
    fn summary(&mut self, out: &mut dyn Write, summary: &Summary) -> io::Result<()>;
}
