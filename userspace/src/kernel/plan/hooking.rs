//! The hooks of the plan: which rows of the table make sense on this kernel, which it can take, and
//! what programs must know of their functions.

use std::slice;

use ebpf_probes::{Arg, Field};

use super::{GoesOn, HookError, MissingHook, Plan, PlanError, PlannedProbe};
use crate::kernel::attach::{Attach, Means};
use crate::kernel::btf::{KernelBtf, LookupError, Prototype, Returned};
use crate::kernel::fields::Need;
use crate::kernel::hooks::{self, Asked, Hook, Kind, Same, When};

/// How one hook turned out.
enum Outcome {
    Planned(&'static str, Attach),
    /// Makes no sense on this kernel.
    Idle,
    /// Cannot be passed on this kernel, which is as good as watching it.
    Impossible,
    Missing(HookError),
}

impl Plan {
    pub(super) fn resolve_hooks(
        &mut self,
        btf: &KernelBtf,
        asked: Asked,
        means: &Means,
    ) -> Result<(), PlanError> {
        let mut failed: Vec<(&Hook, HookError)> = Vec::new();
        let needed = |hook: &&Hook| hook.is_needed(asked);
        let tried: Vec<_> = hooks::all()
            .filter(needed)
            .map(|hook| (hook, self.try_hook(hook, btf, means)))
            .collect();
        let cookies = [Arg::CookieV4Sk, Arg::CookieV6Sk];
        let cookies = cookies.iter().all(|&arg| self.layout.takes(arg));
        self.config.cookies = cookies.into();
        let allows = |hook| allows_alone(hook, btf, means);
        let whole = cookies && hooks::all().filter(needed).all(allows);
        self.config.whole = whole.into();
        for (hook, outcome) in tried {
            let watched = hook.provides.iter().fold(0, |bits, milestone| bits | milestone.bit());
            match outcome {
                Outcome::Planned(target, attach) => {
                    self.config.watched |= watched;
                    let alone = hook.alone.as_ref().filter(|_| whole);
                    let programs = alone.map_or(hook.programs, slice::from_ref);
                    self.probes.extend(programs.iter().map(|&(program, kind)| PlannedProbe {
                        program,
                        target: target.to_owned(),
                        kind,
                        attach,
                        milestone: hook.is_milestone(),
                        goes_on: None,
                    }));
                }
                Outcome::Idle => {}
                Outcome::Impossible => self.config.watched |= watched,
                Outcome::Missing(why) => failed.push((hook, why)),
            }
        }
        for hook in hooks::all() {
            if self.has_callers(hook, btf) {
                let needless =
                    |probe: &PlannedProbe| hook.programs.contains(&(probe.program, Kind::Return));
                self.probes.retain(|probe| !needless(probe));
            }
            if let Some(same) = &hook.same {
                self.shorten(hook, same, btf);
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

    /// Lets the program at the return go on with that of the other function, where fexit passes on
    /// the same of both.
    fn shorten(&mut self, hook: &Hook, same: &Same, btf: &KernelBtf) {
        let traced = |probe: &PlannedProbe| matches!(probe.attach, Attach::Fentry { .. });
        let type_of = |target: &str| btf.function(target).ok()?.type_id;
        if !self.probes.iter().any(|probe| probe.program == same.other && traced(probe)) {
            return;
        }
        let own = |probe: &&mut PlannedProbe| {
            let at = (probe.program, probe.kind);
            probe.kind == Kind::Return && (hook.programs.contains(&at) || hook.alone == Some(at))
        };
        if let Some(probe) = self.probes.iter_mut().find(own)
            && traced(probe)
            && type_of(&probe.target).is_some_and(|id| type_of(same.target) == Some(id))
        {
            probe.program = same.program;
            probe.goes_on = Some(GoesOn { program: same.other, map: same.map });
        }
    }

    /// Whether a function is only called by others, and the return of each of these is hooked.
    fn has_callers(&self, hook: &Hook, btf: &KernelBtf) -> bool {
        let is_hooked = |caller: &str| {
            let mut probes = self.probes.iter();
            probes.any(|probe| probe.target == caller && probe.kind == Kind::Return)
        };
        let is_absent = |caller| matches!(btf.function(caller), Err(LookupError::NoFunction(_)));
        !hook.callers.is_empty()
            && hook.callers.iter().all(|caller| is_hooked(caller) || is_absent(caller))
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
        let has_ipv6 = self.layout.field(Field::SockLocalV6) != ebpf_probes::ABSENT;
        let mut newest = None;
        let mut impossible = false;
        for &target in hook.targets {
            match btf
                .function(target)
                .map_err(HookError::from)
                .and_then(|prototype| self.fits(hook, &prototype, btf, means))
            {
                Ok(attach) => return Outcome::Planned(target, attach),
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
        btf: &KernelBtf,
        means: &Means,
    ) -> Result<Attach, HookError> {
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
        let attach = means.of(hook, prototype, btf)?;
        let mut words = Vec::with_capacity(hook.args.len());
        let mut positions = Vec::with_capacity(hook.args.len());
        for &(arg, names) in hook.args {
            let [name, ..] = *names else { continue };
            if names == hooks::RETURNED {
                words.extend(attach.returned(prototype).map(|word| (arg, word)));
                continue;
            }
            let position = position(prototype, names).ok_or(HookError::Parameter(name))?;
            let word = attach
                .parameter(position)
                .ok_or(HookError::OutOfReach { name, number: position + 1 })?;
            words.push((arg, word));
            positions.push((arg, position));
        }
        let besides = hook.alone_args.iter().filter_map(|&(arg, names)| {
            let position = position(prototype, names)?;
            Some(((arg, attach.parameter(position)?), (arg, position)))
        });
        for (word, position) in besides {
            words.push(word);
            positions.push(position);
        }
        for (arg, word) in words {
            self.layout.args[arg as usize] = Some(word);
        }
        self.positions.extend(positions);
        Ok(attach)
    }
}

/// Which parameter of a function has one of these names.
fn position(prototype: &Prototype, names: &[&str]) -> Option<usize> {
    prototype.parameters.iter().position(|parameter| names.contains(&parameter.as_str()))
}

/// Whether nothing speaks against a hook's one program instead of several: the function is not
/// there, or has what the program takes, and takes fentry where arguments are among that.
fn allows_alone(hook: &Hook, btf: &KernelBtf, means: &Means) -> bool {
    let Some((program, _)) = hook.alone else { return true };
    let fits = |prototype| match means.of(hook, &prototype, btf) {
        Ok(attach) => hook.alone_returned || attach != Attach::Kprobe,
        Err(_) => false,
    };
    let chosen = hook.targets.iter().find_map(|target| btf.function(target).ok());
    let takes = |(_, names): &(Arg, &[&str])| {
        chosen.as_ref().is_none_or(|prototype| position(prototype, names).is_some())
    };
    !means.excluded.contains(&program)
        && hook.alone_args.iter().all(takes)
        && hook.targets.iter().all(|target| match btf.function(target) {
            Ok(prototype) => fits(prototype),
            Err(why) => matches!(why, LookupError::NoFunction(_)),
        })
}
