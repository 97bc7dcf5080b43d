//! A contender in a guest: what is packed for it, how it boots, what it says.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boundary::bench::{JOB, Job, Outcome, Taken, Tool};
use tempfile::NamedTempFile;

use super::contenders::{Contender, Origin};
use super::headers;
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
    guest: PathBuf,
    syndrop: PathBuf,
}

/// A guest that can be booted with any seed.
pub(crate) struct Packed {
    contender: &'static Contender,
    kernel: Kernel,
    initramfs: NamedTempFile,
    /// Bytes of the program and its libraries.
    pub(crate) size: u64,
}

impl Ground {
    /// Builds and fetches it.
    pub(crate) fn lay() -> Result<Self> {
        let syndrop = artifact::syndrop()?;
        Ok(Self { qemu: Qemu::provide()?, guest: artifact::lean_guest()?, syndrop })
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
        Ok(Packed { contender, kernel: kernel.clone(), initramfs, size })
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
    /// Runs it once.
    pub(crate) fn boot(&self, ground: &Ground, seed: u32) -> Result<Outcome> {
        let machine = Machine {
            qemu: &ground.qemu,
            image: &self.kernel.image,
            initramfs: self.initramfs.path(),
            memory_mib: MEMORY_MIB,
            limit: Some(LIMIT),
            interactive: false,
            on_interrupt: OnInterrupt::End,
            pace: Pace::Counted { seed },
        };
        let began = Instant::now();
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
        let outcome: Outcome = serde_json::from_slice(&stdout)
            .context("failed to understand what the guest measured")?;
        let (series, name) = (&self.kernel.series, self.contender.name);
        let each: Vec<String> = outcome.loads.iter().map(Taken::to_string).collect();
        let seconds = began.elapsed().as_secs();
        eprintln!("{series}, {name}, seed {seed}: {} ({seconds} s)", each.join(", "));
        Ok(outcome)
    }
}
