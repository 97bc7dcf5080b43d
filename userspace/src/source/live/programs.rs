//! The BPF object in the kernel: loaded with this kernel's configuration, hooked by the plan.
//!
//! Everything is held by file descriptors: when this process ends, however it ends, the kernel takes
//! all of it away.

use std::collections::{HashMap, VecDeque};
use std::error::Error;
use std::ops::{Deref, DerefMut};
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::{io, thread};

use aya::maps::{Array, MapData, MapError, ProgramArray};
use aya::programs::ProgramError;
use aya::util::nr_cpus;
use aya::{Ebpf, EbpfError, EbpfLoader};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::hook::{Hook, Hooked};
use super::hooking::{self, WORKERS};
use super::{application, kinds, open, table};
use crate::kernel::{GoesOn, Plan, PlannedProbe};
use crate::source::Settings;

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
    /// The number of CPUs is not to be had.
    #[error("failed to read how many CPUs there can be")]
    Cpus(#[source] io::Error),
    /// The programs could not be told which numbers their rows have, or that all is hooked.
    #[error("failed to write to a map of the BPF object")]
    Writing(#[source] MapError),
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

/// Loads the object and hooks every probe of the plan. What they see is to be settled then, and they
/// to be armed.
///
/// # Errors
/// The first refusal; nothing stays attached then.
pub(super) fn start(plan: &Plan, settings: &Settings) -> Result<Attached, ProgramsError> {
    let config = plan.config.showing(settings.filter, settings.detail);
    let mut loader = loader();
    for map in application::needless(settings.asked) {
        loader.map_max_entries(map, 1);
    }
    if let Some(rows) = settings.rows {
        loader.map_max_entries("TOTALS", rows);
    }
    let cpus = nr_cpus().map_err(|(_, error)| ProgramsError::Cpus(error))?;
    let batches = table::make_room(&mut loader, cpus);
    let mut object = kinds::renamed(OBJECT, &plan.probes).ok_or(ProgramsError::Sections)?;
    open::fill(&mut object, &plan.layout, settings.verbose).ok_or(ProgramsError::Sections)?;
    loader.btf(None).override_global("CONFIG", config.as_bytes(), true);
    let (made, types) = thread::scope(|scope| {
        let types = scope.spawn(|| kinds::types(&plan.probes));
        (loader.load(&object), types.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    let mut ebpf = made.map_err(|source| ProgramsError::Object(Box::new(source)))?;
    table::number(&mut ebpf, batches).map_err(ProgramsError::Writing)?;
    let found = arrays(&mut ebpf, &plan.probes)?;
    let mut attached = Attached { ebpf, found };
    hooking::hook(attached.hooks(&plan.probes)?, &types)?;
    // To give their memory back takes the kernel long, and nobody waits for it.
    thread::spawn(|| drop(types));
    Ok(attached)
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

/// The maps in which programs find those that they go on with, by the names of the latter.
fn arrays(ebpf: &mut Ebpf, probes: &[PlannedProbe]) -> Result<Arrays, ProgramsError> {
    let found = probes.iter().filter_map(|probe| probe.goes_on);
    let found: HashMap<_, _> = found.map(|GoesOn { program, map }| (program, map)).collect();
    let found = found.into_iter().map(|(program, map)| {
        let map = ebpf.take_map(map).ok_or(MapError::InvalidName { name: map.to_owned() })?;
        Ok((program, ProgramArray::try_from(map)?))
    });
    found.collect::<Result<_, _>>().map_err(ProgramsError::Writing)
}

/// Does something with each, several at a time.
fn side_by_side<T: Send>(queue: VecDeque<T>, job: impl Fn(T) + Sync) {
    let queue = Mutex::new(queue);
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(next) = next() {
                    job(next);
                }
            });
        }
    });
}

/// The programs, hooked for as long as this lives.
pub(super) struct Attached {
    ebpf: Ebpf,
    /// The kernel empties them when they are closed.
    found: Arrays,
}

type Arrays = HashMap<&'static str, ProgramArray<MapData>>;

impl Attached {
    fn hooks<'a>(&'a mut self, probes: &'a [PlannedProbe]) -> Result<Vec<Hook<'a>>, ProgramsError> {
        let mut programs: HashMap<&str, Hooked<'_>> = self
            .ebpf
            .programs_mut()
            .filter_map(|(name, program)| Some((name, Hooked::new(program)?)))
            .collect();
        let mut found: HashMap<_, _> = self.found.iter_mut().collect();
        let hooks = probes.iter().map(|probe| match programs.remove(probe.program) {
            Some(program) => Ok(Hook::new(program, probe, found.remove(&probe.program))),
            None => Err(ProgramsError::Absent(probe.program)),
        });
        hooks.collect()
    }

    /// Lets the programs draw conclusions from what they did not see. Calls that came before all
    /// was hooked must be over.
    pub(super) fn arm(&mut self) -> Result<(), ProgramsError> {
        const ARMED: &str = ".data.armed";
        let map = self.ebpf.map_mut(ARMED);
        let map = map.ok_or(MapError::InvalidName { name: ARMED.to_owned() });
        map.and_then(Array::try_from)
            .and_then(|mut map| map.set(0, 1_u64, 0))
            .map_err(ProgramsError::Writing)
    }
}

impl Deref for Attached {
    type Target = Ebpf;

    fn deref(&self) -> &Ebpf {
        &self.ebpf
    }
}

impl DerefMut for Attached {
    fn deref_mut(&mut self) -> &mut Ebpf {
        &mut self.ebpf
    }
}

impl Drop for Attached {
    /// The kernel would take the hooks away one after the other, and wait after each.
    fn drop(&mut self) {
        let programs = self.ebpf.programs_mut().filter_map(|(_, program)| Hooked::new(program));
        side_by_side(programs.collect(), Hooked::unhook);
    }
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
