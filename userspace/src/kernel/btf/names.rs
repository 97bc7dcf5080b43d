//! Which types have a wanted name: one pass over the names, one over the types.
//!
//! The parser finds one name in one pass over all names; two dozen such passes would take longer
//! than the rest of the start-up. So the ids are found here, and all that they mean is left
//! to the parser. The file is read piece by piece: as a whole it would be among the largest things
//! that start-up holds. Layout: Documentation/bpf/btf.rst.

use std::io::{self, Read, Seek};

use foldhash::{HashMap, HashSet};

use super::BtfError;
use section::Section;

mod section;

const ENUM: u32 = 6;

/// Bits of a type's info word that no kernel sets so far; up to 7.3 the number of members has 16
/// bits and its kind five.
const RESERVED: u32 = 0x60ff_0000;

/// The ids of the structs, unions and functions with one of these names, and of the enums that
/// have an enumerator with one.
///
/// # Errors
/// If these are no types of a known format, or cannot be read.
pub(super) fn find(mut file: impl Read + Seek, wanted: &[&str]) -> Result<Vec<u32>, BtfError> {
    let mut header = [0; 24];
    file.read_exact(&mut header).map_err(unread)?;
    let [_, len, types_at, types_len, names_at, names_len] = words(&header);
    let from = |at: u32| u64::from(len) + u64::from(at);
    let names = Section::new(&mut file, from(names_at), names_len)?;
    let wanted = offsets(names, wanted)?;
    let mut types = Section::new(&mut file, from(types_at), types_len)?;
    let mut found = Vec::new();
    let mut id = 0;
    while !types.is_over() {
        id += 1;
        let [name, info, _] = words(types.take(12)?);
        if info & RESERVED != 0 {
            return Err(unknown());
        }
        let (kind, len) = (info >> 24 & 0x1f, usize::try_from(info & 0xffff).unwrap_or_default());
        let tail = types.take(tail(kind, len).ok_or_else(unknown)?)?;
        let keep = match kind {
            4 | 5 | 12 => wanted.contains(&name),
            ENUM => tail.chunks_exact(8).any(|value| {
                let [name, _] = words(value);
                wanted.contains(&name)
            }),
            _ => false,
        };
        if keep {
            found.push(id);
        }
    }
    Ok(found)
}

/// How many bytes follow the three words that every type begins with.
fn tail(kind: u32, len: usize) -> Option<usize> {
    Some(match kind {
        // Pointer, forward, typedef, three qualifiers, function, float, type tag.
        2 | 7..=12 | 16 | 18 => 0,
        // Integer, variable, declaration tag.
        1 | 14 | 17 => 4,
        // Array.
        3 => 12,
        // Struct, union, section, 64-bit enum.
        4 | 5 | 15 | 19 => len * 12,
        // Enum, prototype.
        ENUM | 13 => len * 8,
        _ => return None,
    })
}

/// Where the wanted names are among all names. One may be the end of a longer one, so it is by
/// their ends that they are looked for. A name of one letter is never found.
fn offsets<R: Read>(mut names: Section<R>, wanted: &[&str]) -> Result<HashSet<u32>, BtfError> {
    let mut by_end: HashMap<u16, Vec<&[u8]>> = HashMap::default();
    for name in wanted {
        if let Some(end) = end(name.as_bytes()) {
            by_end.entry(end).or_default().push(name.as_bytes());
        }
    }
    let mut found = HashSet::default();
    let mut next = 0;
    while !names.is_over() {
        let name = names.string()?;
        let after = next + name.len();
        for wanted in end(name).and_then(|end| by_end.get(&end)).into_iter().flatten() {
            if name.ends_with(wanted) {
                found.extend(u32::try_from(after - wanted.len()));
            }
        }
        next = after + 1;
    }
    Ok(found)
}

/// The last two letters.
fn end(name: &[u8]) -> Option<u16> {
    name.last_chunk().map(|end| u16::from_ne_bytes(*end))
}

/// The first words of these bytes, as many as are asked for; the kernel's byte order is ours.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_ne_bytes(*bytes);
    }
    words
}

fn unknown() -> BtfError {
    BtfError::Parse(btf_rs::Error::Format("unknown layout of types".to_owned()))
}

/// A file that ends too early is one of an unknown layout.
fn unread(error: io::Error) -> BtfError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => unknown(),
        _ => BtfError::Read(error),
    }
}
