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
    /// Why it is as far off as it is, where it is not met.
    why: &'static str,
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

const HEALTHY: &str = "a connection passes nine functions whose result names a reason. Hooked by \
     programs that do nothing they take 1270 instructions by fentry and fexit, 5940 by kprobes and \
     kretprobes (what one such function takes, added up); syndrop's own programs do some 550";

const EACH_LINE: &str = "syndrop's process takes two fifths of it: it decodes, aggregates, formats and \
     writes a line; the rest is the record: what it says of packet, listener and queues is read, \
     its client is looked up among 65,536, and it goes through the ring";

const START: &str = "some forty hooks, and for each the kernel goes through all functions that ftrace \
     knows, several times (kernel/trace/ftrace.c): 9 ms each on 6.12. Of the rest half is the verifier, \
     and half the kernel's types and the making of tables";

pub(crate) const TARGETS: &[Target] = &[
    Target {
        what: "instructions for a dropped SYN with fentry, totals exact",
        contender: "syndrop",
        figure: Figure::Added(Workload::AcceptQueueFull),
        limit: 800.0,
        why: "an fexit on one function and an fentry on another take 314 if they do nothing",
    },
    Target {
        what: "instructions for a dropped SYN with kprobes",
        contender: "syndrop --attach kprobe",
        figure: Figure::Added(Workload::AcceptQueueFull),
        limit: 2000.0,
        why: "a kprobe and a kretprobe on one function and a kprobe on another take 1240 if they do \
              nothing",
    },
    Target {
        what: "instructions for a healthy connection with fentry",
        contender: "syndrop",
        figure: Figure::Added(Workload::Healthy),
        limit: 1150.0,
        why: HEALTHY,
    },
    Target {
        what: "instructions for a healthy connection with kprobes",
        contender: "syndrop --attach kprobe",
        figure: Figure::Added(Workload::Healthy),
        limit: 3800.0,
        why: HEALTHY,
    },
    Target {
        what: "instructions for a dropped SYN with a line for each",
        contender: "syndrop --detail all",
        figure: Figure::Added(Workload::AcceptQueueFull),
        limit: 3000.0,
        why: EACH_LINE,
    },
    Target {
        what: "lines lost then",
        contender: "syndrop --detail all",
        figure: Figure::Lost,
        limit: 0.0,
        why: "the ring was full",
    },
    Target {
        what: "ms of instructions until it traces",
        contender: "syndrop",
        figure: Figure::Start,
        limit: 250.0,
        why: START,
    },
    Target {
        what: "MB at most",
        contender: "syndrop",
        figure: Figure::Memory,
        limit: 20.0,
        why: "most of it is the object and what is read of the kernel's types",
    },
];

/// How it stands with a target.
pub(crate) struct Standing {
    pub(crate) what: &'static str,
    pub(crate) contender: &'static str,
    pub(crate) limit: f64,
    /// Why not, if it is not met.
    pub(crate) why: &'static str,
    /// None where the row was not measured.
    pub(crate) reached: Option<f64>,
}

impl Standing {
    /// Whether it was measured and is not met.
    pub(crate) fn is_missed(&self) -> bool {
        self.reached.is_some_and(|reached| reached > self.limit)
    }

    /// Whether it is met.
    pub(crate) fn word(&self) -> &'static str {
        match self.reached {
            Some(_) if self.is_missed() => "not met",
            Some(_) => "met",
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
        why: target.why,
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
