//! What this user may do on this kernel, asked before anything is tried.
//!
//! All prerequisites are looked at together, so that a user learns everything that is in the way
//! at once. Some obstacles are certain ([`Rights::check`]); others only matter on some
//! kernels and are mentioned once something was refused ([`Rights::suspicions`]).

use std::path::Path;
use std::{env, fmt, fs};

use procfs::process::Process;
use rustix::process::{Resource, getrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use super::attach::is_realtime;
use super::btf::{BtfError, VMLINUX};
use super::direct::Direct;
use crate::exit::Exit;

mod checks;

pub use checks::{Check, State};

/// Which of its parts the kernel keeps even from root.
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// Who may use perf events, which kprobes are attached by.
const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// Where the kernel says that it can hook functions by kprobes.
const KPROBES: &str = "/sys/bus/event_source/devices/kprobe";

/// What the first user namespace is called since Linux 3.8: `PROC_USER_INIT_INO`.
const FIRST_USERS: &str = "user:[4026531837]";

/// Memory that maps and programs may take, where it counts as locked memory.
const MAPS: u64 = 64 << 20;

/// Something in the way, and how to get it out of the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// The probes read arguments from the registers of another processor.
    #[error("failed to support {0}: this syndrop's probes are for x86-64, run it on such a kernel")]
    Architecture(&'static str),
    /// The kernel does not describe its types.
    #[error("{}", BtfError::Missing)]
    NoBtf,
    /// The kernel cannot hook its functions.
    #[error(
        "failed to find kprobes: {KPROBES} is not there, boot a kernel with CONFIG_KPROBE_EVENTS, with sysfs mounted"
    )]
    NoKprobes,
    /// The kernel lets nobody read its memory.
    #[error(
        "failed to be let into kernel memory: this kernel is locked down for confidentiality ({LOCKDOWN}), which leaves a way to it from Linux 6.2 on and without PREEMPT_RT only, boot it with lockdown=integrity or lockdown=none"
    )]
    LockedDown,
    /// Of such a kernel's functions none is hooked by kprobes.
    #[error(
        "this kernel is locked down for confidentiality ({LOCKDOWN}) and refuses kprobes, though not fentry: run syndrop without --attach kprobe"
    )]
    WithoutKprobes,
    /// Capabilities of a user namespace mean nothing to the kernel.
    #[error(
        "failed to get rights over the kernel: root of a user namespace (a rootless container) is nobody to it, run syndrop as root of the machine"
    )]
    UserNamespace,
    /// Capabilities are missing.
    #[error(
        "failed to get the right to load and attach probes: {} missing, run syndrop as root (sudo) or grant it (setcap cap_bpf,cap_perfmon=ep)",
        List(.0)
    )]
    Capabilities(Vec<&'static str>),
    /// Maps count as locked memory, and little of that is allowed.
    #[error(
        "failed to get memory for maps: before Linux 5.11 they count as locked memory, of which {0} bytes are allowed, run syndrop as root, with CAP_SYS_RESOURCE or with LimitMEMLOCK=infinity"
    )]
    LockedMemory(u64),
    /// Debian's and Ubuntu's kernels refuse perf events then.
    #[error(
        "kernel.perf_event_paranoid is {0}, at which Debian's and Ubuntu's kernels want CAP_SYS_ADMIN for kprobes, though not for fentry: run syndrop as root, or `sysctl kernel.perf_event_paranoid=2`"
    )]
    Paranoid(i32),
    /// A container runtime may filter the system calls.
    #[error(
        "a seccomp filter is active, which may refuse bpf(2) and perf_event_open(2): run syndrop outside of the container, or allow both in its seccomp profile"
    )]
    Seccomp,
}

impl Gap {
    /// What it means for the exit status.
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Architecture(_) | Self::NoBtf | Self::NoKprobes | Self::LockedDown => {
                Exit::Unsupported
            }
            Self::UserNamespace
            | Self::WithoutKprobes
            | Self::Capabilities(_)
            | Self::LockedMemory(_)
            | Self::Paranoid(_)
            | Self::Seccomp => Exit::NotPermitted,
        }
    }
}

struct List<'a>(&'a [&'static str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" and "))?;
        f.write_str(if self.0.len() == 1 { " is" } else { " are" })
    }
}

/// All that is in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet(Vec<Gap>);

impl Unmet {
    /// Each obstacle.
    pub fn gaps(&self) -> &[Gap] {
        &self.0
    }

