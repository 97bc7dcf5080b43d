//! From what guests measured to figures: medians of the boots, and how far these lie apart.

use boundary::bench::{Outcome, Program, Taken, ToolOutcome};

use super::contenders::Contender;
use super::loads::Row;
use crate::kernels::Kernel;

/// All figures of a kernel.
pub(crate) struct Sheet {
    /// What `uname -r` says.
    pub(crate) release: String,
    pub(crate) rows: Vec<Figures>,
    /// Who could not be measured, and why.
    pub(crate) missing: Vec<(&'static Contender, String)>,
}

/// The figures of a contender.
pub(crate) struct Figures {
    pub(crate) contender: &'static Contender,
    /// In the order of the loads.
    pub(crate) costs: Vec<Cost>,
    /// Instructions of its processes until it traced, in the median boot.
    start: u64,
    /// The guest's clock until then, in nanoseconds.
    start_wall: u64,
    peak_kib: u64,
    /// Bytes of the program and its libraries.
    size: u64,
    pub(crate) lost: u64,
    pub(crate) lines: u64,
}

/// Instructions for each SYN or connection.
pub(crate) struct Cost {
    /// All of them.
    pub(crate) each: f64,
    /// Of these, the tool's own processes.
    pub(crate) of_tool: f64,
    /// Between the cheapest and the dearest boot, as a part of the whole.
    pub(crate) spread: f64,
    /// By BPF program in the first boot: runs and instructions for each.
    pub(crate) programs: Vec<(String, f64, f64)>,
}

impl Sheet {
    /// An empty one.
    pub(crate) fn new(kernel: &Kernel) -> Self {
        Self { release: kernel.release.clone(), rows: Vec::new(), missing: Vec::new() }
    }

    pub(crate) fn add(&mut self, figures: Figures) {
        self.rows.push(figures);
    }

    pub(crate) fn missing(&mut self, contender: &'static Contender, error: &anyhow::Error) {
        self.missing.push((contender, format!("{error:#}")));
    }

    /// How far boots lie apart, at most.
    pub(crate) fn widest(&self) -> f64 {
        self.widest_of(|_| true)
    }

    /// The same of some rows.
    pub(crate) fn widest_of(&self, rows: impl Fn(&Figures) -> bool) -> f64 {
        let costs = self.rows.iter().filter(|row| rows(row)).flat_map(|row| &row.costs);
        costs.map(|cost| cost.spread).fold(0.0, f64::max)
    }

    /// The row that others are compared with.
    pub(crate) fn nothing(&self) -> Option<&Figures> {
        self.rows.iter().find(|row| row.contender.is_nothing())
    }
}

impl Figures {
    /// Those of some boots of one contender, at least one.
    pub(crate) fn new(
        contender: &'static Contender,
        loads: &[&Row],
        outcomes: &[Outcome],
        size: u64,
    ) -> Self {
        let cost = |place| {
            let taken: Vec<&Taken> = outcomes.iter().map(|outcome| &outcome.loads[place]).collect();
            Cost::new(&taken)
        };
        let costs = (0..loads.len()).map(cost).collect();
        let of = |figure: fn(&ToolOutcome) -> u64| {
            median(outcomes.iter().filter_map(|outcome| outcome.tool.as_ref()).map(figure))
        };
        Self {
            contender,
            costs,
            start: of(|tool| tool.start),
            start_wall: of(|tool| tool.start_wall),
            peak_kib: of(|tool| tool.peak_kib),
            lost: of(|tool| tool.lost),
            lines: of(|tool| tool.lines),
            size,
        }
    }
}

impl Figures {
    pub(crate) fn start_ms(&self) -> f64 {
        precise(self.start) / 1e6
    }

    pub(crate) fn start_wall_ms(&self) -> f64 {
        precise(self.start_wall) / 1e6
    }

    pub(crate) fn peak_mb(&self) -> f64 {
        precise(self.peak_kib) * 1.024e-3
    }

    pub(crate) fn size_mb(&self) -> f64 {
        precise(self.size) / 1e6
    }

    pub(crate) fn lost_events(&self) -> f64 {
        precise(self.lost)
    }
}

impl Cost {
    fn new(taken: &[&Taken]) -> Self {
        let count = taken.first().map_or(1, |taken| taken.count);
        let each = |time: u64| precise(time) / f64::from(count);
        let whole = || taken.iter().map(|taken| taken.whole());
        let least = whole().min().unwrap_or_default();
        let most = whole().max().unwrap_or_default();
        let middle = median(whole());
        let of_tool = median(taken.iter().map(|taken| taken.tool_during + taken.tool_after));
        let program =
            |program: &Program| (program.name.clone(), each(program.runs), each(program.time));
        let programs = taken.first().map(|taken| taken.programs.iter().map(program).collect());
        Self {
            each: each(middle),
            of_tool: each(of_tool),
            spread: precise(most - least) / precise(middle),
            programs: programs.unwrap_or_default(),
        }
    }
}

fn median(figures: impl Iterator<Item = u64>) -> u64 {
    let mut sorted: Vec<u64> = figures.collect();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "figures stay far below 2^52")]
fn precise(figure: u64) -> f64 {
    figure as f64
}
