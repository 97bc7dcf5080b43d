//! The machine emulator that boots the guests: the system's, else Debian's from the cache.
//!
//! The unpacked one is never installed. It runs through its own loader with its own libraries, and
//! is told where its firmware and its plug-ins are, because it would look for them in `/usr`.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::programs::{self, Tree};
use crate::toolchain;

const PROGRAM: &str = "qemu-system-x86_64";

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
        if let Some(installed) = toolchain::on_path(PROGRAM) {
            return Ok(Self::System(installed));
        }
        // seabios is the firmware; the option ROM that starts `-kernel` images is in
        // qemu-system-data, which qemu-system-x86 brings along.
        let tree = programs::tree(&["qemu-system-x86", "seabios"])
            .with_context(|| format!("no {PROGRAM} on PATH: install it, or let it be fetched"))?;
        let qemu = Self::Unpacked(tree);
        qemu.command()?;
        Ok(qemu)
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