    /// What it means for the exit status: what no right can change comes first.
    pub fn exit(&self) -> Exit {
        let unsupported = self.0.iter().any(|gap| gap.exit() == Exit::Unsupported);
        if unsupported { Exit::Unsupported } else { Exit::NotPermitted }
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, gap) in self.0.iter().enumerate() {
            let between = if nth == 0 { "" } else { "; " };
            write!(f, "{between}{gap}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Unmet {}

/// Whether the kernel keeps its memory for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lockdown {
    /// It is not locked down for confidentiality.
    Open,
    /// It is, but lets programs read by themselves, and takes fentry.
    Direct,
    /// It is.
    Closed,
}

/// What was found. What could not be found out is `None` and in nobody's way.
#[derive(Debug, Clone)]
pub struct Rights {
    architecture: &'static str,
    release: String,
    has_btf: bool,
    has_kprobes: bool,
    lockdown: Option<Lockdown>,
    first_users: Option<bool>,
    capabilities: CapabilitySet,
    /// The hard limit on locked memory.
    locked_memory: Option<u64>,
    paranoid: Option<i32>,
    seccomp: bool,
}

impl Rights {
    /// Asks the running kernel.
    pub fn read() -> Self {
        let seccomp = Process::myself().and_then(|process| process.status());
        Self {
            architecture: env::consts::ARCH,
            release: super::release(),
            has_btf: Path::new(VMLINUX).exists(),
            has_kprobes: Path::new(KPROBES).exists(),
            lockdown: fs::read_to_string(LOCKDOWN).ok().map(|text| Lockdown::of(&text)),
            first_users: fs::read_link("/proc/self/ns/user")
                .ok()
                .map(|users| users.as_os_str() == FIRST_USERS),
            capabilities: capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective),
            locked_memory: getrlimit(Resource::Memlock).maximum,
            paranoid: fs::read_to_string(PARANOID).ok().and_then(|text| text.trim().parse().ok()),
            seccomp: seccomp.is_ok_and(|status| status.seccomp.unwrap_or(0) != 0),
        }
    }

    /// Fails on what is certainly in the way.
    ///
    /// # Errors
    /// Names all of it.
    pub fn check(&self) -> Result<(), Unmet> {
        let missing = self.missing_capabilities();
        let gaps: Vec<Gap> = [
            (self.architecture != "x86_64").then_some(Gap::Architecture(self.architecture)),
            (!self.has_btf).then_some(Gap::NoBtf),
            (!self.has_kprobes).then_some(Gap::NoKprobes),
            (self.lockdown == Some(Lockdown::Closed)).then_some(Gap::LockedDown),
            (self.first_users == Some(false)).then_some(Gap::UserNamespace),
            (!missing.is_empty()).then_some(Gap::Capabilities(missing)),
            self.locked_memory_gap(),
        ]
        .into_iter()
        .flatten()
        .collect();
        if gaps.is_empty() { Ok(()) } else { Err(Unmet(gaps)) }
    }

    /// The same for programs that hook no function.
    ///
    /// # Errors
    /// Names all that is in their way.
    pub fn check_without_hooks(&self) -> Result<(), Unmet> {
        let Err(Unmet(mut gaps)) = self.check() else { return Ok(()) };
        gaps.retain(|gap| *gap != Gap::NoKprobes);
        if gaps.is_empty() { Ok(()) } else { Err(Unmet(gaps)) }
    }

    /// What may be behind a refusal that nothing above explains.
    pub fn suspicions(&self) -> Vec<Gap> {
        let paranoid = self.paranoid.filter(|_| self.strict_perf_events()).map(Gap::Paranoid);
        let locked = (self.lockdown == Some(Lockdown::Direct)).then_some(Gap::WithoutKprobes);
        let seccomp = self.seccomp.then_some(Gap::Seccomp);
        paranoid.into_iter().chain(locked).chain(seccomp).collect()
    }

    fn has(&self, capability: CapabilitySet) -> bool {
        self.capabilities.contains(capability)
    }

    fn missing_capabilities(&self) -> Vec<&'static str> {
        // CAP_SYS_ADMIN stands for both, as before they were split off from it in 5.8.
        let needed = [(CapabilitySet::BPF, "CAP_BPF"), (CapabilitySet::PERFMON, "CAP_PERFMON")];
        needed
            .into_iter()
            .filter(|&(capability, _)| !self.has(capability) && !self.has(CapabilitySet::SYS_ADMIN))
            .map(|(_, name)| name)
            .collect()
    }

    fn locked_memory_gap(&self) -> Option<Gap> {
        let limit = self.locked_memory.filter(|limit| *limit < MAPS)?;
        // Nothing but the version tells how maps are counted; a backport only makes this too
        // careful for a user without CAP_SYS_RESOURCE.
        let counted = version(&self.release).is_some_and(|version| version < (5, 11));
        (counted && !self.has(CapabilitySet::SYS_RESOURCE)).then_some(Gap::LockedMemory(limit))
    }
}

impl Lockdown {
    /// What is in the way at the level in brackets.
    fn of(levels: &str) -> Self {
        match confidential(levels) {
            false => Self::Open,
            true if !is_realtime() && Direct::of_this_kernel().is_some() => Self::Direct,
            true => Self::Closed,
        }
    }
}

/// Whether the level in brackets is the strictest: `none integrity [confidentiality]`.
fn confidential(lockdown: &str) -> bool {
    lockdown.contains("[confidentiality]")
}

/// The first two numbers of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
pub(in crate::kernel) mod tests;
