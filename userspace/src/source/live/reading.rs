//! What is taken from the ring: records become events, and holes are told.

use ebpf_probes::Loss;
use jiff::Timestamp;

use super::refused::boot_ns;
use super::{BATCH, FULL_RING, Live, LiveError};
use crate::decode::{self, SynDrop};
use crate::filter;
use crate::source::{Event, Lost};

impl Live {
    /// Passes an event on, unless the user did not ask for it.
    pub(super) fn show(&self, drop: &SynDrop, into: &mut Vec<Event>) {
        if self.waiting.is_none() || filter::shows(&self.filter, drop) {
            into.push(Event::Drop(*drop));
        }
    }

    /// Takes what is in the ring; says whether there was anything.
    pub(super) fn drain(&mut self, into: &mut Vec<Event>) -> Result<bool, LiveError> {
        let mut taken = 0;
        while taken < BATCH {
            let record = self.ring.get_mut().next().map(|record| decode::record(&record));
            let Some(decoded) = record else { break };
            taken += 1;
            match decoded {
                Ok(drop) => {
                    let gone = self.waiting.as_mut().and_then(|waiting| waiting.see(&drop));
                    self.show(&drop, into);
                    if let Some(gone) = gone {
                        self.show(&gone, into);
                    }
                }
                Err(_) => self.undecodable += 1,
            }
        }
        // What is in the ring may say that a client got in, which therefore comes first.
        if taken < BATCH {
            taken += self.expire(into)?;
        }
        if let Some(diagnostics) = &mut self.diagnostics {
            diagnostics.flush();
        }
        Ok(taken != 0)
    }

    /// Tells of clients that are gone by now; says of how many.
    pub(super) fn expire(&mut self, into: &mut Vec<Event>) -> Result<usize, LiveError> {
        let Some(waiting) = &mut self.waiting else { return Ok(0) };
        let now = boot_ns();
        if waiting.next_due().is_none_or(|due| due > now) {
            return Ok(0);
        }
        self.sampled.forget(&self.clients, &self.table, waiting)?;
        let gone = waiting.expire(now);
        for gone in &gone {
            self.show(gone, into);
        }
        Ok(gone.len())
    }

    /// Takes all that is in the ring, or as much as it holds if more keeps coming.
    pub(super) fn empty(&mut self, into: &mut Vec<Event>) -> Result<(), LiveError> {
        for _ in 0..FULL_RING {
            if !self.drain(into)? {
                break;
            }
        }
        Ok(())
    }

    /// Says where the stream has a hole since the last time.
    pub(super) fn holes(&mut self, into: &mut Vec<Event>) -> Result<(), LiveError> {
        let lost = self.lost(Loss::RingFull)? + self.undecodable;
        if lost > self.lost_told {
            into.push(Event::Lost(Lost { events: lost - self.lost_told, since: self.whole_since }));
            self.lost_told = lost;
            if let Some(waiting) = &mut self.waiting {
                waiting.hole();
            }
        }
        self.whole_since = Timestamp::now();
        self.look_for_holes = None;
        Ok(())
    }
}
