//! Fills in what the object leaves open in its instructions: where arguments and fields lie on this
//! kernel, how its memory is read, and whether anything is logged.

use std::ops::Range;

use ebpf_probes::{ABSENT, FieldSlot};
use object::{Object, ObjectSection, SectionKind};

use crate::kernel::{Direct, Layout};
use instruction::{CALL, Instruction, MOVE, OF_KERNEL, OF_OBJECT, Open, READ_KERNEL, SET, SIZE};

mod instruction;

/// Fills in all of an object. `None` if it is none, or not one of ours.
pub(crate) fn fill(object: &mut [u8], layout: &Layout, logs: bool) -> Option<()> {
    for code in code(object)? {
        let (instructions, _) = object.get_mut(code)?.as_chunks_mut::<SIZE>();
        for nth in 0..instructions.len() {
            let instruction = Instruction::read(instructions[nth]);
            let Some(open) = instruction.open() else { continue };
            let filled = match open {
                Open::Argument(arg) => argument(instruction, layout.args[arg]),
                Open::Place(arg) => {
                    let number = 8 * i32::from(layout.args[arg].unwrap_or_default());
                    Instruction { number, ..instruction }
                }
                Open::Distance(field) => distance(instruction, layout.fields[field])?,
                Open::Lacks(field) => {
                    let number = layout.fields[field].lacks().cast_signed();
                    Instruction { number, ..instruction }
                }
                Open::Read(size) => {
                    read(instructions.get_mut(nth.checked_sub(1)?..)?, size, layout.direct)?;
                    continue;
                }
                Open::Log if logs => continue,
                Open::Log => {
                    silence(instructions.get_mut(nth..)?)?;
                    continue;
                }
            };
            instructions[nth] = filled.written();
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

/// The step to where a field lies, or, where there is none, to nowhere.
fn distance(step: Instruction, field: FieldSlot) -> Option<Instruction> {
    if field == ABSENT {
        return Some(Instruction { operation: SET, number: 0, ..step });
    }
    Some(Instruction { number: i32::try_from(field.offset).ok()?, ..step })
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
mod tests;
