//! One program and the kernel function that it is hooked to, whatever kind of probe it is.

use std::borrow::Borrow;

use aya::Btf;
use aya::maps::{MapData, ProgramArray};
use aya::programs::{FEntry, FExit, KProbe, Program, ProgramError, ProgramFd};

use super::programs::ProgramsError;
use crate::kernel::PlannedProbe;

/// A program of one kind or the other.
pub(super) enum Hooked<'a> {
    Kprobe(&'a mut KProbe),
    Entry(&'a mut FEntry),
    Return(&'a mut FExit),
}

impl<'a> Hooked<'a> {
    pub(super) fn new(program: &'a mut Program) -> Option<Self> {
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
        loaded.map_err(|source| refused(probe, source))
    }

    fn fd(&self) -> Result<&ProgramFd, ProgramError> {
        match self {
            Self::Kprobe(program) => program.fd(),
            Self::Entry(program) => program.fd(),
            Self::Return(program) => program.fd(),
        }
    }

    /// One that was never loaded cannot be unloaded; nothing is lost by that.
    pub(super) fn unhook(self) {
        let _ = match self {
            Self::Kprobe(program) => program.unload(),
            Self::Entry(program) => program.unload(),
            Self::Return(program) => program.unload(),
        };
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

fn refused(probe: &PlannedProbe, source: ProgramError) -> ProgramsError {
    ProgramsError::Refused { program: probe.program, source: source.into() }
}

/// A program on its way.
pub(super) struct Hook<'a> {
    program: Hooked<'a>,
    /// What is planned for it.
    pub(super) probe: &'a PlannedProbe,
    /// Where others find it that go on with it.
    found: Option<&'a mut ProgramArray<MapData>>,
}

impl Borrow<PlannedProbe> for Hook<'_> {
    fn borrow(&self) -> &PlannedProbe {
        self.probe
    }
}

impl<'a> Hook<'a> {
    /// One that is neither loaded nor attached yet.
    pub(super) const fn new(
        program: Hooked<'a>,
        probe: &'a PlannedProbe,
        found: Option<&'a mut ProgramArray<MapData>>,
    ) -> Self {
        Self { program, probe, found }
    }

    pub(super) fn load(&mut self, types: &Btf) -> Result<(), ProgramsError> {
        self.program.load(self.probe, types)?;
        let Some(found) = &mut self.found else { return Ok(()) };
        let fd = self.program.fd().map_err(|source| refused(self.probe, source))?;
        found.set(0, fd, 0).map_err(|source| refused(self.probe, source.into()))
    }

    pub(super) fn attach(&mut self) -> Result<(), ProgramsError> {
        self.program.attach(self.probe)
    }
}
