//! What the header says of a live run: the kernel, the probes, and what they cannot tell here.

use jiff::Timestamp;

use crate::kernel::Plan;
use crate::source::{Opening, Probe};

/// Describes the run that begins.
pub(super) fn describe(time: Timestamp, plan: &Plan) -> Opening {
    let system = rustix::system::uname();
    let attached = plan.probes.iter().map(|probe| Probe {
        name: probe.program.to_owned(),
        target: probe.target.clone(),
        attach: Some(probe.attach.name().to_owned()),
        attached: true,
    });
    let missing = plan.missing.iter().map(|hook| Probe {
        name: hook.program.to_owned(),
        target: hook.target.to_owned(),
        attach: None,
        attached: false,
    });
    Opening {
        time: Some(time),
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        kernel: Some(system.release().to_string_lossy().into_owned()),
        host: Some(system.nodename().to_string_lossy().into_owned()),
        attach: Some(plan.attach().to_owned()),
        probes: attached.chain(missing).collect(),
        unobservable: plan.unobservable.clone(),
        inferred: plan.inferred.clone(),
        notes: notes(plan),
    }
}

fn notes(plan: &Plan) -> Vec<String> {
    let hooks = plan
        .missing
        .iter()
        .map(|hook| format!("no probe on {} ({}): {}", hook.target, hook.why, hook.costs));
    let fields = plan.unknown.iter().map(|field| format!("unknown on this kernel: {}", field.why));
    let counters = plan.uncounted.iter().map(|why| {
        format!("the probes cannot read this kernel's counters ({why}): some reasons are inferred")
    });
    hooks.chain(fields).chain(counters).collect()
}
