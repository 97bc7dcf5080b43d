//! One instruction, and what it leaves open.

use ebpf_probes::{
    Arg, Field, OPEN_ARG, OPEN_FIELD, OPEN_LACKS, OPEN_LOG, OPEN_PLACE, OPEN_READ, READ_MAX,
};

/// It takes eight bytes.
pub(super) const SIZE: usize = 8;

/// Operations (Linux, include/uapi/linux/bpf.h and bpf_common.h).
const LOAD_64: u8 = 0x79;
pub(super) const MOVE: u8 = 0xbf;
pub(super) const SET: u8 = 0xb7;
const ADD: u8 = 0x07;
const SUBTRACT: u8 = 0x17;
const SHIFT_LEFT: u8 = 0x67;
const SHIFT_RIGHT: u8 = 0x77;
pub(super) const CALL: u8 = 0x85;

/// Stands for the source register where a call is one of a function of the kernel's
/// (`BPF_PSEUDO_KFUNC_CALL`).
pub(super) const OF_KERNEL: u8 = 2;

/// The same where it is one of the object's (`BPF_PSEUDO_CALL`).
pub(super) const OF_OBJECT: u8 = 1;

/// `BPF_FUNC_probe_read_kernel`.
pub(super) const READ_KERNEL: i32 = 113;

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Instruction {
    pub(super) operation: u8,
    pub(super) target: u8,
    pub(super) source: u8,
    pub(super) offset: i16,
    pub(super) number: i32,
}

/// What an instruction leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    /// From where it loads this [`Arg`].
    Argument(usize),
    /// Where this [`Arg`] lies, in bytes from the beginning of the context.
    Place(usize),
    /// How far it is to this [`Field`].
    Distance(usize),
    /// How many bits this [`Field`] lacks to 64.
    Lacks(usize),
    /// How so many bytes are read.
    Read(i32),
    /// Whether what follows is called, which logs.
    Log,
}

impl Instruction {
    pub(super) const fn read([operation, registers, low, high, number @ ..]: [u8; SIZE]) -> Self {
        let (offset, number) = (i16::from_le_bytes([low, high]), i32::from_le_bytes(number));
        Self { operation, target: registers & 15, source: registers >> 4, offset, number }
    }

    pub(super) const fn written(self) -> [u8; SIZE] {
        let Self { operation, target, source, offset, number } = self;
        let [low, high] = offset.to_le_bytes();
        let [first, second, third, fourth] = number.to_le_bytes();
        [operation, target | source << 4, low, high, first, second, third, fourth]
    }

    /// What it leaves open, if anything.
    pub(super) fn open(self) -> Option<Open> {
        let number = i64::from(self.number);
        match self.operation {
            LOAD_64 => nth(self.offset.into(), OPEN_ARG.into(), Arg::COUNT).map(Open::Argument),
            ADD | SUBTRACT => nth(number, OPEN_FIELD.into(), Field::COUNT).map(Open::Distance),
            SHIFT_LEFT | SHIFT_RIGHT => {
                nth(number, OPEN_LACKS.into(), Field::COUNT).map(Open::Lacks)
            }
            SET if number == i64::from(OPEN_LOG) => Some(Open::Log),
            SET if self.target == 2 && (FIRST..=LAST).contains(&number) => {
                Some(Open::Read(self.number - OPEN_READ.cast_signed()))
            }
            SET => nth(number, OPEN_PLACE.into(), Arg::COUNT).map(Open::Place),
            _ => None,
        }
    }
}

/// Reads are told by numbers from here to there.
const FIRST: i64 = OPEN_READ as i64 + 1;
const LAST: i64 = (OPEN_READ + READ_MAX) as i64;

/// Which one of so many numbers from `first` on it is.
fn nth(number: i64, first: i64, count: usize) -> Option<usize> {
    usize::try_from(number - first).ok().filter(|&nth| nth < count)
}
