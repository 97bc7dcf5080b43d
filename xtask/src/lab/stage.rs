//! The guest that labs are played in: one for each kernel, with all programs, and their reports.
//!
//! The guest's side is Python (`scripts/`), which measures and judges nothing: what it found comes
//! back as one line of JSON for each lab.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::artifact;
use crate::kernels::Kernel;
use crate::machine::{Machine, OnInterrupt, Pace, Progress};
use crate::modules::Need;
use crate::outfit::Outfit;
use crate::programs::{self, Release};
use crate::qemu::Qemu;

/// For one lab; six times what the longest takes on a busy machine.
const LIMIT_OF_A_LAB: Duration = Duration::from_secs(240);
const MEMORY_MIB: u32 = 1536;
/// Where the scripts lie in the guest.
const DIRECTORY: &str = "/lab";

const PACKAGES: &[&str] = &[
    "apache2-utils",
    "hping3",
    "iproute2",
    "net-tools",
    "nftables",
    "nginx",
    "nmap",
    "python3",
    "tcpdump",
    "wrk",
];
const PROGRAMS: &[&str] = &[
    "/usr/bin/ab",
    "/usr/bin/ip",
    "/usr/bin/netstat",
    "/usr/bin/nmap",
    "/usr/bin/nstat",
    "/usr/bin/python3",
    "/usr/bin/ss",
    "/usr/bin/tcpdump",
    "/usr/bin/wrk",
    "/usr/sbin/hping3",
    "/usr/sbin/nft",
    "/usr/sbin/nginx",
    "/usr/sbin/tc",
];
/// What the common guest has not: a packet filter.
const MODULES: &[(&str, Need)] = &[("nf_tables", Need::Always)];
/// Parts of Python's library that are large and that no lab needs.
const NOT_OF_PYTHON: &[&str] =
    &["test", "idlelib", "lib2to3", "ensurepip", "distutils", "pydoc_data"];

const SCRIPTS: &[(&str, &str)] = &[
    ("connect.py", include_str!("scripts/connect.py")),
    ("get.py", include_str!("scripts/get.py")),
    ("kernel.py", include_str!("scripts/kernel.py")),
    ("labs_accept.py", include_str!("scripts/labs_accept.py")),
    ("labs_syn.py", include_str!("scripts/labs_syn.py")),
    ("labs_web.py", include_str!("scripts/labs_web.py")),
    ("listen.py", include_str!("scripts/listen.py")),
    ("play.py", include_str!("scripts/play.py")),
    ("trace.py", include_str!("scripts/trace.py")),
    ("workers.py", include_str!("scripts/workers.py")),
    ("world.py", include_str!("scripts/world.py")),
];

/// What came of one lab on one kernel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) lab: String,
    /// What `uname -r` said.
    pub(super) kernel: String,
    /// What was run, as one would type it.
    pub(super) steps: Vec<String>,
    /// What was measured; its form is the lab's own.
    pub(super) facts: Option<Value>,
    /// Why there are no facts.
    pub(super) error: Option<String>,
    /// Processes and namespaces that were still there afterwards.
    pub(super) left: Vec<String>,
    pub(super) seconds: f64,
}

/// What all kernels share.
pub(super) struct Stage {
    qemu: Qemu,
    syndrop: PathBuf,
}

impl Stage {
    /// Builds and fetches it.
    pub(super) fn build() -> Result<Self> {
        Ok(Self { qemu: Qemu::provide()?, syndrop: artifact::syndrop()? })
    }

    /// Plays these labs on a kernel; each report is passed on as it comes.
    ///
    /// # Errors
    /// If the guest could not be packed or broke down, or did not report on every lab.
    pub(super) fn play(
        &self,
        kernel: &Kernel,
        labs: &[&str],
        each: &mut dyn FnMut(Report) -> Result<()>,
    ) -> Result<()> {
        let initramfs = self.pack(kernel)?.seal(&argv(labs))?;
        let machine = Machine {
            qemu: &self.qemu,
            image: &kernel.image,
            initramfs: initramfs.path(),
            memory_mib: MEMORY_MIB,
            pace: Pace::Real,
            limit: u32::try_from(labs.len()).ok().map(|labs| LIMIT_OF_A_LAB * (labs + 1)),
            interactive: false,
            on_interrupt: OnInterrupt::End,
        };
        let mut lines = Lines::default();
        let mut complaints = Vec::new();
        let mut reports = 0;
        let status = machine.run(&mut |progress| {
            match progress {
                Progress::Stdout(bytes) => {
                    for line in lines.push(&bytes) {
                        let report = serde_json::from_str(&line)
                            .with_context(|| format!("the guest reported {line:?}"))?;
                        reports += 1;
                        each(report)?;
                    }
                }
                Progress::Stderr(bytes) => complaints.extend(bytes),
                _ => {}
            }
            Ok(())
        })?;
        if !complaints.is_empty() {
            eprint!("{}", String::from_utf8_lossy(&complaints));
        }
        if status != 0 || reports != labs.len() {
            bail!(
                "the guest reported on {reports} of {} labs, and ended with {status}",
                labs.len()
            );
        }
        Ok(())
    }

    fn pack(&self, kernel: &Kernel) -> Result<Outfit> {
        let mut outfit = Outfit::with_modules(kernel, MODULES)?;
        outfit.own_program(&self.syndrop, "syndrop")?;
        let tree = programs::tree(PACKAGES, Release::Own)?;
        outfit.programs(PACKAGES, PROGRAMS)?;
        // The link says which version it is, and so where its library lies.
        let python = tree.resolve(Path::new("usr/bin/python3"))?;
        let python = python.file_name().context("Python has no name")?.to_string_lossy();
        outfit.data(&tree, &format!("/usr/lib/{python}"), NOT_OF_PYTHON)?;
        outfit.data(&tree, "/usr/share/nmap", &["nselib", "scripts"])?;
        for (name, text) in SCRIPTS {
            outfit.file(&format!("{DIRECTORY}/{name}"), *text);
        }
        Ok(outfit)
    }
}

fn argv<'a>(labs: &[&'a str]) -> Vec<&'a str> {
    [&["python3", "/lab/play.py"], labs].concat()
}

/// Whole lines of what comes in pieces.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        self.0.extend(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.0.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.0.drain(..=end).collect();
            whole.push(String::from_utf8_lossy(&line[..end]).into_owned());
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::Lines;

    #[test]
    fn lines_are_whole_wherever_they_are_cut() {
        let mut lines = Lines::default();
        assert!(lines.push(b"{\"a\":").is_empty());
        assert_eq!(lines.push(b"1}\n{}\n{"), ["{\"a\":1}", "{}"]);
        assert_eq!(lines.push(b"}\n"), ["{}"]);
    }
}
