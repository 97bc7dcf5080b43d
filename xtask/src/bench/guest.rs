//! A contender in a guest: what is packed for it, how it boots, what it says.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boundary::bench::{JOB, Job, Outcome, Taken, Tool};
use tempfile::NamedTempFile;

use super::contenders::{Contender, Origin};
use super::headers;
use super::kept::{Ingredients, Kept, Print};
use super::loads::Row;
use crate::artifact;
use crate::kernels::Kernel;
use crate::machine::{Machine, OnInterrupt, Pace, Progress};
use crate::outfit::Outfit;
use crate::programs::{self, Release};
use crate::qemu::Qemu;

/// Whose packages peers are taken from: those of the kernel's release.
const SUITES: Release = Release::FirstOf(&["trixie", "sid"]);
const MEMORY_MIB: u32 = 2048;
/// Only a guard.
const LIMIT: Duration = Duration::from_secs(1200);

/// What all guests need.
pub(crate) struct Ground {
    qemu: Qemu,
    /// What the emulator says of its version.
    emulator: String,
    guest: PathBuf,
    syndrop: PathBuf,
    kept: Kept,
}

/// A guest that can be booted with any seed.
pub(crate) struct Packed {
    contender: &'static Contender,
    kernel: Kernel,
    image_print: Print,
    initramfs: NamedTempFile,
    initramfs_print: Print,
    /// Bytes of the program and its libraries.
    pub(crate) size: u64,
}

impl Ground {
    /// Builds and fetches it. With `anew`, nothing counts that was measured before.
    pub(crate) fn lay(anew: bool) -> Result<Self> {
        let (syndrop, guest) = (artifact::syndrop()?, artifact::lean_guest()?);
        let qemu = Qemu::provide()?;
        Ok(Self { emulator: qemu.version()?, qemu, guest, syndrop, kept: Kept::open(anew)? })
    }

    /// Packs a contender, its loads and all that it needs.
    pub(crate) fn pack(
        &self,
        kernel: &Kernel,
        contender: &'static Contender,
        loads: &[&Row],
        by_program: bool,
    ) -> Result<Packed> {
        let mut outfit = Outfit::bare(kernel, &self.guest)?;
        if matches!(contender.origin, Origin::Package(_) | Origin::Scripts(_)) {
            outfit.plain_shell()?;
        }
        let mut bare = outfit.size()?;
        match contender.origin {
            Origin::Nothing => {}
            Origin::Syndrop => outfit.own_program(&self.syndrop, "syndrop")?,
            Origin::Package(package) => {
                let tree = programs::tree(&[package], SUITES)?;
                outfit.programs_of(&tree, &contender.argv[..1])?;
                for word in &contender.argv[1..] {
                    if let Some(script) = word.strip_prefix('/')
                        && let Ok(script) = tree.resolve(script.as_ref())
                    {
                        outfit.plain_file(word, &script);
                    }
                }
            }
            Origin::Scripts(package) => {
                outfit.all_of(&headers::of(kernel)?)?;
                let headers = outfit.size()?;
                outfit.all_of(&programs::tree(&[package, "python3"], SUITES)?)?;
                bare = headers;
            }
            Origin::Nowhere => bail!("{}", contender.note),
        }
        let size = outfit.size()? - bare;
        let job = Job {
            tool: (!contender.is_nothing()).then(|| tool(contender)),
            loads: loads.iter().map(|row| row.load(contender)).collect(),
            by_program,
        };
        outfit.file(JOB, serde_json::to_vec(&job).context("failed to write the guest's job")?);
        let initramfs = outfit.seal(&["guest", "bench"])?;
        Ok(Packed {
            contender,
            kernel: kernel.clone(),
            image_print: Print::of(&kernel.image)?,
            initramfs_print: Print::of(initramfs.path())?,
            initramfs,
            size,
        })
    }
}

fn tool(contender: &Contender) -> Tool {
    let owned = |(first, second): &(&str, &str)| ((*first).to_owned(), (*second).to_owned());
    Tool {
        argv: contender.argv.iter().map(|&word| word.to_owned()).collect(),
        ready: contender.ready.to_owned(),
        restless: contender.restless,
        lost: contender.lost.iter().map(owned).collect(),
    }
}

impl Packed {
    /// Runs it once, unless it is known what would come of it.
    pub(crate) fn boot(&self, ground: &Ground, seed: u32) -> Result<Outcome> {
        let machine = self.machine(ground, seed);
        let boot = Ingredients {
            emulator: &ground.emulator,
            settings: &machine.settings()?,
            image: &self.image_print,
            archive: &self.initramfs_print,
        };
        let key = boot.key();
        if let Some(outcome) = ground.kept.find(&key) {
            self.say(seed, &outcome, "measured before");
            return Ok(outcome);
        }
        let began = Instant::now();
        let outcome = measure(machine)?;
        self.say(seed, &outcome, &format!("{} s", began.elapsed().as_secs()));
        if let Err(error) = ground.kept.keep(&key, &outcome) {
            eprintln!("warning: the next run will measure this again: {error:#}");
        }
        Ok(outcome)
    }

    fn machine<'a>(&'a self, ground: &'a Ground, seed: u32) -> Machine<'a> {
        Machine {
            qemu: &ground.qemu,
            image: &self.kernel.image,
            initramfs: self.initramfs.path(),
            memory_mib: MEMORY_MIB,
            limit: Some(LIMIT),
            interactive: false,
            on_interrupt: OnInterrupt::End,
            pace: Pace::Counted { seed },
        }
    }

    fn say(&self, seed: u32, outcome: &Outcome, how: &str) {
        let (series, name) = (&self.kernel.series, self.contender.name);
        let each: Vec<String> = outcome.loads.iter().map(Taken::to_string).collect();
        eprintln!("{series}, {name}, seed {seed}: {} ({how})", each.join(", "));
    }
}

/// Boots, and returns what the guest measured.
fn measure(machine: Machine) -> Result<Outcome> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let status = machine.run(&mut |progress| {
        match progress {
            Progress::Stdout(bytes) => stdout.extend(bytes),
            Progress::Stderr(bytes) => stderr.extend(bytes),
            _ => {}
        }
        Ok(())
    })?;
    if status != 0 {
        bail!("{}", String::from_utf8_lossy(&stderr).trim_end());
    }
    serde_json::from_slice(&stdout).context("failed to understand what the guest measured")
}
