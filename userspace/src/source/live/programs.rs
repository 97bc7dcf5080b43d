//! The BPF object in the kernel: loaded with this kernel's configuration, hooked by the plan.
//!
//! The order of hooks matters, because packets arrive meanwhile. Milestones come first, so that no
//! judged call can have passed one unseen; then returns, then entries, so that an entry that is
//! seen has its return seen too. Everything is held by file descriptors: when this process ends,
//! however it ends, the kernel takes all of it away.

use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc;
use std::{io, thread};

use aya::programs::{FEntry, FExit, KProbe, Program, ProgramError};
use aya::{Btf, BtfError, Ebpf, EbpfError, EbpfLoader};
use ebpf_probes::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::kinds;
use crate::kernel::hooks::Kind;
use crate::kernel::{Plan, PlannedProbe};
use crate::source::Settings;

/// Levels as aya-log numbers them. At the lowest the verifier removes the code that would log.
const LOG_NOTHING: u8 = 0;
const LOG_DEBUG: u8 = 4;

pub(crate) static OBJECT: &[u8] = aya::include_bytes_aligned!(env!("SYNDROP_BPF_OBJECT"));

/// What went wrong between the object and its hooks.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
    /// Maps could not be made, or the object is damaged.
    #[error("failed to load the BPF object")]
    Object(#[source] Box<EbpfError>),
    /// The object is none.
    #[error("failed to find the sections of the BPF object: it is damaged")]
    Sections,
    /// aya does not understand what was put together for it.
    #[error("failed to tell aya of the kernel's functions")]
    Types(#[source] BtfError),
    /// The plan names a program that the object does not have.
    #[error("failed to find BPF program {0} in the object: it was built from other sources")]
    Absent(&'static str),
    /// The kernel refused a program.
    #[error("failed to load BPF program {program}")]
    Refused {
        /// Its name in the object.
        program: &'static str,
        /// The verifier's or the kernel's answer.
        source: Box<ProgramError>,
    },
    /// The kernel refused a hook.
    #[error("failed to attach {program} to {target}")]
    Attach {
        /// Its name in the object.
        program: &'static str,
        /// The kernel function.
        target: String,
        /// The kernel's answer.
        source: Box<ProgramError>,
    },
}

/// Loads the object and hooks every probe of the plan.
///
/// # Errors
/// The first refusal; nothing stays attached then.
pub(super) fn start(plan: &Plan, settings: &Settings) -> Result<Ebpf, ProgramsError> {
    let config = Config { filter: settings.filter, ..plan.config };
    let level: u8 = if settings.verbose { LOG_DEBUG } else { LOG_NOTHING };
    let mut ebpf = loader()
        .btf(None)
        .override_global("CONFIG", config.as_bytes(), true)
        .override_global("AYA_LOG_LEVEL", &level, true)
        .load(&kinds::renamed(OBJECT, &plan.probes).ok_or(ProgramsError::Sections)?)
        .map_err(|source| ProgramsError::Object(Box::new(source)))?;
    let types = kinds::types(&plan.probes).map_err(ProgramsError::Types)?;
    hook(&mut ebpf, &plan.probes, &types)?;
    Ok(ebpf)
}

/// Milestones, then returns, then entries.
fn in_order(probes: &[PlannedProbe]) -> Vec<&PlannedProbe> {
    let mut ordered: Vec<&PlannedProbe> = probes.iter().collect();
    ordered.sort_by_key(|probe| match (probe.milestone, probe.kind) {
        (true, _) => 0,
        (false, Kind::Return) => 1,
        (false, Kind::Entry) => 2,
    });
    ordered
}

/// A loader that has not read the types of the running kernel.
///
/// These programs need none of them, `KernelBtf` reads the few that matter, and reading all takes
/// longer and more memory than anything else at the start. But aya's loader begins with just that,
/// and goes without them only where they cannot be opened: so no file can be, for that moment.
pub(crate) fn loader<'a>() -> EbpfLoader<'a> {
    let limit = getrlimit(Resource::Nofile);
    let lowered = setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..limit });
    let loader = EbpfLoader::new();
    if lowered.is_ok() {
        // To raise it again to what it was needs no rights.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    loader
}

/// A program of one kind or the other.
enum Hooked<'a> {
    Kprobe(&'a mut KProbe),
    Entry(&'a mut FEntry),
    Return(&'a mut FExit),
}

impl<'a> Hooked<'a> {
    fn new(program: &'a mut Program) -> Option<Self> {
        match program {
            Program::KProbe(program) => Some(Self::Kprobe(program)),
            Program::FEntry(program) => Some(Self::Entry(program)),
            Program::FExit(program) => Some(Self::Return(program)),
            _ => None,
        }
    }

    fn load(&mut self, probe: &PlannedProbe, types: &Btf) -> Result<(), ProgramsError> {
        let loaded = match self {
            Self::Kprobe(program) => program.load(),
            Self::Entry(program) => program.load(&probe.target, types),
            Self::Return(program) => program.load(&probe.target, types),
        };
        loaded.map_err(|source| ProgramsError::Refused {
            program: probe.program,
            source: source.into(),
        })
    }

    fn attach(&mut self, probe: &PlannedProbe) -> Result<(), ProgramsError> {
        let attached = match self {
            Self::Kprobe(program) => program.attach(&probe.target, 0).map(drop),
            Self::Entry(program) => program.attach().map(drop),
            Self::Return(program) => program.attach().map(drop),
        };
        attached.map_err(|source| ProgramsError::Attach {
            program: probe.program,
            target: probe.target.clone(),
            source: source.into(),
        })
    }
}

/// Hooks the probes in their order. The verifier works on the next program while the kernel waits
/// for the hook of the one before: both take long, and neither needs the other.
fn hook(ebpf: &mut Ebpf, probes: &[PlannedProbe], types: &Btf) -> Result<(), ProgramsError> {
    let mut programs: HashMap<&str, Hooked<'_>> = ebpf
        .programs_mut()
        .filter_map(|(name, program)| Some((name, Hooked::new(program)?)))
        .collect();
    let (loaded, to_attach) = mpsc::channel();
    thread::scope(|scope| {
        let loading = scope.spawn(move || {
            for probe in in_order(probes) {
                let mut program =
                    programs.remove(probe.program).ok_or(ProgramsError::Absent(probe.program))?;
                program.load(probe, types)?;
                if loaded.send((program, probe)).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let attached = to_attach.iter().try_for_each(|(mut program, probe)| program.attach(probe));
        // A loader that still has programs to hand over learns by this that nobody takes them.
        drop(to_attach);
        attached.and(loading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

impl ProgramsError {
    /// The program that the kernel refused, if that was it.
    pub(super) fn refused(&self) -> Option<&'static str> {
        match *self {
            Self::Refused { program, .. } | Self::Attach { program, .. } => Some(program),
            _ => None,
        }
    }

    /// Whether the program itself was good.
    pub(super) const fn is_of_attaching(&self) -> bool {
        matches!(self, Self::Attach { .. })
    }

    /// Whether the kernel refused for want of rights.
    pub(super) fn is_denial(&self) -> bool {
        denied(self)
    }
}

/// Whether the kernel's own answer, at the end of the chain, was that rights are missing.
fn denied(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<io::Error>() {
        Some(answer) => answer.kind() == io::ErrorKind::PermissionDenied,
        None => error.source().is_some_and(denied),
    }
}
