//! Which types have a wanted name: one pass over the bytes.
//!
//! The parser finds one name in one pass over all names; two dozen such passes would take longer
//! than the rest of the start-up. So the ids are found here, and all that they mean is left
//! to the parser. Layout: Documentation/bpf/btf.rst.

const ENUM: u32 = 6;

/// Bits of a type's info word that no kernel sets so far; up to 7.3 the number of members has 16
/// bits and its kind five.
const RESERVED: u32 = 0x60ff_0000;

/// The ids of the structs, unions and functions with one of these names, and of the enums that
/// have an enumerator with one. `None` if these are no types of a known format.
pub(super) fn find(bytes: &[u8], wanted: &[&str]) -> Option<Vec<u32>> {
    let header = word(bytes, 4)?;
    let section = |from: usize, len: usize| -> Option<&[u8]> {
        let from = header.checked_add(word(bytes, from)?)?;
        bytes.get(from..from.checked_add(word(bytes, len)?)?)
    };
    let (mut types, strings) = (section(8, 12)?, section(16, 20)?);
    let names = Names::new(strings, wanted);
    let mut found = Vec::new();
    let mut id = 0;
    while !types.is_empty() {
        id += 1;
        let (name, info) = (word(types, 0)?, u32::try_from(word(types, 4)?).ok()?);
        if info & RESERVED != 0 {
            return None;
        }
        let (kind, len) = (info >> 24 & 0x1f, usize::try_from(info & 0xffff).ok()?);
        let end = 12 + tail(kind, len)?;
        let this = types.get(..end)?;
        types = &types[end..];
        let keep = match kind {
            4 | 5 | 12 => names.has(name),
            ENUM => {
                this[12..].chunks_exact(8).any(|value| word(value, 0).is_some_and(|n| names.has(n)))
            }
            _ => false,
        };
        if keep {
            found.push(id);
        }
    }
    Some(found)
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

/// A 32-bit word; the kernel's own byte order is ours.
fn word(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_ne_bytes(*word)).ok()
}

struct Names<'a> {
    strings: &'a [u8],
    wanted: &'a [&'a str],
    /// Whether a wanted name begins with these two bytes; most names need no closer look. A name
    /// of one letter is never found.
    begins: Vec<bool>,
}

impl<'a> Names<'a> {
    fn new(strings: &'a [u8], wanted: &'a [&'a str]) -> Self {
        let mut begins = vec![false; 1 << 16];
        for name in wanted {
            if let [first, second, ..] = *name.as_bytes() {
                begins[usize::from(u16::from_ne_bytes([first, second]))] = true;
            }
        }
        Self { strings, wanted, begins }
    }

    fn has(&self, offset: usize) -> bool {
        let Some(name) = self.strings.get(offset..) else { return false };
        name.first_chunk().is_some_and(|two| self.begins[usize::from(u16::from_ne_bytes(*two))])
            && self.wanted.iter().any(|wanted| {
                name.strip_prefix(wanted.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
            })
    }
}
