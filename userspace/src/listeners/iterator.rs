//! The BPF iterator: every listener of the namespace of the thread that opens it.
//!
//! It is one more program of the object. Loading the object makes the maps of all programs, as
//! small as they can be; of the programs only the iterator is handed to the kernel.

use std::fs::File;
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::thread;

use aya::programs::links::LinkError;
use aya::programs::{Iter, ProgramError};
use aya::{Btf, BtfError, Ebpf, EbpfError};
use ebpf_probes::{ABSENT, Field, ListenerRecord};

use crate::decode::{self, DecodeError, Listener};
use crate::kernel::hooks::Asked;
use crate::kernel::rights::Unmet;
use crate::kernel::{KernelBtf, Plan, PlanError, Rights, direct, fields};
use crate::source::live::application::needless;
use crate::source::live::open::fill;
use crate::source::live::programs::{OBJECT, loader};

const PROGRAM: &str = "listeners";
const KIND: &str = "tcp";

/// More than the kernel gives at once.
const BUFFER: usize = 1 << 16;

/// Whole pages, whatever their size.
const SMALLEST_RING: u32 = 1 << 16;

/// After a million sockets without a listener the kernel takes a break; there are listeners first,
/// so that more than a few of them mean that something else is wrong.
const BREAKS: usize = 16;

/// Why there is no iterator.
#[derive(Debug, thiserror::Error)]
pub enum IteratorError {
    /// Rights are missing.
    #[error(transparent)]
    Rights(#[from] Unmet),
    /// The kernel's fields are not as known.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Nothing tells listeners from other sockets.
    #[error("failed to find the field sock_common.skc_state of this kernel")]
    State,
    /// The kernel has no such iterator, which came with Linux 5.9.
    #[error("failed to find the kernel's iterator over TCP sockets")]
    Kind(#[source] BtfError),
    /// Maps could not be made, or the object is damaged.
    #[error("failed to load the BPF object")]
    Object(#[source] EbpfError),
    /// The object is none.
    #[error("failed to find the instructions of the BPF object: it is damaged")]
    Damaged,
    /// The object was built from other sources.
    #[error("failed to find BPF program {PROGRAM} in the object")]
    Absent,
    /// The kernel refused it.
    #[error("failed to load BPF program {PROGRAM}")]
    Refused(#[source] ProgramError),
    /// The kernel refused to open it.
    #[error("failed to open the iterator")]
    Open(#[source] LinkError),
    /// It cannot be read.
    #[error("failed to read the iterator")]
    Read(#[source] io::Error),
    /// What it wrote makes no sense.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// The iterator, loaded.
pub(super) struct TcpIterator {
    ebpf: Ebpf,
}

impl TcpIterator {
    pub(super) fn load() -> Result<Self, IteratorError> {
        Rights::read().check_without_hooks()?;
        let (plan, types) = thread::scope(|scope| {
            // aya wants all of the kernel's types, to find one function among them.
            let types = scope.spawn(Btf::from_sys_fs);
            (fields(), types.join().unwrap_or_else(|panic| resume_unwind(panic)))
        });
        let (Plan { config, layout, .. }, types) = (plan?, types.map_err(IteratorError::Kind)?);
        if layout.field(Field::SockState) == ABSENT {
            return Err(IteratorError::State);
        }
        let mut object = OBJECT.to_vec();
        fill(&mut object, &layout, false).ok_or(IteratorError::Damaged)?;
        let mut loader = loader();
        for map in needless(Asked::default()) {
            loader.map_max_entries(map, 1);
        }
        let mut ebpf = loader
            .btf(None)
            .override_global("CONFIG", config.as_bytes(), true)
            .map_max_entries("EVENTS", SMALLEST_RING)
            .map_max_entries("TOTALS", 1)
            .map_max_entries("OVERFLOW", 1)
            .map_max_entries("COUNTS", 1)
            .map_max_entries("BATCHES", 1)
            .map_max_entries("CLIENTS", 1)
            .load(&object)
            .map_err(IteratorError::Object)?;
        program(&mut ebpf)?.load(KIND, &types).map_err(|error| match error {
            ProgramError::Btf(error) => IteratorError::Kind(error),
            error => IteratorError::Refused(error),
        })?;
        Ok(Self { ebpf })
    }

    /// Goes through the listeners of the calling thread's namespace.
    pub(super) fn read(&mut self) -> Result<Vec<Listener>, IteratorError> {
        let program = program(&mut self.ebpf)?;
        let link = program.attach().and_then(|link| program.take_link(link));
        let file =
            link.map_err(IteratorError::Refused)?.into_file().map_err(IteratorError::Open)?;
        listeners(file)
    }
}

/// Where this kernel's fields are.
fn fields() -> Result<Plan, PlanError> {
    let names: Vec<_> = fields::structures().chain(direct::NAMES).collect();
    Plan::of_fields(&KernelBtf::open(&names)?)
}

fn program(ebpf: &mut Ebpf) -> Result<&mut Iter, IteratorError> {
    let program = ebpf.program_mut(PROGRAM).ok_or(IteratorError::Absent)?;
    program.try_into().map_err(IteratorError::Refused)
}

fn listeners(mut file: File) -> Result<Vec<Listener>, IteratorError> {
    let mut found = Vec::new();
    let mut buffer = vec![0; BUFFER];
    let mut held = 0;
    let mut breaks = 0;
    loop {
        match file.read(&mut buffer[held..]) {
            Ok(0) => break,
            Ok(length) => held += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && breaks < BREAKS => {
                breaks += 1;
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(IteratorError::Read(error)),
        }
        let whole = held - held % size_of::<ListenerRecord>();
        if decode::listeners(&buffer[..whole], &mut found)? {
            break;
        }
        buffer.copy_within(whole..held, 0);
        held -= whole;
    }
    Ok(found)
}
