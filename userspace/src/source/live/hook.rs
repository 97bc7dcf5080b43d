//! One program and the kernel function that it is hooked to, whatever kind of probe it is.

use aya::Btf;
use aya::programs::{FEntry, FExit, KProbe, Program};

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
        loaded.map_err(|source| ProgramsError::Refused {
            program: probe.program,
            source: source.into(),
        })
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

/// A program on its way.
pub(super) struct Hook<'a> {
    program: Hooked<'a>,
    /// What is planned for it.
    pub(super) probe: &'a PlannedProbe,
    loaded: bool,
    attached: bool,
}

impl<'a> Hook<'a> {
    /// One that is neither loaded nor attached yet.
    pub(super) const fn new(program: Hooked<'a>, probe: &'a PlannedProbe) -> Self {
        Self { program, probe, loaded: false, attached: false }
    }

    pub(super) fn load(&mut self, types: &Btf) -> Result<(), ProgramsError> {
        if !self.loaded {
            self.program.load(self.probe, types)?;
            self.loaded = true;
        }
        Ok(())
    }

    pub(super) fn attach(&mut self) -> Result<(), ProgramsError> {
        if !self.attached {
            self.program.attach(self.probe)?;
            self.attached = true;
        }
        Ok(())
    }
}
