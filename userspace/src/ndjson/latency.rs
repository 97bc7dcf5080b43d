//! How long connections waited for `accept()`, in the summary and in the table of listeners.

use serde::{Deserialize, Serialize};

use super::{End, ListenerLine};
use crate::latency::Quantiles;

/// All listeners, the slowest first.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct AcceptLatencyLine<'a> {
    pub listeners: Vec<LatencyLine<'a>>,
    /// Connections that were accepted and not timed.
    pub untimed: u64,
}

/// The connections of one listener.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct LatencyLine<'a> {
    pub local: Option<End>,
    pub listener: ListenerLine<'a>,
    pub accepted: u64,
    #[serde(flatten)]
    pub quantiles: QuantilesLine,
}

/// In seconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct QuantilesLine {
    pub p50_s: f64,
    pub p90_s: f64,
    pub p99_s: f64,
    pub max_s: f64,
}

impl From<Quantiles> for QuantilesLine {
    fn from(quantiles: Quantiles) -> Self {
        let Quantiles { accepted: _, p50, p90, p99, max } = quantiles;
        Self {
            p50_s: p50.as_secs_f64(),
            p90_s: p90.as_secs_f64(),
            p99_s: p99.as_secs_f64(),
            max_s: max.as_secs_f64(),
        }
    }
}
