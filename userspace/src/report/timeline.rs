//! Time in bins: as many as a chart can show, as wide as it takes.
//!
//! How long a recording is shows only at its end. So the bins begin narrow, and whenever a moment
//! lies beyond the last one, some are merged into one of the next width.

use std::collections::BTreeMap;

use ebpf_probes::Reason;
use jiff::{SignedDuration, Timestamp};

use super::Peak;

/// Bins that a chart shows at most.
pub(super) const BINS_MAX: usize = 240;

/// Widths in ms, each a multiple of the one before; after the last each is twice the one before.
const WIDTHS_MS: [u64; 15] = [
    10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000,
    10_800_000, 21_600_000,
];

/// How full the queues of one listener were while a bin lasted, at the moments of its drops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queues {
    /// The longest accept queue.
    pub accept: Option<Peak>,
    /// The longest SYN queue.
    pub syn: Option<Peak>,
    /// Drops of the listener.
    pub drops: u64,
}

impl Queues {
    pub(super) fn add(&mut self, other: &Self) {
        self.accept = Peak::longer(self.accept, other.accept);
        self.syn = Peak::longer(self.syn, other.syn);
        self.drops += other.drops;
    }
}

/// What happened while a bin lasted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bin {
    /// Drops by reason.
    pub drops: BTreeMap<Reason, u64>,
    /// Drops that have no event; the stream was whole until some moment of this bin.
    pub lost: u64,
    /// Queues by the place of the listener.
    pub queues: BTreeMap<usize, Queues>,
}

impl Bin {
    /// Drops of all reasons.
    pub fn count(&self) -> u64 {
        self.drops.values().sum()
    }

    fn add(&mut self, other: Self) {
        for (reason, count) in other.drops {
            *self.drops.entry(reason).or_default() += count;
        }
        self.lost += other.lost;
        for (place, queues) in other.queues {
            self.queues.entry(place).or_default().add(&queues);
        }
    }
}

/// Bins of equal width, from a beginning on.
#[derive(Debug, Default)]
pub struct Timeline {
    origin: Option<Timestamp>,
    width_ms: u64,
    /// The bins up to the last that something is known of.
    pub bins: Vec<Bin>,
}

impl Timeline {
    /// Bins from this moment on, else from that of the first event.
    pub fn new(origin: Option<Timestamp>) -> Self {
        Self { origin, width_ms: WIDTHS_MS[0], bins: Vec::new() }
    }

    /// Where the first bin begins.
    pub const fn origin(&self) -> Option<Timestamp> {
        self.origin
    }

    /// How long each bin lasts.
    pub fn width(&self) -> SignedDuration {
        SignedDuration::from_millis(i64::try_from(self.width_ms).unwrap_or(i64::MAX))
    }

    /// When a bin begins.
    pub fn time(&self, nth: usize) -> Option<Timestamp> {
        let nth = i32::try_from(nth).ok()?;
        self.origin?.checked_add(self.width().checked_mul(nth)?).ok()
    }

    /// The bin of a moment. One before the beginning counts to the first.
    pub fn at(&mut self, time: Timestamp) -> &mut Bin {
        let origin = *self.origin.get_or_insert(time);
        let offset_ms = time.duration_since(origin).as_millis();
        let offset_ms = u64::try_from(offset_ms.max(0)).unwrap_or(u64::MAX);
        if self.width_ms == 0 {
            self.width_ms = WIDTHS_MS[0];
        }
        let nth = loop {
            match usize::try_from(offset_ms / self.width_ms) {
                Ok(nth) if nth < BINS_MAX => break nth,
                _ => self.widen(),
            }
        };
        if nth >= self.bins.len() {
            self.bins.resize_with(nth + 1, Bin::default);
        }
        &mut self.bins[nth]
    }

    fn widen(&mut self) {
        let wider = WIDTHS_MS.iter().copied().find(|&width| width > self.width_ms);
        let wider = wider.unwrap_or_else(|| self.width_ms.saturating_mul(2));
        let ratio = usize::try_from(wider / self.width_ms).unwrap_or(2).max(2);
        let mut bins = std::mem::take(&mut self.bins).into_iter();
        while let Some(mut bin) = bins.next() {
            bins.by_ref().take(ratio - 1).for_each(|next| bin.add(next));
            self.bins.push(bin);
        }
        self.width_ms = wider;
    }
}
