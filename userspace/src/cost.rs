//! What the probes cost: how often they ran and for how long, by the kernel's own measure.
//!
//! The kernel measures that only while somebody asks for it (`--stats`), so it may be unknown.

use std::cmp::Reverse;
use std::time::Duration;

/// What one program cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramCost {
    /// Its name in the BPF object.
    pub program: String,
    /// How often it ran, on all CPUs together.
    pub runs: u64,
    /// How long it ran, on all CPUs together.
    pub time: Duration,
}

/// What all of them cost.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cost {
    /// How long that was measured.
    pub span: Duration,
    /// Those that ran, the costliest first.
    pub programs: Vec<ProgramCost>,
}

impl Cost {
    /// Of programs that were measured for so long.
    pub fn of(span: Duration, mut programs: Vec<ProgramCost>) -> Self {
        programs.retain(|program| program.runs > 0);
        programs.sort_by(|one, other| {
            let place = |it: &ProgramCost| (Reverse((it.time, it.runs)), it.program.clone());
            place(one).cmp(&place(other))
        });
        Self { span, programs }
    }

    /// How often they ran.
    pub fn runs(&self) -> u64 {
        self.programs.iter().fold(0, |sum, program| sum.saturating_add(program.runs))
    }

    /// How long they ran, on all CPUs together.
    pub fn time(&self) -> Duration {
        let times = self.programs.iter().map(|program| program.time);
        times.fold(Duration::ZERO, Duration::saturating_add)
    }

    /// How much of the time of one CPU that is: 1 is all of it, and two CPUs can make it 2.
    pub fn share(&self) -> f64 {
        if self.span.is_zero() { 0.0 } else { self.time().as_secs_f64() / self.span.as_secs_f64() }
    }
}

/// The time that a run took on average, of so many in so long.
pub fn each(time: Duration, runs: u64) -> Duration {
    let ns = time.as_nanos().checked_div(runs.into()).unwrap_or(0);
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cost, ProgramCost, each};

    fn program(name: &str, runs: u64, ms: u64) -> ProgramCost {
        ProgramCost { program: name.to_owned(), runs, time: Duration::from_millis(ms) }
    }

    #[test]
    fn what_ran_adds_up_and_the_costliest_comes_first() {
        let programs = vec![program("b", 1, 5), program("idle", 0, 0), program("a", 9, 20)];
        let cost = Cost::of(Duration::from_secs(10), programs);
        let names: Vec<_> = cost.programs.iter().map(|it| it.program.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((cost.runs(), cost.time()), (10, Duration::from_millis(25)));
        assert!((cost.share() - 0.0025).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_divided_by_nothing() {
        assert!(Cost::default().share().abs() < 1e-9);
        assert_eq!(each(Duration::from_secs(1), 0), Duration::ZERO);
        assert_eq!(each(Duration::from_micros(10), 4), Duration::from_nanos(2500));
    }
}
