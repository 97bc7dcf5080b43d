//! What makes a program of the object one of fentry or fexit: the name of its section, and the
//! number of its function among the kernel's types.
//!
//! The instructions are the same for each kind. The object names the kind that works everywhere;
//! aya goes by that name, so what shall be of another kind is renamed before aya reads it.

use std::collections::HashSet;

use aya::Btf;
use aya_obj::btf::{BtfType, Func, FuncLinkage};
use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::{FileHeader, SectionHeader};

use crate::kernel::hooks::Kind;
use crate::kernel::{Attach, PlannedProbe};

/// Kinds as section names spell them. No new one is longer than the old one.
const ENTRY: (&[u8], &[u8]) = (b"kprobe/", b"fentry/");
const RETURN: (&[u8], &[u8]) = (b"kretprobe/", b"fexit/\0\0\0\0");

/// What aya takes for nothing that it has to link, in the place of either.
const LEFT_OUT: [(&[u8], &[u8]); 2] = [(ENTRY.0, b"version"), (RETURN.0, b"version/\0\0")];

/// The object with the sections renamed of all programs that shall be fentry or fexit, or that are
/// not wanted at all. `None` if it is no object.
pub(super) fn renamed(object: &[u8], probes: &[PlannedProbe]) -> Option<Vec<u8>> {
    let traced = |wanted: Kind| -> HashSet<&[u8]> {
        let traced = probes.iter().filter(|probe| probe.attach != Attach::Kprobe);
        traced.filter(|probe| probe.kind == wanted).map(|probe| probe.program.as_bytes()).collect()
    };
    let (entries, returns) = (traced(Kind::Entry), traced(Kind::Return));
    let planned: HashSet<&[u8]> = probes.iter().map(|probe| probe.program.as_bytes()).collect();
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
        for (old, new) in LEFT_OUT {
            if name.strip_prefix(old).is_some_and(|program| !planned.contains(program)) {
                name[..new.len()].copy_from_slice(new);
            }
        }
    }
    Some(renamed)
}

/// The names of the object's sections.
fn names(object: &mut [u8]) -> Option<&mut [u8]> {
    let header = FileHeader64::<Endianness>::parse(&*object).ok()?;
    let endian = header.endian().ok()?;
    let nth = header.shstrndx(endian, &*object).ok()?;
    let sections = header.section_headers(endian, &*object).ok()?;
    let (start, len) = sections.get(usize::try_from(nth).ok()?)?.file_range(endian)?;
    let (start, len) = (usize::try_from(start).ok()?, usize::try_from(len).ok()?);
    object.get_mut(start..start.checked_add(len)?)
}

/// As much of the kernel's types as aya needs to find these functions by name: each has its own
/// number, and whatever lies between stands for nothing. All of the real ones would take longer to
/// read, and more memory, than everything else at the start; these still take some megabytes.
pub(super) fn types(probes: &[PlannedProbe]) -> Btf {
    let mut functions: Vec<(u32, &str)> = probes
        .iter()
        .filter_map(|probe| match probe.attach {
            Attach::Fentry { id } => Some((id, probe.target.as_str())),
            Attach::Kprobe => None,
        })
        .collect();
    functions.sort_unstable();
    functions.dedup();
    let mut types = Btf::new();
    let mut next = 1;
    for (id, name) in functions {
        for _ in next..id {
            types.add_type(BtfType::Unknown);
        }
        let name = types.add_string(name);
        types.add_type(BtfType::Func(Func::new(name, 0, FuncLinkage::Static)));
        next = id + 1;
    }
    types
}

#[cfg(test)]
mod tests {
    use aya_obj::btf::BtfKind;

    use super::{renamed, types};
    use crate::kernel::hooks::Kind;
    use crate::kernel::{Attach, PlannedProbe};
    use crate::source::live::programs::OBJECT;

    fn probe(program: &'static str, kind: Kind, attach: Attach) -> PlannedProbe {
        let target = "tcp_check_req".to_owned();
        PlannedProbe { program, target, kind, attach, milestone: false, goes_on: None }
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
            ("kretprobe/conn_request_exit\0", 1, 0),
            ("version/\0\0conn_request_exit\0", 0, 1),
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
    fn functions_are_found_by_name_under_their_own_numbers() {
        let probe = |program, target: &str, attach| PlannedProbe {
            target: target.to_owned(),
            ..probe(program, Kind::Entry, attach)
        };
        let probes = [
            probe("check_req", "tcp_check_req", Attach::Fentry { id: 70_000 }),
            probe("check_req_exit", "tcp_check_req", Attach::Fentry { id: 70_000 }),
            probe("conn_request", "tcp_conn_request", Attach::Kprobe),
            probe("cookie_v4", "cookie_v4_check", Attach::Fentry { id: 1 }),
            probe("cookie_v6", "cookie_v6_check", Attach::Fentry { id: 2 }),
        ];
        let types = types(&probes);
        let id = |name| types.id_by_type_name_kind(name, BtfKind::Func).ok();
        assert_eq!(id("tcp_check_req"), Some(70_000));
        assert_eq!(id("cookie_v4_check"), Some(1));
        assert_eq!(id("cookie_v6_check"), Some(2));
        assert_eq!(id("tcp_conn_request"), None, "a kprobe needs no number");
    }
}
