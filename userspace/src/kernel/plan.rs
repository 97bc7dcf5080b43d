//! What will be attached to the running kernel, and what the programs must know of it.
//!
//! The plan is made before anything is loaded. A program that the kernel then refuses is put on
//! the list of excluded ones and the plan is made again, so that the probes never believe in a
//! milestone that nobody watches.

use ebpf_probes::{Arg, Config, Counter, Field, Milestone, Reason};

use super::attach::{self, Attach, Means};
use super::btf::KernelBtf;
use super::direct::{self, Direct};
use super::fields::{self, CountersError, FIELDS, FieldError, Need};
use super::hooks::{self, Asked, Kind};
use super::layout::Layout;
use super::precision;

mod error;
mod hooking;
mod layout;

pub use error::{HookError, PlanError};

/// A program and the function to attach it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedProbe {
    /// Its name in the object.
    pub program: &'static str,
    /// The kernel function.
    pub target: String,
    /// At which end of it.
    pub kind: Kind,
    /// By which kind of probe.
    pub attach: Attach,
    /// Whether it only tells that the function was passed, in a call that other probes judge.
    pub milestone: bool,
    /// The program that it goes on with, if it does not do all by itself.
    pub goes_on: Option<GoesOn>,
}

/// A program that another one goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoesOn {
    /// Its name in the object.
    pub program: &'static str,
    /// The map in which it is found.
    pub map: &'static str,
}

/// A hook that would add precision and is not to be had on this kernel.
#[derive(Debug)]
pub struct MissingHook {
    /// Its first program.
    pub program: &'static str,
    /// The kernel function.
    pub target: &'static str,
    /// Why it is not to be had.
    pub why: HookError,
    /// What is lost without it.
    pub costs: &'static str,
}

/// A field that would tell something and is not to be had on this kernel.
#[derive(Debug)]
pub struct MissingField {
    /// Which.
    pub field: Field,
    /// Why it is not to be had.
    pub why: FieldError,
}

/// The plan.
#[derive(Debug)]
pub struct Plan {
    /// What to attach, in the order of the table.
    pub probes: Vec<PlannedProbe>,
    /// What the programs must know. The filter shows everything.
    pub config: Config,
    /// What is written into their instructions.
    pub layout: Layout,
    /// Each argument that a program takes, and its position in the function's prototype.
    pub positions: Vec<(Arg, usize)>,
    /// Hooks that are missing.
    pub missing: Vec<MissingHook>,
    /// Fields that are missing.
    pub unknown: Vec<MissingField>,
    /// Why the probes cannot read the kernel's counters, if they cannot.
    pub uncounted: Option<CountersError>,
    /// Reasons that are `inferred` on this kernel, at least at times.
    pub inferred: Vec<Reason>,
    /// Reasons that are called otherwise, or nothing, on this kernel, at least at times.
    pub unobservable: Vec<Reason>,
}

impl Plan {
    /// The names that [`Plan::resolve`] will look for: all that need be kept of a kernel's types.
    pub fn wanted() -> Vec<&'static str> {
        let enumerators = Counter::ALL.iter().map(|counter| counter.enumerator());
        let structures = fields::structures().chain(hooks::structures());
        let names = structures.chain(hooks::targets()).chain(enumerators);
        let names = names.chain(direct::NAMES).chain(attach::NAMES);
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The plan for the running kernel.
    ///
    /// # Errors
    /// If syndrop cannot work on it.
    pub fn for_this_kernel(asked: Asked, means: &Means) -> Result<Self, PlanError> {
        let btf = KernelBtf::open(&Self::wanted())?;
        Self::resolve(&btf, asked, means)
    }

    /// What programs must know that hook nothing: where this kernel's fields are.
    ///
    /// # Errors
    /// If a mandatory field is not to be had.
    pub fn of_fields(btf: &KernelBtf) -> Result<Self, PlanError> {
        let mut plan = Self::empty();
        plan.resolve_fields(btf)?;
        plan.resolve_reading(btf, Direct::is_possible());
        Ok(plan)
    }

    /// The plan for the kernel of these types, by these means.
    ///
    /// # Errors
    /// If a mandatory field or hook is not to be had.
    pub fn resolve(btf: &KernelBtf, asked: Asked, means: &Means) -> Result<Self, PlanError> {
        let mut plan = Self::empty();
        plan.resolve_fields(btf)?;
        plan.resolve_reading(btf, means.direct);
        plan.uncounted = fields::resolve_counters(btf, &plan.layout, &mut plan.config).err();
        plan.resolve_hooks(btf, asked, means)?;
        let asked_for = |&reason: &Reason| asked.wants(reason);
        let precision =
            precision::of(plan.config.watched, plan.uncounted.is_none()).only(asked_for);
        plan.inferred = precision.inferred;
        plan.unobservable.extend(precision.unobservable);
        plan.unobservable.sort_unstable();
        plan.unobservable.dedup();
        // What nobody asked for is not missed.
        plan.inferred.retain(|&reason| asked.wants(reason));
        plan.unobservable.retain(|&reason| asked.wants(reason));
        Ok(plan)
    }

    const fn empty() -> Self {
        Self {
            probes: Vec::new(),
            config: Config::UNRESOLVED,
            layout: Layout::UNRESOLVED,
            positions: Vec::new(),
            missing: Vec::new(),
            unknown: Vec::new(),
            uncounted: None,
            inferred: Vec::new(),
            unobservable: Vec::new(),
        }
    }

    fn resolve_reading(&mut self, btf: &KernelBtf, direct: bool) {
        self.layout.direct = direct.then(|| Direct::of(btf)).flatten();
    }

    fn resolve_fields(&mut self, btf: &KernelBtf) -> Result<(), PlanError> {
        for row in FIELDS {
            match row.resolve(btf) {
                Ok(slot) => self.layout.fields[row.field as usize] = slot,
                Err(_) if row.need == Need::IfPresent => {}
                Err(why) if row.need == Need::Optional => {
                    self.unknown.push(MissingField { field: row.field, why });
                }
                Err(source) => {
                    let (structure, path) = row.name();
                    let release = btf.release().to_owned();
                    return Err(PlanError::Field { structure, path, release, source });
                }
            }
        }
        Ok(())
    }

    /// The kind that most probes are of.
    pub fn attach(&self) -> &'static str {
        let kprobes = self.probes.iter().filter(|probe| probe.attach == Attach::Kprobe).count();
        if 2 * kprobes > self.probes.len() { "kprobe" } else { "fentry" }
    }

    /// Whether a milestone is seen, or cannot be passed.
    pub fn watches(&self, milestone: Milestone) -> bool {
        self.config.watched & milestone.bit() != 0
    }
}

#[cfg(test)]
pub(in crate::kernel) mod model;
#[cfg(test)]
mod tests;
