//! `cargo xtask gate`: `syndrop run` as a gate around python's http.server under load, in a guest.
//!
//! What happens there, and whether it is as it should be, is for a script to say (`gate/gate.sh`).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::artifact;
use crate::cli::Gate;
use crate::machine::{Machine, OnInterrupt, Pace, Progress};
use crate::outfit::{Outfit, WORK_DIR};
use crate::programs::{self, Release};
use crate::qemu::Qemu;

/// Only a guard: refused clients of a slow machine wait long.
const LIMIT: Duration = Duration::from_secs(900);
const MEMORY_MIB: u32 = 1024;

const PACKAGES: &[&str] = &["apache2-utils", "iproute2", "python3"];
const PROGRAMS: &[&str] = &["/usr/bin/ab", "/usr/bin/ss", "/usr/bin/python3"];
/// Parts of python's library that are large and that nobody needs here.
const WITHOUT: &[&str] = &["lib-dynload", "idlelib", "lib2to3", "pydoc_data", "test"];

const SCRIPT: &str = include_str!("gate/gate.sh");

/// Runs it; the result is the script's verdict.
pub(crate) fn run(options: &Gate) -> Result<i32> {
    eprintln!("building syndrop, fetching a kernel, QEMU, python and ab");
    let kernel = options.kernel.provide()?;
    let mut outfit = Outfit::new(&kernel)?;
    outfit.own_program(&artifact::syndrop()?, "syndrop")?;
    outfit.programs(PACKAGES, PROGRAMS)?;
    let scratch = tempfile::tempdir().context("failed to create a temporary directory")?;
    let library = python_library(scratch.path())?;
    outfit.own_files(&library, "/usr/lib")?;
    let script = scratch.path().join("gate.sh");
    fs::write(&script, SCRIPT).with_context(|| format!("failed to write {}", script.display()))?;
    outfit.own_files(&script, WORK_DIR)?;
    let initramfs = outfit.seal(&["bash", &format!("{WORK_DIR}/gate.sh")])?;
    let machine = Machine {
        qemu: &Qemu::provide()?,
        image: &kernel.image,
        initramfs: initramfs.path(),
        memory_mib: MEMORY_MIB,
        pace: Pace::Real,
        limit: Some(LIMIT),
        interactive: false,
        on_interrupt: OnInterrupt::End,
    };
    machine.run(&mut |progress| match progress {
        Progress::Booting => {
            eprintln!("booting Linux {}", kernel.release);
            Ok(())
        }
        Progress::Stdout(bytes) => print(io::stdout(), &bytes),
        Progress::Stderr(bytes) => print(io::stderr(), &bytes),
        Progress::Ready(_) | Progress::File(_) | Progress::FileBytes(_) => Ok(()),
    })
}

/// A copy of the modules that are written in python, in a directory of the version's name.
fn python_library(scratch: &Path) -> Result<PathBuf> {
    let tree = programs::tree(PACKAGES, Release::Own)?;
    let program = tree.resolve("/usr/bin/python3".as_ref())?;
    let version = program.file_name().context("python has no name")?.to_owned();
    let library = tree.resolve(&Path::new("/usr/lib").join(&version))?;
    let copy = scratch.join(&version);
    copy_modules(&library, &copy)
        // Python complains where it is not there.
        .and_then(|()| fs::create_dir(copy.join("lib-dynload")))
        .with_context(|| format!("failed to copy {}", library.display()))?;
    Ok(copy)
}

fn copy_modules(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_file() {
            fs::copy(&path, to.join(&name))?;
        } else if path.is_dir() && !WITHOUT.iter().any(|without| name == *without) {
            copy_modules(&path, &to.join(&name))?;
        }
    }
    Ok(())
}

fn print(mut to: impl Write, bytes: &[u8]) -> Result<()> {
    to.write_all(bytes).and_then(|()| to.flush()).context("failed to print the guest's output")
}
