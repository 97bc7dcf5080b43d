//! What will be attached to the running kernel, and what the programs must know of it.
//!
//! The plan is made before anything is loaded. A program that the kernel then refuses is put on
//! the list of excluded ones and the plan is made again, so that the probes never believe in a
//! milestone that nobody watches.

use std::slice;

use ebpf_probes::{Arg, Config, Counter, Field, Milestone, Reason};

use super::attach::{self, Attach, Means};
use super::btf::{KernelBtf, LookupError, Prototype, Returned};
use super::fields::{self, CountersError, FIELDS, FieldError, Need};
use super::hooks::{self, Asked, Hook, Kind, When};
use super::precision;

mod error;
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
    /// Whether a kernel that has fentry at all takes it of this kind.
    pub ordinary: bool,
    /// Whether it only tells that the function was passed, in a call that other probes judge.
    pub milestone: bool,
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

/// How one hook turned out.
enum Outcome {
    Planned(&'static str, Fit),
    /// Makes no sense on this kernel.
    Idle,
    /// Cannot be passed on this kernel, which is as good as watching it.
    Impossible,
    Missing(HookError),
}

/// How a hook fits a function.
struct Fit {
    attach: Attach,
    ordinary: bool,
}

impl Plan {
    /// The names that [`Plan::resolve`] will look for: all that need be kept of a kernel's types.
    pub fn wanted() -> Vec<&'static str> {
        let enumerators = Counter::ALL.iter().map(|counter| counter.enumerator());
        let structures = fields::structures().chain(hooks::structures());
        let names = structures.chain(hooks::targets()).chain(enumerators);
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
    pub fn of_fields(btf: &KernelBtf) -> Result<Config, PlanError> {
        let mut plan = Self::empty();
        plan.resolve_fields(btf)?;
        Ok(plan.config)
    }

    /// The plan for the kernel of these types, by these means.
    ///
    /// # Errors
    /// If a mandatory field or hook is not to be had.
    pub fn resolve(btf: &KernelBtf, asked: Asked, means: &Means) -> Result<Self, PlanError> {
        let mut plan = Self::empty();
        plan.resolve_fields(btf)?;
        plan.uncounted = fields::resolve_counters(btf, &mut plan.config).err();
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
            positions: Vec::new(),
            missing: Vec::new(),
            unknown: Vec::new(),
            uncounted: None,
            inferred: Vec::new(),
            unobservable: Vec::new(),
        }
    }

