//! What an x86 kernel image says of itself.
//!
//! The setup header (Linux boot protocol) points at the version string, whose first word is what
//! `uname -r` will print.
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// `HdrS` stands here, the pointer a few bytes behind it.
const MAGIC: std::ops::Range<usize> = 0x202..0x206;
const VERSION_POINTER: std::ops::Range<usize> = 0x20e..0x210;
/// The pointer counts from the end of the boot sector.
const POINTER_BASE: usize = 0x200;

/// The release of the image at `path`.
pub(crate) fn release(path: &Path) -> Result<String> {
    let image = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    parse(&image).with_context(|| {
        format!(
            "failed to find a kernel release in {}: give a vmlinuz (bzImage) of x86-64",
            path.display()
        )
    })
}

fn parse(image: &[u8]) -> Option<String> {
    if image.get(MAGIC)? != b"HdrS" {
        return None;
    }
    let pointer = u16::from_le_bytes(image.get(VERSION_POINTER)?.try_into().ok()?);
    let text = image.get(POINTER_BASE + usize::from(pointer)..)?;
    let end = text.iter().position(|byte| matches!(byte, 0 | b' '))?;
    let release = std::str::from_utf8(&text[..end]).ok()?;
    (!release.is_empty()).then(|| release.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(magic: [u8; 4], pointer: u16, version: &[u8]) -> Vec<u8> {
        let mut image = vec![0; 0x300];
        image[MAGIC].copy_from_slice(&magic);
        image[VERSION_POINTER].copy_from_slice(&pointer.to_le_bytes());
        image.extend(version);
        image
    }

    #[test]
    fn the_first_word_of_the_version_is_the_release() {
        let image = image(*b"HdrS", 0x100, b"6.12.1-cloud-amd64 (build@host) #1\0");
        assert_eq!(parse(&image).as_deref(), Some("6.12.1-cloud-amd64"));
    }

    #[test]
    fn what_is_no_image_gives_nothing() {
        assert_eq!(parse(&image(*b"ELF\0", 0x100, b"6.12 \0")), None);
        assert_eq!(parse(&image(*b"HdrS", 0xfff0, b"6.12 \0")), None);
        assert_eq!(parse(&image(*b"HdrS", 0x100, b"no-end")), None);
        assert_eq!(parse(&image(*b"HdrS", 0x100, b"\0")), None);
        assert_eq!(parse(b""), None);
    }
}
