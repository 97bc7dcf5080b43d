//! A sysroot of links: the compiler's own, with the source of `core` where cargo looks for it.
//!
//! Cargo hashes where that source is, relative to the sysroot, into the symbols of everything that
//! is built on it. Only inside a sysroot are the bytes the same on every machine, and the user's
//! own may not be writable, or not ours to change.
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache;
use crate::toolchain::{self, Rust};

/// The directory, and a compiler that takes it for its own.
pub(super) struct Sysroot {
    pub(super) dir: PathBuf,
    pub(super) rustc: PathBuf,
}

impl Sysroot {
    /// Lays it out in `dir`, for the compiler `rust` and this `library`.
    pub(super) fn lay_out(dir: &Path, rust: &Rust, library: &Path) -> Result<Self> {
        let own = rust.sysroot.join("lib");
        let lib = dir.join("lib");
        let rustlib = lib.join("rustlib");
        // The linker loads the compiler's LLVM from here.
        let shared =
            |name: &str| name.starts_with("libLLVM") || name.starts_with("librustc_driver");
        link_each(&own, &lib, shared)?;
        link_each(&own.join("rustlib"), &rustlib, |name| name != "src")?;
        link(library, &rustlib.join("src/rust/library"))?;

        // Cargo takes a path for the compiler, no arguments.
        let rustc = dir.join("rustc");
        let script = format!(
            "#!/bin/sh\nexec {} --sysroot {} \"$@\"\n",
            quoted(&toolchain::rustc()),
            quoted(dir.as_os_str())
        );
        if !fs::read_to_string(&rustc).is_ok_and(|old| old == script) {
            cache::write(&rustc, script.as_bytes())?;
        }
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&rustc, executable)
            .with_context(|| format!("failed to make {} executable", rustc.display()))?;
        Ok(Self { dir: dir.to_owned(), rustc })
    }
}

/// Links the files of a directory whose names are `wanted`.
fn link_each(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<()> {
    let failed = || format!("failed to list {}", from.display());
    for entry in fs::read_dir(from).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name();
        if name.to_str().is_some_and(&wanted) {
            link(&entry.path(), &to.join(name))?;
        }
    }
    Ok(())
}

/// Makes `link` point to `target`, whatever it pointed to before.
fn link(target: &Path, link: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    let failed = || format!("failed to link {} to {}", link.display(), target.display());
    fs::create_dir_all(link.parent().unwrap_or(link)).with_context(failed)?;
    match fs::remove_file(link) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(failed),
        _ => symlink(target, link).with_context(failed),
    }
}

/// A word for the shell.
fn quoted(word: &OsStr) -> String {
    format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_shell() {
        assert_eq!(quoted("/a b/c".as_ref()), "'/a b/c'");
        assert_eq!(quoted("it's".as_ref()), r"'it'\''s'");
    }

    #[test]
    fn links_are_renewed() {
        let dir = std::env::temp_dir().join(format!("syndrop-sysroot-{}", std::process::id()));
        let at = dir.join("deep/link");
        for target in ["/first", "/first", "/second"] {
            link(Path::new(target), &at).unwrap();
            assert_eq!(fs::read_link(&at).unwrap(), Path::new(target));
        }
        fs::remove_dir_all(&dir).unwrap();
    }
}
