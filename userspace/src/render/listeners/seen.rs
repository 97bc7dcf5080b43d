//! What tracing told of one listener of the table.

use crate::decode::ListenerId;
use crate::latency::Quantiles;
use crate::source::live::SoFar;

/// What is not traced is unknown.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Drops so far.
    pub(super) drops: Option<u64>,
    /// What was given to `listen()`.
    pub(super) asked: Option<u32>,
    /// How long its connections waited, if any was accepted.
    pub(super) waited: Option<Quantiles>,
}

impl Seen {
    /// What there is of this listener.
    pub(super) fn of(so_far: Option<&SoFar>, listener: &ListenerId) -> Self {
        let Some(so_far) = so_far else { return Self::default() };
        let key = SoFar::key(listener);
        Self {
            drops: Some(so_far.drops.get(&key).copied().unwrap_or(0)),
            asked: so_far.backlogs.of(listener),
            waited: so_far.waited.as_ref().and_then(|waited| waited.get(&key)).copied(),
        }
    }
}
