//! What the probes cost, in the summary.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::cost::{Cost, ProgramCost};

/// All programs, the costliest first.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct CostLine<'a> {
    pub runs: u64,
    pub run_s: f64,
    /// Of one CPU: 1 is all of it.
    pub cpu_share: f64,
    pub programs: Vec<ProgramCostLine<'a>>,
}

/// One program.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the published format")]
pub struct ProgramCostLine<'a> {
    pub program: Cow<'a, str>,
    pub runs: u64,
    pub run_s: f64,
}

impl<'a> From<&'a Cost> for CostLine<'a> {
    fn from(cost: &'a Cost) -> Self {
        let line = |it: &'a ProgramCost| ProgramCostLine {
            program: it.program.as_str().into(),
            runs: it.runs,
            run_s: it.time.as_secs_f64(),
        };
        Self {
            runs: cost.runs(),
            run_s: cost.time().as_secs_f64(),
            cpu_share: (cost.share() * 1e6).round() / 1e6,
            programs: cost.programs.iter().map(line).collect(),
        }
    }
}
