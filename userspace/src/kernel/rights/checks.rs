//! The prerequisites one by one, met or not: what `doctor` shows, of which `check` and
//! `suspicions` only name what is in the way.

use rustix::thread::CapabilitySet;

use super::{KPROBES, LOCKDOWN, Lockdown, PARANOID, Rights};
use crate::kernel::btf::VMLINUX;

/// How a prerequisite is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is.
    Met,
    /// It is not, and nothing works without it.
    Unmet,
    /// It is not, and that matters on some kernels only.
    Doubtful,
    /// That could not be found out.
    Unknown,
}

/// A prerequisite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is called.
    pub name: &'static str,
    /// How it is met.
    pub state: State,
    /// What was found.
    pub found: String,
}

impl State {
    const fn of(met: bool) -> Self {
        if met { Self::Met } else { Self::Unmet }
    }
}

impl Rights {
    /// Every prerequisite.
    pub fn checks(&self) -> Vec<Check> {
        let mut checks = vec![
            check("architecture", State::of(self.architecture == "x86_64"), self.architecture),
            present("kernel types", self.has_btf, VMLINUX),
            present("kprobes", self.has_kprobes, KPROBES),
            self.lockdown(),
            self.users(),
        ];
        checks.extend([
            self.capability("CAP_BPF", CapabilitySet::BPF),
            self.capability("CAP_PERFMON", CapabilitySet::PERFMON),
            self.admin(),
            self.memory(),
            self.perf_events(),
            if self.seccomp {
                check("seccomp", State::Doubtful, "a filter of system calls is active")
            } else {
                check("seccomp", State::Met, "no filter of system calls")
            },
        ]);
        checks
    }

    fn lockdown(&self) -> Check {
        let unknown = format!("{LOCKDOWN} cannot be read, or is not there");
        let (state, found) = match self.lockdown {
            None => (State::Unknown, unknown.as_str()),
            Some(Lockdown::Closed) => (State::Unmet, "confidentiality"),
            Some(Lockdown::Direct) => (State::Doubtful, "confidentiality, which leaves fentry"),
            Some(Lockdown::Open) => (State::Met, "not for confidentiality"),
        };
        check("lockdown", state, found)
    }

    fn users(&self) -> Check {
        let (state, found) = match self.first_users {
            None => (State::Unknown, "cannot be told"),
            Some(true) => (State::Met, "that of the machine"),
            Some(false) => (State::Unmet, "one of a container's own"),
        };
        check("user namespace", state, found)
    }

    fn capability(&self, name: &'static str, capability: CapabilitySet) -> Check {
        if self.has(capability) {
            check(name, State::Met, "held")
        } else if self.has(CapabilitySet::SYS_ADMIN) {
            check(name, State::Met, "not held, CAP_SYS_ADMIN stands for it")
        } else {
            check(name, State::Unmet, "not held")
        }
    }

    /// Wanted only where the one below says so.
    fn admin(&self) -> Check {
        let (state, found) = match (self.has(CapabilitySet::SYS_ADMIN), self.strict_perf_events()) {
            (true, _) => (State::Met, "held"),
            (false, false) => (State::Met, "not held, nor needed"),
            (false, true) => (State::Doubtful, "not held"),
        };
        check("CAP_SYS_ADMIN", state, found)
    }

    fn memory(&self) -> Check {
        let found = match self.locked_memory {
            None => "unlimited".to_owned(),
            Some(bytes) => format!("{bytes} bytes"),
        };
        let gap = self.locked_memory_gap().is_some();
        let counts = if gap { "" } else { ", enough" };
        check("locked memory", State::of(!gap), &format!("{found}{counts}"))
    }

    fn perf_events(&self) -> Check {
        let (state, found) = match self.paranoid {
            None => (State::Unknown, format!("{PARANOID} cannot be read")),
            Some(level) if self.strict_perf_events() => (State::Doubtful, level.to_string()),
            Some(level) => (State::Met, level.to_string()),
        };
        Check { name: "perf_event_paranoid", state, found }
    }

    /// Whether perf events are closed to those without CAP_SYS_ADMIN, on kernels that have that
    /// level.
    pub(super) fn strict_perf_events(&self) -> bool {
        self.paranoid.is_some_and(|level| level > 2) && !self.has(CapabilitySet::SYS_ADMIN)
    }
}

fn check(name: &'static str, state: State, found: &str) -> Check {
    Check { name, state, found: found.to_owned() }
}

fn present(name: &'static str, there: bool, path: &str) -> Check {
    let missing = if there { "" } else { " is not there" };
    check(name, State::of(there), &format!("{path}{missing}"))
}
