//! One kernel of the matrix: packed, booted, and its tests read along.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use crate::artifact;
use crate::kernels::Kernel;
use crate::machine::{Machine, OnInterrupt, Pace, Progress};
use crate::outfit::Outfit;
use crate::qemu::Qemu;
use crate::test::branches::Branches;
use crate::test::libtest::Run;

/// For all cases on one kernel; twice what they took on a busy machine.
const LIMIT: Duration = Duration::from_secs(1800);
/// For those that only run where they are named, some of them for an hour.
const LONG_LIMIT: Duration = Duration::from_secs(3 * 3600);
/// How their names begin.
const LONG: [&str; 2] = ["full", "soak"];
const MEMORY_MIB: u32 = 1024;
const HARNESS: &str = "vm-tests";

/// What all kernels share.
pub(crate) struct Ground {
    qemu: Qemu,
    syndrop: PathBuf,
    harness: PathBuf,
}

impl Ground {
    /// Builds and fetches it.
    pub(crate) fn lay() -> Result<Self> {
        let syndrop = artifact::syndrop()?;
        let harness = artifact::vm_tests()?;
        Ok(Self { qemu: Qemu::provide()?, syndrop, harness })
    }

    /// What the harness provokes.
    pub(crate) fn branches(&self) -> Result<Branches> {
        Branches::list(&self.harness)
    }

    /// Packs a guest that runs the harness with these arguments, where traces take that kind of
    /// probe.
    pub(crate) fn pack(
        &self,
        name: &str,
        kernel: Kernel,
        arguments: &[String],
        attach: Option<&str>,
    ) -> Result<Candidate> {
        let mut outfit = Outfit::new(&kernel)?;
        if let Some(kind) = attach {
            outfit.variable("SYNDROP_VM_ATTACH", kind);
        }
        outfit.own_program(&self.syndrop, "syndrop")?;
        outfit.own_program(&self.harness, HARNESS)?;
        let mut argv = vec![HARNESS, "--color", "never"];
        argv.extend(arguments.iter().map(String::as_str));
        let long = |argument: &String| LONG.iter().any(|begin| argument.starts_with(begin));
        let limit = if arguments.iter().any(long) { LONG_LIMIT } else { LIMIT };
        Ok(Candidate { name: name.to_owned(), initramfs: outfit.seal(&argv)?, kernel, limit })
    }
}

/// A kernel that is ready to be booted.
pub(crate) struct Candidate {
    name: String,
    kernel: Kernel,
    initramfs: NamedTempFile,
    limit: Duration,
}

impl Candidate {
    /// What the person called it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs the harness; whether it said that all is well.
    pub(crate) fn test(&self, ground: &Ground, cases: &mut Run) -> Result<bool> {
        let machine = Machine {
            qemu: &ground.qemu,
            image: &self.kernel.image,
            initramfs: self.initramfs.path(),
            memory_mib: MEMORY_MIB,
            limit: Some(self.limit),
            interactive: false,
            on_interrupt: OnInterrupt::End,
            pace: Pace::Real,
        };
        let name = &self.name;
        let mut stdout = Lines::default();
        let mut stderr = Lines::default();
        let verdict = machine.run(&mut |progress| {
            match progress {
                Progress::Booting => eprintln!("{name}: booting {}", self.kernel.release),
                Progress::Ready(time) => eprintln!("{name}: up after {:.1} s", time.as_secs_f64()),
                Progress::Stdout(bytes) => stdout.push(&bytes, |line| {
                    println!("{name}: {line}");
                    cases.push(line);
                }),
                Progress::Stderr(bytes) => {
                    stderr.push(&bytes, |line| eprintln!("{name}: {line}"));
                }
                Progress::File(_) | Progress::FileBytes(_) => {}
            }
            Ok(())
        });
        let begun = stdout.rest();
        // The harness names a case before it runs it: a guest that broke down broke down there.
        let verdict = if begun.is_empty() { verdict } else { verdict.context(begun) };
        Ok(verdict? == 0)
    }
}

/// Lines out of chunks that end anywhere.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        self.0.extend(bytes);
        while let Some(end) = self.0.iter().position(|&byte| byte == b'\n') {
            let whole: Vec<u8> = self.0.drain(..=end).collect();
            line(String::from_utf8_lossy(&whole).trim_end());
        }
    }

    /// What came after the last whole line.
    fn rest(&self) -> String {
        String::from_utf8_lossy(&self.0).trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_chunks_end() {
        let mut lines = Lines::default();
        let mut seen = Vec::new();
        for chunk in ["test a ", "... ok\r\ntest b", " ... ok\n", "\nrest"] {
            lines.push(chunk.as_bytes(), |line| seen.push(line.to_owned()));
        }
        assert_eq!(seen, ["test a ... ok", "test b ... ok", ""]);
        assert_eq!(lines.rest(), "rest");
    }
}
