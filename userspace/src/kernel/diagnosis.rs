//! What this kernel and these rights allow, all of it, found out without attaching anything.

use super::fields::FIELDS;
use super::hooks::{self, Asked, Hook};
use super::plan::HookError;
use super::rights::{Check, Unmet};
use super::{Attach, Choice, Gap, Means, Plan, PlanError, Rights};
use crate::exit::Exit;

/// How a hook would turn out.
#[derive(Debug)]
pub enum HookState<'a> {
    /// It can be attached.
    Attachable {
        /// To this function.
        target: &'a str,
        /// By this kind of probe; the kernel may yet refuse fentry.
        attach: Attach,
    },
    /// It makes no sense on this kernel, and nothing is lost without it.
    NotNeeded,
    /// It is not to be had.
    Missing {
        /// Why.
        why: &'a HookError,
        /// What is lost without it.
        costs: &'static str,
    },
}

/// The findings.
#[derive(Debug)]
pub struct Diagnosis {
    /// The kernel.
    pub release: String,
    /// Every prerequisite.
    pub checks: Vec<Check>,
    /// What is certainly in the way, with its remedy.
    pub gaps: Vec<Gap>,
    /// What would be behind a refusal, with its remedy.
    pub suspicions: Vec<Gap>,
    /// What would be attached if everything was asked for, or why nothing can be.
    pub plan: Result<Plan, PlanError>,
    /// How `trace` would end, as far as can be told: 0 if it would work.
    pub exit: Exit,
}

impl Diagnosis {
    /// Asks the running kernel.
    pub fn of_this_machine() -> Self {
        let plan = Plan::for_this_kernel(Asked::EVERYTHING, &Means::of_this_kernel(Choice::Auto));
        Self::new(&Rights::read(), plan)
    }

    fn new(rights: &Rights, plan: Result<Plan, PlanError>) -> Self {
        let unmet = rights.check().err();
        let exits = [unmet.as_ref().map(Unmet::exit), plan.as_ref().err().map(PlanError::exit)];
        // What no right can change comes first.
        let exit = if exits.contains(&Some(Exit::Unsupported)) {
            Exit::Unsupported
        } else {
            exits.into_iter().flatten().next().unwrap_or(Exit::Ended)
        };
        Self {
            release: super::release(),
            checks: rights.checks(),
            gaps: unmet.as_ref().map(Unmet::gaps).unwrap_or_default().to_vec(),
            suspicions: rights.suspicions(),
            plan,
            exit,
        }
    }
}

impl Plan {
    /// How each hook would turn out.
    pub fn hooks(&self) -> impl Iterator<Item = (&'static Hook, HookState<'_>)> {
        hooks::all().map(|hook| {
            let programs = hook.programs.iter().chain(&hook.alone);
            let same = hook.same.map(|same| same.program);
            let is_of = |program: &str| {
                programs.clone().any(|&(name, _)| name == program) || same == Some(program)
            };
            let planned = self.probes.iter().find(|probe| is_of(probe.program));
            let missing = self.missing.iter().find(|missing| is_of(missing.program));
            let state = match (planned, missing) {
                (Some(probe), _) => {
                    HookState::Attachable { target: &probe.target, attach: probe.attach }
                }
                (None, Some(missing)) => {
                    HookState::Missing { why: &missing.why, costs: missing.costs }
                }
                (None, None) => HookState::NotNeeded,
            };
            (hook, state)
        })
    }

    /// How many fields there are, and how many of them are to be had or, on this kernel, not
    /// needed.
    pub const fn known_fields(&self) -> (usize, usize) {
        (FIELDS.len(), FIELDS.len() - self.unknown.len())
    }
}

/// Diagnoses to put into words.
#[cfg(test)]
pub(crate) mod sample {
    use super::Diagnosis;
    use crate::kernel::plan::model::Model;
    use crate::kernel::rights::tests::{nobody, root};
    use crate::kernel::{Plan, PlanError, Rights};

    pub(super) fn model(without: &'static [&'static str]) -> Result<Plan, PlanError> {
        Model { without, ..Model::default() }.plan()
    }

    fn diagnosis(rights: &Rights, without: &'static [&'static str]) -> Diagnosis {
        Diagnosis { release: "6.0-model".to_owned(), ..Diagnosis::new(rights, model(without)) }
    }

    /// Of root on a recent kernel.
    pub(crate) fn rich() -> Diagnosis {
        diagnosis(&root(), &[])
    }

    /// Of an ordinary user, on a kernel that lacks this and that.
    pub(crate) fn poor() -> Diagnosis {
        diagnosis(&nobody(), &["inet_csk_prepare_forced_close", "skc_cookie"])
    }

    /// Of root on a kernel that cannot be traced.
    pub(crate) fn blind() -> Diagnosis {
        diagnosis(&root(), &["tcp_conn_request"])
    }
}

#[cfg(test)]
mod tests {
    use super::sample::model;
    use super::{Diagnosis, HookState};
    use crate::exit::Exit;
    use crate::kernel::PlanError;
    use crate::kernel::btf::BtfError;
    use crate::kernel::rights::tests::{nobody, root};

    #[test]
    fn on_a_recent_kernel_root_lacks_nothing() {
        let diagnosis = Diagnosis::new(&root(), model(&[]));
        assert_eq!(diagnosis.exit, Exit::Ended);
        assert!(diagnosis.gaps.is_empty() && diagnosis.suspicions.is_empty());
        let plan = diagnosis.plan.unwrap();
        assert!(plan.hooks().any(|(_, state)| matches!(state, HookState::Attachable { .. })));
        assert!(!plan.hooks().any(|(_, state)| matches!(state, HookState::Missing { .. })));
    }

    #[test]
    fn every_planned_and_every_missing_hook_is_told() {
        let plan = model(&["inet_csk_prepare_forced_close"]).unwrap();
        let told = |wanted: fn(&HookState<'_>) -> bool| {
            plan.hooks().filter(|(_, state)| wanted(state)).count()
        };
        assert_eq!(told(|state| matches!(state, HookState::Missing { .. })), plan.missing.len());
        assert_eq!(plan.missing.len(), 1);
        let attachable = plan
            .hooks()
            .filter(|(_, state)| matches!(state, HookState::Attachable { .. }))
            .map(|(hook, _)| hook.programs.len());
        // The return of tcp_conn_request is seen by those of its callers.
        assert_eq!(attachable.sum::<usize>(), plan.probes.len() + 1);
    }

    #[test]
    fn the_exit_is_that_of_a_trace() {
        let exit = |rights, plan| Diagnosis::new(&rights, plan).exit;
        let no_types = || Err(PlanError::Btf(BtfError::Missing));
        assert_eq!(exit(nobody(), model(&[])), Exit::NotPermitted);
        assert_eq!(exit(root(), no_types()), Exit::Unsupported);
        assert_eq!(exit(nobody(), no_types()), Exit::Unsupported);
        assert_eq!(exit(root(), model(&["tcp_conn_request"])), Exit::Unsupported);
    }
}
