//! The machine emulator that boots the guests: the system's, else Debian's from the cache.
//!
//! Tracing is code that changes while another CPU runs it. QEMU before 8.1 translates guest code
//! without holding its page: what it read may be written meanwhile, and the stale copy stays. A
//! breakpoint that is long gone then still traps, and a guest with 6.18 under load died of that in
//! one of ten runs. So an older one is not used where a newer can be had, whatever release this
//! machine runs: the unpacked one brings its own C library along.
//!
//! The unpacked one is never installed. It runs through its own loader with its own libraries, and
//! is told where its firmware and its plug-ins are, because it would look for them in `/usr`.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::programs::{self, Release, Tree};
use crate::{command, toolchain};

const PROGRAM: &str = "qemu-system-x86_64";

/// The first version that translates code with its page held.
const TRUSTED: (u32, u32) = (8, 1);

/// Suites that have one at least as new.
const SUITES: &[&str] = &["trixie", "sid"];

/// An emulator that can be started.
#[derive(Clone, Debug)]
pub(crate) enum Qemu {
    /// One that is installed.
    System(PathBuf),
    /// One that lives in the cache.
    Unpacked(Tree),
}

impl Qemu {
    /// Finds one on `PATH` or unpacks one.
    pub(crate) fn provide() -> Result<Self> {
        let installed = toolchain::on_path(PROGRAM);
        if let Some(path) = &installed
            && version_of(path)? >= TRUSTED
        {
            return Ok(Self::System(path.clone()));
        }
        let unpacked = Self::unpack();
        match (unpacked, installed) {
            (Ok(qemu), _) => Ok(qemu),
            (Err(error), Some(path)) => {
                let (major, minor) = TRUSTED;
                eprintln!(
                    "warning: {} is older than {major}.{minor}, guests may die in it: {error:#}",
                    path.display()
                );
                Ok(Self::System(path))
            }
            (Err(error), None) => Err(error),
        }
    }

    fn unpack() -> Result<Self> {
        // seabios is the firmware; the option ROM that starts `-kernel` images is in
        // qemu-system-data, which qemu-system-x86 brings along.
        let tree = programs::tree(&["qemu-system-x86", "seabios"], Release::FirstOf(SUITES))
            .with_context(|| format!("no {PROGRAM} on PATH: install it, or let it be fetched"))?;
        let qemu = Self::Unpacked(tree);
        qemu.command()?;
        Ok(qemu)
    }

    /// What it says of its version, the package's included.
    pub(crate) fn version(&self) -> Result<String> {
        command::read(self.command()?.arg("--version"))
    }

    /// The command that starts it; the caller adds the machine.
    pub(crate) fn command(&self) -> Result<Command> {
        match self {
            Self::System(path) => Ok(Command::new(path)),
            Self::Unpacked(tree) => {
                let mut command = tree.command(&Path::new("/usr/bin").join(PROGRAM))?;
                command.env("QEMU_MODULE_DIR", tree.root.join("usr/lib/x86_64-linux-gnu/qemu"));
                for dir in ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"] {
                    command.arg("-L").arg(tree.root.join(dir));
                }
                Ok(command)
            }
        }
    }
}

fn version_of(program: &Path) -> Result<(u32, u32)> {
    let said = command::read(Command::new(program).arg("--version"))?;
    version(&said).with_context(|| format!("failed to read the version in {said:?}"))
}

/// Major and minor of `QEMU emulator version 7.2.17 (Debian …)`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split_once(" version ")?.1.split(['.', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let old = version("QEMU emulator version 7.2.17 (Debian 1:7.2+dfsg-7+deb12u12)\n(c)");
        let new = version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1)\n");
        assert_eq!(old, Some((7, 2)));
        assert!(old < Some(TRUSTED) && Some(TRUSTED) < new);
        assert_eq!(version("no such thing"), None);
    }
}
