//! Fills in what the object leaves open in its instructions: where this kernel's arguments lie, how
//! its memory is read, and whether anything is logged.

use std::ops::Range;

use ebpf_probes::{Arg, OPEN_ARG, OPEN_LOG, OPEN_PLACE, OPEN_READ, READ_MAX};
use object::{Object, ObjectSection, SectionKind};

use crate::kernel::{Direct, Layout};

/// An instruction takes eight bytes.
const SIZE: usize = 8;

/// Operations (Linux, include/uapi/linux/bpf.h and bpf_common.h).
const LOAD_64: u8 = 0x79;
const MOVE: u8 = 0xbf;
const SET: u8 = 0xb7;
const CALL: u8 = 0x85;

/// Stands for the source register where a call is one of a function of the kernel's
/// (`BPF_PSEUDO_KFUNC_CALL`).
const OF_KERNEL: u8 = 2;

/// The same where it is one of the object's (`BPF_PSEUDO_CALL`).
const OF_OBJECT: u8 = 1;

/// `BPF_FUNC_probe_read_kernel`.
const READ_KERNEL: i32 = 113;

/// One instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Instruction {
    operation: u8,
    target: u8,
    source: u8,
    offset: i16,
    number: i32,
}

impl Instruction {
    const fn read([operation, registers, low, high, number @ ..]: [u8; SIZE]) -> Self {
        let (offset, number) = (i16::from_le_bytes([low, high]), i32::from_le_bytes(number));
        Self { operation, target: registers & 15, source: registers >> 4, offset, number }
    }

    const fn written(self) -> [u8; SIZE] {
        let Self { operation, target, source, offset, number } = self;
        let [low, high] = offset.to_le_bytes();
        let [first, second, third, fourth] = number.to_le_bytes();
        [operation, target | source << 4, low, high, first, second, third, fourth]
    }

    /// The argument that it loads, whose place is left open.
    fn argument(self) -> Option<usize> {
        let nth = usize::try_from(self.offset.checked_sub(OPEN_ARG)?).ok()?;
        (self.operation == LOAD_64 && nth < Arg::COUNT).then_some(nth)
    }

    /// The argument whose place it names, which is left open.
    fn place(self) -> Option<usize> {
        let nth = usize::try_from(self.number.checked_sub(OPEN_PLACE.cast_signed())?).ok()?;
        (self.operation == SET && nth < Arg::COUNT).then_some(nth)
    }

    /// Whether what follows it is the call that logs.
    const fn is_log(self) -> bool {
        self.operation == SET && self.number == OPEN_LOG.cast_signed()
    }

    /// How many bytes are read, where that is left open in it.
    fn size(self) -> Option<i32> {
        let size = self.number.checked_sub(OPEN_READ.cast_signed())?;
        let is_size = (1..=READ_MAX.cast_signed()).contains(&size);
        (self.operation == SET && self.target == 2 && is_size).then_some(size)
    }
}

/// Fills in all of an object. `None` if it is none, or not one of ours.
pub(crate) fn fill(object: &mut [u8], layout: &Layout, logs: bool) -> Option<()> {
    for code in code(object)? {
        let (instructions, _) = object.get_mut(code)?.as_chunks_mut::<SIZE>();
        for nth in 0..instructions.len() {
            let instruction = Instruction::read(instructions[nth]);
            if let Some(arg) = instruction.argument() {
                instructions[nth] = argument(instruction, layout.args[arg]).written();
            } else if let Some(arg) = instruction.place() {
                let number = 8 * i32::from(layout.args[arg].unwrap_or_default());
                instructions[nth] = Instruction { number, ..instruction }.written();
            } else if let Some(size) = instruction.size() {
                read(instructions.get_mut(nth.checked_sub(1)?..)?, size, layout.direct)?;
            } else if instruction.is_log() && !logs {
                silence(instructions.get_mut(nth..)?)?;
            }
        }
    }
    Some(())
}

/// Where the object's instructions lie.
fn code(object: &[u8]) -> Option<Vec<Range<usize>>> {
    let file = object::File::parse(object).ok()?;
    let code = file.sections().filter(|section| section.kind() == SectionKind::Text);
    let ranges = code.filter_map(|section| section.file_range());
    ranges
        .map(|(start, len)| {
            let (start, len) = (usize::try_from(start).ok()?, usize::try_from(len).ok()?);
            Some(start..start.checked_add(len)?)
        })
        .collect()
}

/// The load of an argument from this word of the context. Nobody loads a program for which there is
/// none.
fn argument(load: Instruction, word: Option<u8>) -> Instruction {
    match word {
        Some(word) => Instruction { offset: 8 * i16::from(word), ..load },
        None => Instruction { operation: SET, source: 0, offset: 0, number: 0, ..load },
    }
}

