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
    pub(crate) start: u64,
    /// The guest's clock until then, in nanoseconds.
    pub(crate) start_wall: u64,
    pub(crate) peak_kib: u64,
    pub(crate) lost: u64,
    pub(crate) lines: u64,
    /// The last lines of what it wrote.
    pub(crate) tail: String,
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
        outcomes: Vec<Outcome>,
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
            tail: outcomes
                .into_iter()
                .find_map(|outcome| Some(outcome.tool?.tail))
                .unwrap_or_default(),
        }
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
