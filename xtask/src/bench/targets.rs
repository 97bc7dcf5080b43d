//! What syndrop wants to reach, and whether it does.

use boundary::bench::Workload;

use super::figures::{Figures, Sheet};
use super::loads::Row;

/// A figure and the most that it should be.
pub(crate) struct Target {
    what: &'static str,
    /// The row of the table that it is about.
    contender: &'static str,
    figure: Figure,
    limit: f64,
}

/// Which figure of a row.
enum Figure {
    /// Instructions added to a packet or a connection.
    Added(Workload),
    /// Milliseconds of instructions until it traces.
    Start,
    /// Its peak memory in MB.
    Memory,
    /// Lost events.
    Lost,
}

pub(crate) const TARGETS: &[Target] = &[
    Target {
        what: "instructions for a dropped SYN with fentry, totals exact",
        contender: "syndrop",
        figure: Figure::Added(Workload::AcceptQueueFull),
        limit: 800.0,
    },
    Target {
        what: "instructions for a dropped SYN with kprobes",
        contender: "syndrop --attach kprobe",
        figure: Figure::Added(Workload::AcceptQueueFull),
        limit: 2000.0,
    },
    Target {
        what: "instructions for a healthy connection with fentry",
        contender: "syndrop",
        figure: Figure::Added(Workload::Healthy),
        limit: 1150.0,
    },
    Target {
        what: "instructions for a healthy connection with kprobes",
        contender: "syndrop --attach kprobe",
        figure: Figure::Added(Workload::Healthy),
        limit: 3800.0,
    },
    Target {
        what: "instructions for a dropped SYN with a line for each",
        contender: "syndrop --detail all",
        figure: Figure::Added(Workload::AcceptQueueFull),
        limit: 3000.0,
    },
    Target {
        what: "lines lost then",
        contender: "syndrop --detail all",
        figure: Figure::Lost,
        limit: 0.0,
    },
    Target {
        what: "ms of instructions until it traces",
        contender: "syndrop",
        figure: Figure::Start,
        limit: 250.0,
    },
    Target { what: "MB at most", contender: "syndrop", figure: Figure::Memory, limit: 20.0 },
];

/// How it stands with a target.
pub(crate) struct Standing {
    pub(crate) what: &'static str,
    pub(crate) contender: &'static str,
    pub(crate) limit: f64,
    /// None where the row was not measured.
    pub(crate) reached: Option<f64>,
}

impl Standing {
    /// Whether it is met.
    pub(crate) fn word(&self) -> &'static str {
        match self.reached {
            Some(reached) if reached <= self.limit => "met",
            Some(_) => "not met",
            None => "not measured",
        }
    }
}

/// All of them.
pub(crate) fn standings(sheet: &Sheet, loads: &[&Row]) -> Vec<Standing> {
    let standing = |target: &Target| Standing {
        what: target.what,
        contender: target.contender,
        limit: target.limit,
        reached: target.reached(sheet, loads),
    };
    TARGETS.iter().map(standing).collect()
}

impl Target {
    fn reached(&self, sheet: &Sheet, loads: &[&Row]) -> Option<f64> {
        let row = sheet.rows.iter().find(|row| row.contender.name == self.contender)?;
        match self.figure {
            Figure::Added(workload) => {
                let place = loads.iter().position(|load| load.workload == workload)?;
                added(row, sheet.nothing()?, place)
            }
            Figure::Start => Some(row.start_ms()),
            Figure::Memory => Some(row.peak_mb()),
            Figure::Lost => Some(row.lost_events()),
        }
    }
}

fn added(row: &Figures, nothing: &Figures, place: usize) -> Option<f64> {
    Some(row.costs.get(place)?.each - nothing.costs.get(place)?.each)
}
