//! How an ELF file wants to be loaded: the two program headers that decide it.
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

/// What loads a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Elf {
    /// The kernel alone.
    Static,
    /// A dynamic loader; a library names none.
    Dynamic { interpreter: Option<PathBuf> },
}

impl Elf {
    /// Reads the headers of the 64-bit little-endian file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
        parse(&file).with_context(|| format!("{} is no 64-bit ELF file", path.display()))
    }
}

fn parse(file: &[u8]) -> Option<Elf> {
    if file.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let table = usize::try_from(u64_at(file, 0x20)?).ok()?;
    let entry = usize::from(u16_at(file, 0x36)?);
    let count = usize::from(u16_at(file, 0x38)?);
    let mut dynamic = false;
    let mut interpreter = None;
    for at in (0..count).map(|index| table + index * entry) {
        match u32::from_le_bytes(file.get(at..at + 4)?.try_into().ok()?) {
            PT_DYNAMIC => dynamic = true,
            PT_INTERP => {
                let from = usize::try_from(u64_at(file, at + 0x08)?).ok()?;
                let size = usize::try_from(u64_at(file, at + 0x20)?).ok()?;
                let text = file.get(from..from.checked_add(size)?)?;
                let text = std::str::from_utf8(text).ok()?;
                interpreter = Some(PathBuf::from(text.trim_end_matches('\0')));
            }
            _ => {}
        }
    }
    // A static position-independent program has a dynamic section and no interpreter, as a library
    // has; the loader lists both without harm.
    Some(if dynamic { Elf::Dynamic { interpreter } } else { Elf::Static })
}

fn u16_at(file: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?))
}

fn u64_at(file: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(file.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(headers: &[(u32, &[u8])]) -> Vec<u8> {
        let mut file = vec![0; 64 + 56 * headers.len()];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[0x20] = 64;
        file[0x36] = 56;
        file[0x38] = u8::try_from(headers.len()).unwrap();
        for (index, (kind, content)) in headers.iter().enumerate() {
            let at = 64 + 56 * index;
            let from = file.len() as u64;
            file[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            file[at + 8..at + 16].copy_from_slice(&from.to_le_bytes());
            file[at + 32..at + 40].copy_from_slice(&(content.len() as u64).to_le_bytes());
            file.extend(*content);
        }
        file
    }

    #[test]
    fn the_interpreter_is_read() {
        let file = elf(&[(1, b""), (PT_INTERP, b"/lib64/ld.so\0"), (PT_DYNAMIC, b"")]);
        let interpreter = Some("/lib64/ld.so".into());
        assert_eq!(parse(&file), Some(Elf::Dynamic { interpreter }));
    }

    #[test]
    fn libraries_name_none_and_static_programs_need_none() {
        let library = elf(&[(PT_DYNAMIC, b"")]);
        assert_eq!(parse(&library), Some(Elf::Dynamic { interpreter: None }));
        assert_eq!(parse(&elf(&[(1, b"")])), Some(Elf::Static));
    }

    #[test]
    fn damaged_files_give_nothing() {
        let mut file = elf(&[(PT_INTERP, b"/lib64/ld.so\0")]);
        file.truncate(70);
        assert_eq!(parse(&file), None);
        assert_eq!(parse(b"#!/bin/sh\n"), None);
    }
}
