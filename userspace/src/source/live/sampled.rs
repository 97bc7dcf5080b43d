//! Refused clients that cannot be followed because events of their listener were sampled out.

use std::collections::HashMap;

use super::LiveError;
use super::refused::Clients;
use super::table::Table;
use super::waiting::Waiting;
use crate::decode::Bucket;
use crate::source::Event;

/// How much of each row had been sampled out by the latest look.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    known: HashMap<Bucket, u64>,
    /// How much of all rows had.
    all: u64,
    left: bool,
}

impl Sampled {
    /// Follows no clients of listeners of which events were held back since the last time: these
    /// may have been the ones that say that a client came again, or got in.
    ///
    /// The table is read only if there are any: see [`super::HOLES_AFTER`].
    pub(super) fn forget(
        &mut self,
        clients: &Clients,
        table: &Table,
        waiting: &mut Waiting,
    ) -> Result<(), LiveError> {
        let all = clients.sampled_out()?;
        if all == self.all {
            return Ok(());
        }
        self.all = all;
        for row in table.rows()?.iter().filter(|row| row.sampled_out != 0) {
            let known = self.known.insert(row.bucket, row.sampled_out).unwrap_or(0);
            if known != row.sampled_out {
                waiting.hole_at(&row.bucket.listener);
                self.left = true;
            }
        }
        Ok(())
    }

    /// What is to be said of that at the end.
    pub(super) fn note(&self) -> Option<Event> {
        let note = "events were sampled out, so not every refused client was followed; \
                    client-gone is a lower bound, --detail all follows them all";
        self.left.then(|| Event::Note(note.to_owned()))
    }
}