/// Makes a read one by the helper, or a direct one.
fn read(instructions: &mut [[u8; SIZE]], size: i32, direct: Option<Direct>) -> Option<()> {
    let [room, bytes, call, loads @ ..] = instructions else { return None };
    let [mut to, mut set, mut called] = [*room, *bytes, *call].map(Instruction::read);
    let helper =
        Instruction { operation: CALL, target: 0, source: 0, offset: 0, number: READ_KERNEL };
    if to.operation != MOVE || to.target != 1 || called != helper {
        return None;
    }
    let Some(Direct { function, structure }) = direct else {
        set.number = size;
        *bytes = set.written();
        return Some(());
    };
    for load in loads.get_mut(..if size > 8 { 2 } else { 1 })? {
        let mut loaded = Instruction::read(*load);
        if loaded.source != to.source {
            return None;
        }
        loaded.source = 0;
        *load = loaded.written();
    }
    to.source = 3;
    set.number = structure.cast_signed();
    (called.source, called.number) = (OF_KERNEL, function.cast_signed());
    [*room, *bytes, *call] = [to, set, called].map(Instruction::written);
    Some(())
}

/// Takes the call away that logs, without which the function is no part of a program.
fn silence(instructions: &mut [[u8; SIZE]]) -> Option<()> {
    let [mark, call, ..] = instructions else { return None };
    let (marked, called) = (Instruction::read(*mark), Instruction::read(*call));
    if called.operation != CALL || called.source != OF_OBJECT {
        return None;
    }
    let nothing = Instruction { number: 0, ..marked }.written();
    (*mark, *call) = (nothing, nothing);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::{CALL, Instruction, OF_KERNEL, OF_OBJECT, READ_KERNEL, SIZE, code, fill};
    use crate::kernel::{Direct, Layout};
    use crate::source::live::programs::OBJECT;

    fn instructions(object: &[u8]) -> Vec<Instruction> {
        let code = code(object).unwrap();
        let bytes = code.into_iter().flat_map(|range| object[range].as_chunks::<SIZE>().0);
        bytes.copied().map(Instruction::read).collect()
    }

    fn filled(direct: Option<Direct>) -> Vec<Instruction> {
        let mut object = OBJECT.to_vec();
        fill(&mut object, &Layout { direct, ..Layout::UNRESOLVED }, false).unwrap();
        let after = instructions(&object);
        let open = [Instruction::argument, Instruction::place];
        assert!(after.iter().all(|one| one.size().is_none()));
        assert!(after.iter().all(|&one| open.iter().all(|open| open(one).is_none())));
        after
    }

    #[test]
    fn nothing_stays_open() {
        let before = instructions(OBJECT);
        let reads = before.iter().filter(|one| one.size().is_some()).count();
        assert!(reads > 100 && before.iter().any(|one| one.argument().is_some()));
        let direct = Direct { function: 70_000, structure: 5 };
        let calls = |all: &[Instruction], source, number| {
            let is_such = |one: &&Instruction| {
                one.operation == CALL && one.source == source && one.number == number
            };
            all.iter().filter(is_such).count()
        };
        let (by_helper, directly) = (filled(None), filled(Some(direct)));
        assert_eq!(calls(&by_helper, 0, READ_KERNEL), reads);
        assert_eq!(calls(&directly, OF_KERNEL, 70_000), reads);
        assert_eq!(calls(&directly, 0, READ_KERNEL), 0);
    }

    #[test]
    fn a_context_is_read_where_its_arguments_are() {
        let args = [Some(7); ebpf_probes::Arg::COUNT];
        let mut object = OBJECT.to_vec();
        fill(&mut object, &Layout { args, ..Layout::UNRESOLVED }, false).unwrap();
        let (before, after) = (instructions(OBJECT), instructions(&object));
        for (before, after) in before.iter().zip(&after) {
            if before.argument().is_some() {
                assert_eq!((after.operation, after.offset), (before.operation, 56));
            } else if before.place().is_some() {
                assert_eq!((after.operation, after.number), (before.operation, 56));
            }
        }
        assert!(before.iter().any(|one| one.place().is_some()));
    }

    #[test]
    fn what_logs_is_called_only_where_it_shall() {
        let before = instructions(OBJECT);
        let logs = |all: &[Instruction]| {
            let called = |two: &&[Instruction]| {
                two[0].is_log() && two[1].operation == CALL && two[1].source == OF_OBJECT
            };
            all.windows(2).filter(called).count()
        };
        let calls = |all: &[Instruction]| {
            all.iter().filter(|one| one.operation == CALL && one.source == OF_OBJECT).count()
        };
        let (loud, quiet) = [true, false]
            .map(|wanted| {
                let mut object = OBJECT.to_vec();
                fill(&mut object, &Layout::UNRESOLVED, wanted).unwrap();
                instructions(&object)
            })
            .into();
        assert_eq!(logs(&before), before.iter().filter(|one| one.is_log()).count());
        assert_eq!((logs(&loud), calls(&loud)), (logs(&before), calls(&before)));
        assert_eq!((logs(&quiet), calls(&quiet)), (0, calls(&before) - logs(&before)));
        assert!(logs(&before) > 0);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(fill(&mut [], &Layout::UNRESOLVED, false).is_none());
        assert!(fill(&mut [0xff; 64], &Layout::UNRESOLVED, true).is_none());
    }
}
