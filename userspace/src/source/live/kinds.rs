//! What makes a program of the object one of fentry or fexit: the name of its section, and the
//! number of its function among the kernel's types.
//!
//! The instructions are the same for each kind. The object names the kind that works everywhere;
//! aya goes by that name, so what shall be of another kind is renamed before aya reads it.

use std::collections::HashSet;

use aya::{Btf, BtfError, Endianness};

use crate::kernel::hooks::Kind;
use crate::kernel::{Attach, PlannedProbe};

/// Kinds as section names spell them. No new one is longer than the old one.
const ENTRY: (&[u8], &[u8]) = (b"kprobe/", b"fentry/");
const RETURN: (&[u8], &[u8]) = (b"kretprobe/", b"fexit/\0\0\0\0");

/// The object with the sections renamed of all programs that shall be fentry or fexit. `None` if it
/// is no object.
pub(super) fn renamed(object: &[u8], probes: &[PlannedProbe]) -> Option<Vec<u8>> {
    let traced = |wanted: Kind| -> HashSet<&[u8]> {
        let traced = probes.iter().filter(|probe| probe.attach != Attach::Kprobe);
        traced.filter(|probe| probe.kind == wanted).map(|probe| probe.program.as_bytes()).collect()
    };
    let (entries, returns) = (traced(Kind::Entry), traced(Kind::Return));
    let mut renamed = object.to_vec();
    for name in names(&mut renamed)?.split_mut(|byte| *byte == 0) {
        // The section of its relocations ends in the same name, and shares its bytes.
        let start = if name.starts_with(b".rel") { 4 } else { 0 };
        let name = &mut name[start..];
        for ((old, new), wanted) in [(ENTRY, &entries), (RETURN, &returns)] {
            if name.strip_prefix(old).is_some_and(|program| wanted.contains(program)) {
                name[..new.len()].copy_from_slice(new);
            }
        }
    }
    Some(renamed)
}

/// The names of the sections of a 64-bit ELF file of our own byte order.
fn names(object: &mut [u8]) -> Option<&mut [u8]> {
    const HEADERS: usize = 40;
    const HEADER_SIZE: usize = 58;
    const NAMES: usize = 62;
    let half = |at: usize| Some(u16::from_ne_bytes(*object.get(at..)?.first_chunk()?).into());
    let word =
        |at: usize| usize::try_from(u64::from_ne_bytes(*object.get(at..)?.first_chunk()?)).ok();
    let size: usize = half(HEADER_SIZE)?;
    let nth: usize = half(NAMES)?;
    let header = word(HEADERS)?.checked_add(size.checked_mul(nth)?)?;
    let (start, len) = (word(header.checked_add(24)?)?, word(header.checked_add(32)?)?);
    object.get_mut(start..start.checked_add(len)?)
}

/// As much of the kernel's types as aya needs to find these functions by name: each has its own
/// number, and whatever lies between stands for nothing. All of the real ones would take longer to
/// read, and more memory, than everything else at the start.
pub(super) fn types(probes: &[PlannedProbe]) -> Result<Btf, BtfError> {
    const MAGIC: u16 = 0xeb9f;
    const VERSION: u8 = 1;
    const HEADER: u32 = 24;
    const POINTER: u32 = 2 << 24;
    const FUNCTION: u32 = 12 << 24;
    let mut functions: Vec<(u32, &str)> = probes
        .iter()
        .filter_map(|probe| match probe.attach {
            Attach::Fentry { id } => Some((id, probe.target.as_str())),
            Attach::Kprobe => None,
        })
        .collect();
    functions.sort_unstable();
    functions.dedup();
    let strings = 1 + functions.iter().map(|(_, name)| name.len() + 1).sum::<usize>();
    let last = functions.last().map_or(0, |(id, _)| *id);
    let types = 12 * last;
    let mut bytes = Vec::with_capacity(24 + strings + 12 * last as usize);
    let words = |bytes: &mut Vec<u8>, words: &[u32]| {
        for word in words {
            bytes.extend(word.to_ne_bytes());
        }
    };
    bytes.extend(MAGIC.to_ne_bytes());
    bytes.extend([VERSION, 0]);
    let strings = u32::try_from(strings).unwrap_or(u32::MAX);
    words(&mut bytes, &[HEADER, 0, types, types, strings]);
    let (mut next, mut name_at) = (1, 1);
    for (id, name) in &functions {
        for _ in next..*id {
            words(&mut bytes, &[0, POINTER, 0]);
        }
        words(&mut bytes, &[name_at, FUNCTION, 0]);
        name_at += u32::try_from(name.len()).unwrap_or(u32::MAX) + 1;
        next = id + 1;
    }
    bytes.push(0);
    for (_, name) in functions {
        bytes.extend(name.bytes());
        bytes.push(0);
    }
    Btf::parse(&bytes, Endianness::default())
}

#[cfg(test)]
mod tests {
    use super::{renamed, types};
    use crate::kernel::hooks::Kind;
    use crate::kernel::{Attach, PlannedProbe};
    use crate::source::live::programs::OBJECT;

    fn probe(program: &'static str, kind: Kind, attach: Attach) -> PlannedProbe {
        let target = "tcp_check_req".to_owned();
        PlannedProbe { program, target, kind, attach, ordinary: true, milestone: false }
    }

    fn count(object: &[u8], name: &str) -> usize {
        object.windows(name.len()).filter(|window| *window == name.as_bytes()).count()
    }

    #[test]
    fn only_programs_that_shall_be_traced_change_their_kind() {
        let id = 7;
        let probes = [
            probe("check_req", Kind::Entry, Attach::Fentry { id }),
            probe("check_req_exit", Kind::Return, Attach::Fentry { id }),
            probe("conn_request", Kind::Entry, Attach::Kprobe),
        ];
        let renamed = renamed(OBJECT, &probes).unwrap();
        assert_eq!(renamed.len(), OBJECT.len());
        for (name, before, after) in [
            ("kprobe/check_req\0", 1, 0),
            ("fentry/check_req\0", 0, 1),
            ("kretprobe/check_req_exit\0", 1, 0),
            ("fexit/\0\0\0\0check_req_exit\0", 0, 1),
            ("kprobe/conn_request\0", 1, 1),
        ] {
            assert_eq!((count(OBJECT, name), count(&renamed, name)), (before, after), "{name}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(renamed(&OBJECT[..60], &[]).is_none());
        assert!(renamed(&[0xff; 64], &[]).is_none());
        assert!(renamed(&[], &[]).is_none());
    }

    #[test]
    fn types_are_few_and_understood() {
        let probes = [
            probe("check_req", Kind::Entry, Attach::Fentry { id: 70_000 }),
            probe("check_req_exit", Kind::Return, Attach::Fentry { id: 70_000 }),
            probe("conn_request", Kind::Entry, Attach::Kprobe),
        ];
        assert!(types(&probes).is_ok());
        assert!(types(&[]).is_ok());
    }
}
