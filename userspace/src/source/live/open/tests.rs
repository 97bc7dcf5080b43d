use ebpf_probes::{ABSENT, Arg, Field, FieldSlot};

use super::instruction::{CALL, Instruction, OF_KERNEL, OF_OBJECT, Open, READ_KERNEL, SET, SIZE};
use super::{code, fill};
use crate::kernel::{Direct, Layout};
use crate::source::live::programs::OBJECT;

fn instructions(object: &[u8]) -> Vec<Instruction> {
    let code = code(object).unwrap();
    let bytes = code.into_iter().flat_map(|range| object[range].as_chunks::<SIZE>().0);
    bytes.copied().map(Instruction::read).collect()
}

/// The object's instructions, before and after they were filled in.
fn filled(layout: &Layout, logs: bool) -> (Vec<Instruction>, Vec<Instruction>) {
    let mut object = OBJECT.to_vec();
    fill(&mut object, layout, logs).unwrap();
    (instructions(OBJECT), instructions(&object))
}

fn calls(all: &[Instruction], source: u8, number: Option<i32>) -> usize {
    let is_such = |one: &&Instruction| {
        one.operation == CALL && one.source == source && number.is_none_or(|it| it == one.number)
    };
    all.iter().filter(is_such).count()
}

fn count(all: &[Instruction], is_such: impl Fn(Open) -> bool) -> usize {
    all.iter().filter(|one| one.open().is_some_and(&is_such)).count()
}

#[test]
fn nothing_stays_open() {
    let direct = Direct { function: 70_000, structure: 5 };
    let (before, by_helper) = filled(&Layout::UNRESOLVED, false);
    let (_, directly) = filled(&Layout { direct: Some(direct), ..Layout::UNRESOLVED }, false);
    let reads = count(&before, |open| matches!(open, Open::Read(_)));
    assert!(reads > 100 && count(&before, |open| matches!(open, Open::Argument(_))) > 0);
    for after in [&by_helper, &directly] {
        assert_eq!(count(after, |_| true), 0);
    }
    assert_eq!(calls(&by_helper, 0, Some(READ_KERNEL)), reads);
    assert_eq!(calls(&directly, OF_KERNEL, Some(70_000)), reads);
    assert_eq!(calls(&directly, 0, Some(READ_KERNEL)), 0);
}

#[test]
fn a_context_is_read_where_its_arguments_are() {
    let args = [Some(7); Arg::COUNT];
    let (before, after) = filled(&Layout { args, ..Layout::UNRESOLVED }, false);
    for (before, after) in before.iter().zip(&after) {
        match before.open() {
            Some(Open::Argument(_)) => {
                assert_eq!((after.operation, after.offset), (before.operation, 56));
            }
            Some(Open::Place(_)) => {
                assert_eq!((after.operation, after.number), (before.operation, 56));
            }
            _ => {}
        }
    }
    assert!(count(&before, |open| matches!(open, Open::Place(_))) > 0);
}

#[test]
fn a_field_lies_where_it_is_or_else_nowhere() {
    let absent = Field::SockNet as usize;
    let mut fields = [FieldSlot { offset: 640, size: 1 }; Field::COUNT];
    fields[absent] = ABSENT;
    let (before, after) = filled(&Layout { fields, ..Layout::UNRESOLVED }, false);
    for (before, after) in before.iter().zip(&after) {
        let expected = match before.open() {
            Some(Open::Distance(field)) if field == absent => (SET, 0),
            Some(Open::Distance(_)) => (before.operation, 640),
            Some(Open::Lacks(_)) => (before.operation, 56),
            _ => continue,
        };
        assert_eq!((after.operation, after.number), expected);
    }
    assert!(count(&before, |open| open == Open::Distance(absent)) > 0);
    assert!(count(&before, |open| matches!(open, Open::Lacks(_))) > 0);
}

#[test]
fn what_logs_is_called_only_where_it_shall() {
    let (before, loud) = filled(&Layout::UNRESOLVED, true);
    let (_, quiet) = filled(&Layout::UNRESOLVED, false);
    let logs = |all| count(all, |open| open == Open::Log);
    let called = |all| calls(all, OF_OBJECT, None);
    assert!(logs(&before) > 0);
    assert_eq!((logs(&loud), called(&loud)), (logs(&before), called(&before)));
    assert_eq!((logs(&quiet), called(&quiet)), (0, called(&before) - logs(&before)));
}

#[test]
fn what_is_no_object_is_refused() {
    assert!(fill(&mut [], &Layout::UNRESOLVED, false).is_none());
    assert!(fill(&mut [0xff; 64], &Layout::UNRESOLVED, true).is_none());
}
