//! Which types have a wanted name: one pass over the names, one over the types.
//!
//! The parser finds one name in one pass over all names; two dozen such passes would take longer
//! than the rest of the start-up. So the ids are found here, and all that they mean is left
//! to the parser. Layout: Documentation/bpf/btf.rst.

use std::ops::Range;

use few::Few;

mod few;

const ENUM: u32 = 6;

/// Bits of a type's info word that no kernel sets so far; up to 7.3 the number of members has 16
/// bits and its kind five.
const RESERVED: u32 = 0x60ff_0000;

/// Where the two sections lie in the file.
pub(super) struct Sections {
    pub(super) types: Range<u64>,
    pub(super) names: Range<u64>,
}

impl Sections {
    /// How long the header is at least.
    pub(super) const HEADER: usize = 24;

    /// What the header says.
    pub(super) fn of(header: &[u8; Self::HEADER]) -> Self {
        let [_, len, types_at, types_len, names_at, names_len] = words(header);
        let section = |at, size| {
            let from = u64::from(len) + u64::from(at);
            from..from + u64::from(size)
        };
        Self { types: section(types_at, types_len), names: section(names_at, names_len) }
    }
}

/// A section of the file, if it is as long as that.
pub(super) fn section(file: &[u8], Range { start, end }: Range<u64>) -> Option<&[u8]> {
    file.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// The ids of the structs, unions and functions with one of these names, and of the enums that
/// have an enumerator with one. `None` if these are no types of a known format.
pub(super) fn find(file: &[u8], wanted: &[&str]) -> Option<Vec<u32>> {
    let Sections { types, names } = Sections::of(file.first_chunk()?);
    let names = section(file, names)?;
    let mut found = Names::new(wanted);
    let is_whole = found.pass(names) == names.len();
    is_whole.then(|| found.ids(section(file, types)?)).flatten()
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

/// Where the wanted names are among all names, which come piece by piece. One may be the end of a
/// longer one, so it is by their ends that they are looked for; one of less than four letters is
/// found only as a whole.
pub(super) struct Names<'a> {
    by_end: Few<&'a [u8]>,
    found: Vec<(u32, ())>,
    passed: usize,
}

impl<'a> Names<'a> {
    pub(super) fn new(wanted: &[&'a str]) -> Self {
        let by_end = wanted.iter().map(|name| (end(name.as_bytes()), name.as_bytes()));
        Self { by_end: Few::new(by_end.collect()), found: Vec::new(), passed: 0 }
    }

    /// Goes through all names that have an end in this piece, and says how long they are.
    pub(super) fn pass(&mut self, piece: &[u8]) -> usize {
        let mut len = 0;
        each_nul(piece, |at| {
            let name = &piece[..at];
            for (_, wanted) in self.by_end.of(end(name)) {
                if name.ends_with(wanted) {
                    let offset = u32::try_from(self.passed + at - wanted.len());
                    self.found.extend(offset.map(|offset| (offset, ())));
                }
            }
            len = at + 1;
        });
        self.passed += len;
        len
    }

    /// The ids of the types with the names that were found, once all names were gone through.
    pub(super) fn ids(self, mut types: &[u8]) -> Option<Vec<u32>> {
        let wanted = Few::new(self.found);
        let mut found = Vec::new();
        let mut id = 0;
        while let Some((head, rest)) = types.split_first_chunk::<12>() {
            id += 1;
            let [name, info, _] = words(head);
            if info & RESERVED != 0 {
                return None;
            }
            let (kind, len) = (info >> 24 & 0x1f, usize::try_from(info & 0xffff).ok()?);
            let (tail, next) = rest.split_at_checked(tail(kind, len)?)?;
            let keep = match kind {
                4 | 5 | 12 => wanted.has(name),
                ENUM => tail.as_chunks::<8>().0.iter().any(|value| {
                    let [name, _] = words(value);
                    wanted.has(name)
                }),
                _ => false,
            };
            if keep {
                found.push(id);
            }
            types = next;
        }
        types.is_empty().then_some(found)
    }
}

/// The last four letters, of a shorter name with the zero before it.
fn end(name: &[u8]) -> u32 {
    match *name {
        [.., first, second, third, fourth] => u32::from_le_bytes([first, second, third, fourth]),
        [second, third, fourth] => u32::from_le_bytes([0, second, third, fourth]),
        _ => 0,
    }
}

/// Calls with the place of each zero among these bytes. Names are short and there are 100,000 of
/// them, so a search for each would mostly begin and end; here eight bytes are looked at at once.
fn each_nul(bytes: &[u8], mut each: impl FnMut(usize)) {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    for (nth, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of each byte that is zero, as no other byte leaves it unset.
        let mut zeros = !(((word & LOW) + LOW) | word | LOW);
        while zeros != 0 {
            each(nth * 8 + zeros.trailing_zeros() as usize / 8);
            zeros &= zeros - 1;
        }
    }
    let from = bytes.len() - rest.len();
    for (nth, _) in rest.iter().enumerate().filter(|(_, byte)| **byte == 0) {
        each(from + nth);
    }
}

/// The first words of these bytes, as many as are asked for; the kernel's byte order is ours.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
        *word = u32::from_ne_bytes(*bytes);
    }
    words
}

#[cfg(test)]
mod tests;
