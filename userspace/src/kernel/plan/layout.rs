//! A plan in words, one line per fact: what was found where, and what is missing.

use std::fmt;

use ebpf_probes::{ABSENT, Counter, NOWHERE, Reason};

use super::{Kind, Plan};
use crate::kernel::fields::FIELDS;
use crate::kernel::hooks;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields(f)?;
        self.counters(f)?;
        self.arguments(f)?;
        for probe in &self.probes {
            let end = match probe.kind {
                Kind::Entry => "entry",
                Kind::Return => "return",
            };
            writeln!(f, "probe {} at {end} of {}", probe.program, probe.target)?;
        }
        writeln!(f, "watched {:#x}", self.config.watched)?;
        for hook in &self.missing {
            writeln!(f, "missing {}: {}; {}", hook.program, hook.why, hook.costs)?;
        }
        reasons(f, "inferred", &self.inferred)?;
        reasons(f, "unobservable", &self.unobservable)
    }
}

impl Plan {
    fn fields(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in FIELDS {
            let (structure, path) = row.name();
            let slot = self.layout.field(row.field);
            if slot != ABSENT {
                writeln!(f, "field {structure}.{path} at {} size {}", slot.offset, slot.size)?;
            } else if let Some(missing) = self.unknown.iter().find(|m| m.field == row.field) {
                writeln!(f, "field {structure}.{path} unknown: {}", missing.why)?;
            }
        }
        Ok(())
    }

    fn counters(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.uncounted {
            return writeln!(f, "counters unknown: {why}");
        }
        for &counter in Counter::ALL {
            match self.config.counters[counter as usize] {
                NOWHERE => writeln!(f, "counter {} unknown", counter.name())?,
                offset => writeln!(f, "counter {} at {offset}", counter.name())?,
            }
        }
        writeln!(f, "per-cpu pointers at {}", self.config.percpu_pointers)
    }

    fn arguments(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for hook in hooks::all() {
            for &(arg, names) in hook.args {
                let position = self.positions.iter().find(|(found, _)| *found == arg);
                if let ([name, ..], [target, ..], Some((_, position))) =
                    (names, hook.targets, position)
                {
                    writeln!(f, "argument {name} of {target} at {position}")?;
                }
            }
        }
        Ok(())
    }
}

fn reasons(f: &mut fmt::Formatter<'_>, word: &str, reasons: &[Reason]) -> fmt::Result {
    for reason in reasons {
        writeln!(f, "{word} {reason:?}")?;
    }
    Ok(())
}
