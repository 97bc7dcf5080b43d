//! `cargo xtask vm`: a guest to try things in, or to run one command in.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::artifact;
use crate::cli::Vm;
use crate::kernels::Kernel;
use crate::machine::{Machine, OnInterrupt, Pace, Progress};
use crate::outfit::{Outfit, WORK_DIR};
use crate::qemu::Qemu;

/// A session of its own, so that Ctrl-C and job control work on the guest's terminal.
const SHELL: &[&str] = &["setsid", "-c", "bash", "--norc"];

/// Prints what the guest prints; the result is the command's exit status.
pub(crate) fn run(options: &Vm) -> Result<i32> {
    let interactive = options.command.is_empty();
    if interactive && !io::stdin().is_terminal() {
        bail!("a guest without a command is for a terminal: give it one, `-- COMMAND`");
    }
    let kernel = options.kernel.provide()?;
    let mut outfit = equip(&kernel)?;
    for path in &options.with {
        outfit.own_files(path, WORK_DIR)?;
    }
    let argv: Vec<&str> = if interactive {
        size_terminal(&mut outfit)?;
        SHELL.to_vec()
    } else {
        options.command.iter().map(String::as_str).collect()
    };
    let initramfs = outfit.seal(&argv)?;
    let machine = Machine {
        qemu: &Qemu::provide()?,
        image: &kernel.image,
        initramfs: initramfs.path(),
        memory_mib: options.memory,
        limit: options.limit.map(Duration::from_secs),
        interactive,
        on_interrupt: OnInterrupt::PassOn,
        pace: Pace::Real,
    };
    let mut harvest = Harvest::new(options.out.as_deref());
    let release = &kernel.release;
    let _restored = interactive.then(Restored::now);
    machine.run(&mut |progress| match progress {
        Progress::Booting => {
            eprintln!("booting {release}");
            Ok(())
        }
        Progress::Ready(_) if interactive => {
            eprint!("`exit` ends the guest, Ctrl-A x does so at once\r\n");
            Ok(())
        }
        Progress::Ready(time) => {
            eprintln!("up after {:.1} s", time.as_secs_f64());
            Ok(())
        }
        Progress::Stdout(bytes) => print(io::stdout(), &bytes),
        Progress::Stderr(bytes) => print(io::stderr(), &bytes),
        Progress::File(path) => harvest.begin(&path),
        Progress::FileBytes(bytes) => harvest.append(&bytes),
    })
}

/// A guest with the product and the usual tools in it.
fn equip(kernel: &Kernel) -> Result<Outfit> {
    eprintln!("building syndrop and packing the guest");
    let mut outfit = Outfit::new(kernel)?;
    outfit.own_program(&artifact::syndrop()?, "syndrop")?;
    outfit.programs(&["iproute2"], &["/usr/bin/ss", "/usr/bin/ip", "/usr/bin/nstat"])?;
    if io::stdout().is_terminal() {
        outfit.variable("CLICOLOR_FORCE", "1");
    }
    Ok(outfit)
}

fn size_terminal(outfit: &mut Outfit) -> Result<()> {
    let size = tcgetwinsize(io::stdin()).context("failed to ask for the terminal's size")?;
    outfit.terminal(size.ws_row, size.ws_col);
    let kind = std::env::var("TERM").unwrap_or_else(|_| "vt100".to_owned());
    outfit.variable("TERM", &kind);
    outfit.variable("PS1", "guest:\\w\\$ ");
    Ok(())
}

fn print(mut to: impl Write, bytes: &[u8]) -> Result<()> {
    to.write_all(bytes).and_then(|()| to.flush()).context("failed to print the guest's output")
}

/// QEMU makes the terminal raw; this makes it what it was, however QEMU ended.
struct Restored(Option<Termios>);

impl Restored {
    fn now() -> Self {
        Self(tcgetattr(io::stdin()).ok())
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        if let Some(termios) = &self.0 {
            // Fails only if the terminal has gone.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, termios);
        }
    }
}

/// The files that the guest's command left, written below a directory of the host.
pub(crate) struct Harvest {
    directory: Option<PathBuf>,
    file: Option<File>,
}

impl Harvest {
    /// Without a directory, files are let go.
    pub(crate) fn new(directory: Option<&Path>) -> Self {
        Self { directory: directory.map(Path::to_owned), file: None }
    }

    /// Begins the file with this path relative to the guest's output directory.
    pub(crate) fn begin(&mut self, path: &str) -> Result<()> {
        let Some(directory) = &self.directory else {
            return Ok(());
        };
        let path = Path::new(path);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            bail!("the guest sent a file outside of its directory: {}", path.display());
        }
        let path = directory.join(path);
        let create = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            File::create(&path)
        };
        let file = create().with_context(|| format!("failed to create {}", path.display()))?;
        self.file = Some(file);
        Ok(())
    }

    /// The next bytes of the file begun last.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .as_mut()
            .map_or(Ok(()), |file| file.write_all(bytes))
            .context("failed to write a file of the guest")
    }
}
