//! A diagnosis as one object of JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::{chain, slugs, unread};
use crate::kernel::diagnosis::HookState;
use crate::kernel::hooks::Hook;
use crate::kernel::rights::{Check, State};
use crate::kernel::{Diagnosis, Gap, Plan};
use crate::ndjson::SCHEMA;

/// A diagnosis, as scripts read it.
#[derive(Serialize)]
struct DoctorLine<'a> {
    r#type: &'static str,
    schema: u32,
    syndrop: &'static str,
    kernel: &'a str,
    exit: u8,
    checks: Vec<CheckLine<'a>>,
    in_the_way: Vec<GapLine>,
    failure: Option<String>,
    attach: Option<&'static str>,
    hooks: Vec<HookLine<'a>>,
    unknown_fields: Vec<String>,
    unread_counters: Vec<&'static str>,
    inferred: Vec<&'static str>,
    unobservable: Vec<&'static str>,
}

#[derive(Serialize)]
struct CheckLine<'a> {
    name: &'static str,
    state: &'static str,
    found: &'a str,
}

#[derive(Serialize)]
struct GapLine {
    certain: bool,
    exit: u8,
    text: String,
}

#[derive(Serialize)]
struct HookLine<'a> {
    target: &'a str,
    probes: Vec<&'static str>,
    state: &'static str,
    attach: Option<&'static str>,
    why: Option<String>,
    costs: &'static str,
}

/// A diagnosis as a line of JSON.
///
/// # Errors
/// If it cannot be written.
pub fn doctor_json(out: &mut dyn Write, diagnosis: &Diagnosis) -> io::Result<()> {
    let plan = diagnosis.plan.as_ref();
    let of_plan = |list: fn(&Plan) -> Vec<&'static str>| plan.map(list).unwrap_or_default();
    let gap = |certain| {
        move |gap: &Gap| GapLine { certain, exit: gap.exit().code(), text: gap.to_string() }
    };
    let checks = diagnosis.checks.iter().map(|it| CheckLine {
        name: it.name,
        state: state(it),
        found: &it.found,
    });
    let line = DoctorLine {
        r#type: "doctor",
        schema: SCHEMA,
        syndrop: env!("CARGO_PKG_VERSION"),
        kernel: &diagnosis.release,
        exit: diagnosis.exit.code(),
        checks: checks.collect(),
        in_the_way: diagnosis
            .gaps
            .iter()
            .map(gap(true))
            .chain(diagnosis.suspicions.iter().map(gap(false)))
            .collect(),
        failure: plan.err().map(|error| chain(error)),
        attach: plan.ok().map(Plan::attach),
        hooks: plan.map(|plan| plan.hooks().map(hook_line).collect()).unwrap_or_default(),
        unknown_fields: plan
            .map(|plan| plan.unknown.iter().map(|field| chain(&field.why)).collect())
            .unwrap_or_default(),
        unread_counters: of_plan(unread),
        inferred: of_plan(|plan| slugs(&plan.inferred)),
        unobservable: of_plan(|plan| slugs(&plan.unobservable)),
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

fn state(check: &Check) -> &'static str {
    match check.state {
        State::Met => "met",
        State::Unmet => "unmet",
        State::Doubtful => "doubtful",
        State::Unknown => "unknown",
    }
}

fn hook_line<'a>((hook, state): (&'static Hook, HookState<'a>)) -> HookLine<'a> {
    let probes = hook.programs.iter().map(|&(name, _)| name).collect();
    let newest = hook.targets.first().copied().unwrap_or_default();
    let (target, state, attach, why) = match state {
        HookState::Attachable { target, attach } => {
            (target, "attachable", Some(attach.name()), None)
        }
        HookState::NotNeeded => (newest, "not-needed", None, None),
        HookState::Missing { why, .. } => (newest, "missing", None, Some(chain(why))),
    };
    HookLine { target, probes, state, attach, why, costs: hook.costs }
}
