//! From the kernel's types to probes in place, by whatever kinds the kernel takes.

use std::error::Error;
use std::panic::resume_unwind;
use std::thread;

use super::LiveError;
use super::programs::{self, Attached, ProgramsError};
use crate::kernel::fields::Need;
use crate::kernel::hooks::{self, Asked};
use crate::kernel::{Ahead, Attach, Choice, Means, Plan, PlanError, Rights};
use crate::source::Settings;

/// What is known of the kernel before anything is attached.
pub(super) struct Prepared {
    means: Means,
    plan: Plan,
}

/// Plans, while it is looked whether the rights are there.
pub(super) fn prepare(asked: Asked, choice: Choice, types: Ahead) -> Result<Prepared, LiveError> {
    let means = Means::of_this_kernel(choice);
    let plan = thread::scope(|scope| {
        let plan = scope.spawn(|| resolve(types, asked, &means));
        Rights::read().check()?;
        // What aya tries out takes files, of which none are to be had where it loads.
        aya::features();
        Ok::<_, LiveError>(plan.join().unwrap_or_else(|panic| resume_unwind(panic))?)
    })?;
    Ok(Prepared { means, plan })
}

/// Attaches what is planned, and plans again without an optional hook that the kernel refused: the
/// probes must not believe in a milestone that nobody watches.
pub(super) fn attach(
    Prepared { mut means, mut plan }: Prepared,
    settings: &Settings,
) -> Result<(Plan, Attached), LiveError> {
    loop {
        let error = match programs::start(&plan, settings) {
            Ok(ebpf) => return Ok((plan, ebpf)),
            Err(error) => error,
        };
        let refused = error
            .refused()
            .and_then(|program| plan.probes.iter().find(|probe| probe.program == program));
        match refused {
            // Whatever was wrong, it may have been this; nothing is lost without it but time. What a
            // verifier refuses is mostly denied, too, by the number of its answer.
            Some(_) if plan.layout.direct.is_some() && !error.is_of_attaching() => {
                given_up("programs that read by themselves", &error);
                means.direct = false;
            }
            // Where fentry alone is wanted, the kernel's own answer says most.
            Some(probe) if probe.attach != Attach::Kprobe && means.choice == Choice::Auto => {
                given_up("fentry", &error);
                means.refuse();
            }
            Some(probe) if error.is_of_attaching() && optional(probe.program) => {
                means.excluded.push(probe.program);
            }
            _ => return Err(error.into()),
        }
        plan = resolve(Ahead::default(), settings.asked, &means)?;
    }
}

/// Says, to who listens to diagnostics, what the kernel answered.
fn given_up(what: &str, error: &ProgramsError) {
    log::debug!("{error}, so {what} will not be tried again: {:?}", error.source());
}

/// The kernel's types are let go with this: while programs are loaded, others take their memory.
fn resolve(types: Ahead, asked: Asked, means: &Means) -> Result<Plan, PlanError> {
    Plan::resolve(&types.types()?, asked, means)
}

fn optional(program: &str) -> bool {
    hooks::all()
        .filter(|hook| hook.programs.iter().any(|(name, _)| *name == program))
        .all(|hook| hook.need == Need::Optional)
}