    fn resolve_fields(&mut self, btf: &KernelBtf) -> Result<(), PlanError> {
        for row in FIELDS {
            match row.resolve(btf) {
                Ok(slot) => self.config.fields[row.field as usize] = slot,
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

    fn resolve_hooks(
        &mut self,
        btf: &KernelBtf,
        asked: Asked,
        means: &Means,
    ) -> Result<(), PlanError> {
        let mut failed: Vec<(&Hook, HookError)> = Vec::new();
        let needed = |hook: &&Hook| hook.is_needed(asked);
        let whole = hooks::all().filter(needed).all(|hook| allows_alone(hook, btf, means));
        self.config.whole = whole.into();
        for hook in hooks::all().filter(needed) {
            let watched = hook.provides.iter().fold(0, |bits, milestone| bits | milestone.bit());
            match self.try_hook(hook, btf, means) {
                Outcome::Planned(target, Fit { attach, ordinary }) => {
                    self.config.watched |= watched;
                    let alone = hook.alone.as_ref().filter(|_| whole);
                    let programs = alone.map_or(hook.programs, slice::from_ref);
                    self.probes.extend(programs.iter().map(|&(program, kind)| PlannedProbe {
                        program,
                        target: target.to_owned(),
                        kind,
                        attach,
                        ordinary,
                        milestone: hook.is_milestone(),
                    }));
                }
                Outcome::Idle => {}
                Outcome::Impossible => self.config.watched |= watched,
                Outcome::Missing(why) => failed.push((hook, why)),
            }
        }
        for (hook, why) in failed {
            let [target, ..] = *hook.targets else { continue };
            let [(program, _), ..] = *hook.programs else { continue };
            let costs = hook.costs;
            if hook.need == Need::Optional {
                self.unobservable.extend(hook.only_for);
                self.missing.push(MissingHook { program, target, why, costs });
            } else if !self.stands_in(hook) {
                let release = btf.release().to_owned();
                return Err(PlanError::Hook { target, release, costs, source: why });
            }
        }
        Ok(())
    }

    /// Whether another mandatory row of the same function was planned.
    fn stands_in(&self, failed: &Hook) -> bool {
        hooks::all().any(|hook| {
            hook.need == Need::Mandatory
                && hook.targets == failed.targets
                && hook
                    .programs
                    .iter()
                    .any(|&(program, _)| self.probes.iter().any(|probe| probe.program == program))
        })
    }

    fn try_hook(&mut self, hook: &Hook, btf: &KernelBtf, means: &Means) -> Outcome {
        if hook.when == When::WithoutCounters && self.uncounted.is_none() {
            return Outcome::Idle;
        }
        if let When::Where(structure) = hook.when
            && !btf.has_struct(structure)
        {
            return Outcome::Impossible;
        }
        if let When::Without(others) = hook.when
            && others.iter().any(|other| btf.function(other).is_ok())
        {
            return Outcome::Idle;
        }
        if hook.programs.iter().any(|(program, _)| means.excluded.contains(program)) {
            return Outcome::Missing(HookError::Excluded);
        }
        let has_ipv6 = self.config.fields[Field::SockLocalV6 as usize] != ebpf_probes::ABSENT;
        let mut newest = None;
        let mut impossible = false;
        for &target in hook.targets {
            match btf
                .function(target)
                .map_err(HookError::from)
                .and_then(|prototype| self.fits(hook, &prototype, means))
            {
                Ok(fit) => return Outcome::Planned(target, fit),
                Err(HookError::Lookup(LookupError::NoFunction(_)))
                    if matches!(hook.when, When::IfPresent | When::AskedIfPresent(_))
                        || hook.ipv6 && !has_ipv6 =>
                {
                    impossible = true;
                }
                Err(error) => _ = newest.get_or_insert(error),
            }
        }
        match newest {
            Some(error) => Outcome::Missing(error),
            None if impossible => Outcome::Impossible,
            None => Outcome::Idle,
        }
    }

    /// Whether the function is one that the hook's programs understand; if so, it is known by which
    /// kind of probe, and where their arguments are.
    fn fits(
        &mut self,
        hook: &Hook,
        prototype: &Prototype,
        means: &Means,
    ) -> Result<Fit, HookError> {
        let understood = match hook.when {
            When::ReturnsBool => prototype.returned == Returned::Bool,
            When::ReturnsVoid => prototype.returned == Returned::Void,
            When::Always
            | When::WithoutCounters
            | When::Where(_)
            | When::IfPresent
            | When::Without(_)
            | When::Asked(_)
            | When::AskedIfPresent(_) => true,
        };
        if !understood {
            return Err(HookError::Returns(prototype.returned));
        }
        let attach = means.of(hook, prototype)?;
        let mut words = Vec::with_capacity(hook.args.len());
        let mut positions = Vec::with_capacity(hook.args.len());
        for &(arg, names) in hook.args {
            let [name, ..] = *names else { continue };
            if names == hooks::RETURNED {
                words.extend(attach.returned(prototype).map(|word| (arg, word)));
                continue;
            }
            let position = prototype
                .parameters
                .iter()
                .position(|parameter| names.contains(&parameter.as_str()))
                .ok_or(HookError::Parameter(name))?;
            let word = attach
                .parameter(position)
                .ok_or(HookError::OutOfReach { name, number: position + 1 })?;
            words.push((arg, word));
            positions.push((arg, position));
        }
        for (arg, word) in words {
            self.config.args[arg as usize] = word;
        }
        self.positions.extend(positions);
        Ok(Fit { attach, ordinary: attach::is_ordinary(hook, prototype) })
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

/// Whether nothing speaks against a hook's one program instead of several: the function is not
/// there, or takes fentry.
fn allows_alone(hook: &Hook, btf: &KernelBtf, means: &Means) -> bool {
    let Some((program, _)) = hook.alone else { return true };
    let by_fentry = |prototype| matches!(means.of(hook, &prototype), Ok(Attach::Fentry { .. }));
    !means.excluded.contains(&program)
        && hook.targets.iter().all(|target| match btf.function(target) {
            Ok(prototype) => by_fentry(prototype),
            Err(why) => matches!(why, LookupError::NoFunction(_)),
        })
}

#[cfg(test)]
pub(in crate::kernel) mod model;
#[cfg(test)]
mod tests;
