//! What building for BPF needs beside stable Rust: a linker, the source of `core`, `objcopy`.
//!
//! Each is taken from the machine when it is there in the right version, else put into the cache.
//! Only `rustup component add rust-src` changes anything outside of it, and that is the
//! toolchain's own way.
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::apt::{self, Apt};
use crate::deb::{self, Package};
use crate::{cache, command};

/// The version whose LLVM fits the compiler that the object is built with.
pub(crate) const BPF_LINKER: &str = "0.10.3";

/// Searched in this order for the source of this very compiler; short package lists come first.
const RUST_SUITES: [&str; 6] =
    ["trixie-backports", "bookworm-backports", "experimental", "trixie", "sid", "bookworm"];

/// The compiler that cargo uses here.
#[derive(Clone, Debug)]
pub(crate) struct Rust {
    pub(crate) sysroot: PathBuf,
    /// Such as `1.95.0`.
    pub(crate) release: String,
    pub(crate) llvm: String,
    host: String,
}

/// The compiler that cargo would run.
pub(crate) fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

/// The cargo that runs us, free of flags that are meant for other builds.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let foreign = |name: &str| {
        let named = [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
        ];
        name.starts_with("CARGO_PROFILE_") || named.contains(&name)
    };
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(foreign) {
            cargo.env_remove(name);
        }
    }
    cargo
}

impl Rust {
    #[cfg(test)]
    pub(crate) fn for_test(release: &str) -> Self {
        let [sysroot, llvm, host] = ["", "", ""].map(String::from);
        let release = release.to_owned();
        Self { sysroot: sysroot.into(), release, llvm, host }
    }

    /// Asks the compiler about itself.
    pub(crate) fn here() -> Result<Self> {
        let verbose = command::read(Command::new(rustc()).arg("-vV"))?;
        let sysroot = command::read(Command::new(rustc()).args(["--print", "sysroot"]))?;
        let field = |name: &str| {
            let mut lines = verbose.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.map(str::to_owned).ok_or_else(|| anyhow!("rustc -vV names no {name}"))
        };
        Ok(Self {
            sysroot: sysroot.trim().into(),
            release: field("release")?,
            llvm: field("LLVM version")?,
            host: field("host")?,
        })
    }

    /// The source of the standard library, the directory that has `core/` in it: in the sysroot,
    /// through rustup, or Debian's of the same version.
    pub(crate) fn source(&self) -> Result<PathBuf> {
        let own = self.sysroot.join("lib/rustlib/src/rust/library");
        let present = || own.join("core/src/lib.rs").is_file();
        let name = format!("rust-src/{}", self.release);
        if !present() && !cache::dir()?.join(&name).exists() {
            eprintln!("asking rustup for rust-src");
            if let Err(error) = rustup_adds_source() {
                eprintln!("{error:#}");
            }
        }
        if present() {
            return Ok(own);
        }
        let dir = cache::entry(&name, |dir| self.unpack_source(dir)).with_context(|| {
            format!(
                "failed to get the source of Rust {0}: add the component rust-src, or install the \
                 source package of {0} by the system's own means",
                self.release
            )
        })?;
        let unpacked = format!("usr/src/rustc-{}/library", self.release);
        Ok(dir.join(unpacked))
    }

    fn unpack_source(&self, dir: &Path) -> Result<()> {
        let fetch = |apt: &Apt| {
            let packages = apt.search("rust-src", |name| name == "rust-src")?;
            let same = packages.iter().filter(|package| is_release(package, &self.release));
            let Some(package) = deb::newest(same) else {
                bail!("no rust-src {}", self.release);
            };
            let debs = dir.join("debs");
            apt.download(std::slice::from_ref(package), &debs)
        };
        // The compiler's own source is most of the package; only the library is needed.
        let member = format!("./usr/src/rustc-{}/library", self.release);
        for deb in apt::in_first(&RUST_SUITES, fetch)? {
            deb::unpack(&deb, dir, Some(&member))?;
        }
        cache::remove(&dir.join("debs"))
    }

    /// The `objcopy` that the compiler brings along, which links with the compiler's LLVM.
    pub(crate) fn objcopy(&self) -> Result<Command> {
        let bin = self.sysroot.join("lib/rustlib").join(&self.host).join("bin");
        let own = ["rust-objcopy", "llvm-objcopy"].map(|name| bin.join(name));
        if let Some(own) = own.iter().find(|path| path.is_file()) {
            let mut command = Command::new(own);
            command.env("LD_LIBRARY_PATH", self.sysroot.join("lib"));
            return Ok(command);
        }
        match on_path("llvm-objcopy") {
            Some(path) => Ok(Command::new(path)),
            None => bail!(
                "no rust-objcopy in {} and no llvm-objcopy on PATH: install LLVM's",
                bin.display()
            ),
        }
    }
}

/// The linker, built into the cache if the machine has not this very version.
pub(crate) fn bpf_linker() -> Result<PathBuf> {
    if let Some(installed) = on_path("bpf-linker") {
        let version = command::read(Command::new(&installed).arg("--version"));
        if version.is_ok_and(|text| text.split_whitespace().nth(1) == Some(BPF_LINKER)) {
            return Ok(installed);
        }
    }
    let dir = cache::entry(&format!("bpf-linker/{BPF_LINKER}"), |dir| {
        eprintln!("building bpf-linker {BPF_LINKER} (about a minute)");
        let target = dir.join("target");
        let mut install = cargo();
        install
            .args(["install", "bpf-linker", "--locked", "--version", BPF_LINKER])
            .arg("--root")
            .arg(dir)
            .arg("--target-dir")
            .arg(&target);
        command::read(&mut install)?;
        cache::remove(&target)
    });
    let dir = dir.with_context(|| {
        format!("failed to build bpf-linker {BPF_LINKER}; one on PATH of this version does as well")
    })?;
    Ok(dir.join("bin/bpf-linker"))
}

/// The first executable of that name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let mut files = env::split_paths(&path).map(|dir| dir.join(name));
    files.find(|file| file.is_file())
}

/// Bounded by `timeout`: where its server is out of reach, rustup can try for very long.
fn rustup_adds_source() -> Result<()> {
    let words = ["60", "rustup", "component", "add", "rust-src"];
    command::read(Command::new("timeout").args(words)).context("rustup could not add rust-src")?;
    Ok(())
}

fn is_release(package: &Package, release: &str) -> bool {
    package.version.split(['+', '~', '-']).next() == Some(release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_must_be_of_the_very_release() {
        let package =
            |version: &str| Package { name: "rust-src".into(), version: version.into(), size: 1 };
        assert!(is_release(&package("1.95.0+dfsg1-2~bpo13+1"), "1.95.0"));
        assert!(is_release(&package("1.95.0-1"), "1.95.0"));
        assert!(!is_release(&package("1.95.0.1-1"), "1.95.0"));
        assert!(!is_release(&package("1.95.01+dfsg1-1"), "1.95.0"));
        assert!(!is_release(&package("1.96.1+dfsg1-1"), "1.95.0"));
    }
}
