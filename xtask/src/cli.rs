//! What can be typed after `cargo xtask`; no I/O here.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::kernels::{self, DEFAULT_MATRIX, FOR_BRANCHES, KERNELS, Kernel, Series};

/// What cargo alone cannot do for syndrop: the BPF object, guests, the demo.
///
/// Everything that is missing (QEMU, kernels, programs for the guests, bpf-linker, the sources of
/// the standard library) is fetched into a cache outside of the tree. Nothing needs root, KVM or
/// BPF on this machine.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Build the BPF object from source and commit it to the tree, userspace/bpf/
    ///
    /// bpf-linker and the sources of the standard library are fetched if they are missing. About a
    /// minute the first time.
    Bpf {
        /// Commit nothing; fail unless the object in the tree is byte for byte what the sources give
        #[arg(long)]
        check: bool,
    },
    Bench(Bench),
    Demo(Demo),
    Lab(Lab),
    Gate(Gate),
    Test(Test),
    Vm(Vm),
}

/// Count what syndrop and its peers add to each SYN and each connection, instruction by instruction.
///
/// Guests run on an emulator that counts instructions, so the figures do not depend on how fast or
/// busy this machine is. Everything on two kernels takes an hour on two cores; docs/benchmark.md is
/// written anew then. Where only a part was asked for, it is only printed. What a boot measured is
/// kept in the cache, and taken from there as long as kernel, guest and emulator are the same.
#[derive(Args)]
pub(crate) struct Bench {
    /// Kernel series, one or more
    #[arg(long, value_name = "SERIES", num_args = 1.., default_values = kernels::FOR_BENCH)]
    pub(crate) kernel: Vec<String>,
    /// Only what has one of these words in its name: syndrop, bpftrace, …; besides no tracer at all
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) only: Vec<String>,
    /// Only these workloads: accept-queue, syn-queue, healthy, cookies
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(crate) workload: Vec<String>,
    /// Boots of each, in each of which the kernel rolls other dice; the median counts
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seeds: u32,
    /// What each BPF program takes, too; measuring that costs, so the sums are not those without it
    #[arg(long)]
    pub(crate) by_program: bool,
    /// Measure everything again, also what was measured before
    #[arg(long)]
    pub(crate) anew: bool,
}

impl Bench {
    /// Whether the page can be made from it.
    pub(crate) fn is_whole(&self) -> bool {
        self.only.is_empty() && self.workload.is_empty() && self.seeds >= 3 && !self.by_program
    }
}

/// Watch a real kernel refuse real connections of a real server.
///
/// Builds syndrop, fetches a recent stock kernel, nginx and wrk, and boots them in a guest: nginx's
/// workers are stopped for some seconds under load, its queues overflow, and syndrop names every
/// refused packet. Some twenty seconds, once everything is built and fetched.
#[derive(Args)]
pub(crate) struct Demo {
    #[command(flatten)]
    pub(crate) kernel: KernelChoice,
}

/// Play a published experiment again, with the real programs, and syndrop beside it.
///
/// Each lab says what was published, what this kernel does and what syndrop says of it, and fails
/// if the three do not fit or nothing was provoked. Without NAME, the list. All of them on one
/// kernel take five to ten minutes.
#[derive(Args)]
pub(crate) struct Lab {
    /// Which one; `all` plays them all and writes docs/labs.md
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Kernel series from Debian's packages; for `all` 5.10, 6.12 and 7.3 if nothing is said
    #[arg(long, value_name = "SERIES", num_args = 1..)]
    pub(crate) kernel: Vec<String>,
    /// Write what was measured to this directory too, a JSON file for each lab and kernel
    #[arg(long, value_name = "DIR")]
    pub(crate) facts: Option<PathBuf>,
    /// Boot nothing: judge again what --facts wrote to this directory
    #[arg(long, value_name = "DIR", conflicts_with = "facts")]
    pub(crate) again: Option<PathBuf>,
}

/// See `syndrop run` as a gate around python's http.server and ab, in a guest.
///
/// With a backlog of 5 the gate fails and its JUnit file names reason, listener and owner; with 2048
/// it passes; how a command ends comes through as `env` does it. Less than a minute, once all is
/// built and fetched.
#[derive(Args)]
pub(crate) struct Gate {
    #[command(flatten)]
    pub(crate) kernel: KernelChoice,
}

/// Run the tests: host tests, lints, a report's page in a browser, the BPF object's freshness, the
/// kernel tests in guests.
///
/// Without options all of it on the kernels that are tested by default, some half an hour on two
/// cores once everything is fetched. The last line counts what passed, failed and was skipped.
#[derive(Args)]
pub(crate) struct Test {
    /// Only what needs no guest: formatting, lints, unit tests, a page in a browser, licences, the
    /// BPF object
    #[arg(long)]
    host: bool,
    /// Only the kernel tests, on these series or on the default ones
    #[arg(long, value_name = "SERIES", num_args = 0..)]
    vm: Option<Vec<String>>,
    /// The kernel tests on every series that there is
    #[arg(long, conflicts_with = "vm")]
    all: bool,
    /// Of the kernel tests only those that the table of reasons by kernel, docs/branches.md, is made
    /// from
    #[arg(long)]
    branches: bool,
    #[command(flatten)]
    pub(crate) own: OwnKernel,
    /// For the kernel tests' harness: a filter, --exact, --list …
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

impl Test {
    /// Whether the part without guests is wanted.
    pub(crate) fn wants_host(&self) -> bool {
        self.host || self.vm.is_none()
    }

    /// Whether the kernel tests are wanted.
    pub(crate) fn wants_matrix(&self) -> bool {
        !self.host || self.vm.is_some() || self.all
    }

    /// The kernels to test on.
    pub(crate) fn series(&self) -> Vec<&str> {
        match &self.vm {
            _ if self.all => KERNELS.iter().map(|row| row.name).collect(),
            Some(series) if !series.is_empty() => series.iter().map(String::as_str).collect(),
            _ => [DEFAULT_MATRIX, FOR_BRANCHES].concat(),
        }
    }

    /// Whether only what the table of reasons is made from runs on this kernel.
    pub(crate) fn only_branches(&self, name: &str) -> bool {
        let named = self.vm.as_ref().is_some_and(|series| !series.is_empty());
        self.branches || !named && !DEFAULT_MATRIX.contains(&name)
    }

    /// Whether the table of reasons can be made from this run.
    pub(crate) fn makes_table(&self) -> bool {
        self.arguments.is_empty() && !self.own.is_given()
    }

    /// Whether all cases run on all kernels that must be tested on.
    pub(crate) fn is_whole_matrix(&self) -> bool {
        let series = self.series();
        let covered = DEFAULT_MATRIX.iter().all(|name| series.contains(name));
        covered && self.makes_table() && !self.branches
    }
}

/// Boot a guest with syndrop in it, to try things by hand or to run COMMAND.
///
/// Without COMMAND, a shell on this terminal. With it, the guest runs that alone, its two outputs
/// are ours, and so is its exit status; Ctrl-C interrupts it, a second Ctrl-C ends the guest. A
/// boot takes some five seconds.
#[derive(Args)]
pub(crate) struct Vm {
    #[command(flatten)]
    pub(crate) kernel: KernelChoice,
    /// Memory of the guest in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    pub(crate) memory: u32,
    /// End the guest after so many seconds: no verdict then
    #[arg(long, value_name = "SECONDS")]
    pub(crate) limit: Option<u64>,
    /// Write the files that COMMAND leaves in the guest's /out to this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Take this file, or all that is in this directory, into the guest, below /work; a program
    /// brings its libraries
    #[arg(long, value_name = "PATH")]
    pub(crate) with: Vec<PathBuf>,
    /// What to run in the guest, as root
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// Which kernel a guest boots.
#[derive(Args)]
#[command(after_long_help = kernel_table())]
pub(crate) struct KernelChoice {
    /// Kernel series from Debian's packages, listed by --help; -rt for that flavour
    #[arg(long, value_name = "SERIES", default_value = kernels::DEFAULT)]
    #[arg(conflicts_with = "kernel_image")]
    kernel: String,
    #[command(flatten)]
    own: OwnKernel,
}

fn kernel_table() -> String {
    let row = |row: &Series| format!("\n  {:<6} {}", row.name, row.note);
    format!("Kernel series:{}", KERNELS.iter().map(row).collect::<String>())
}

impl KernelChoice {
    /// The kernel, fetched if need be.
    pub(crate) fn provide(&self) -> Result<Kernel> {
        if self.own.is_given() { self.own.provide() } else { kernels::fetch(&self.kernel) }
    }
}

/// A kernel that is on this machine already.
#[derive(Args)]
pub(crate) struct OwnKernel {
    /// A kernel image of yours instead; the way on systems without apt
    #[arg(long, value_name = "PATH")]
    kernel_image: Option<PathBuf>,
    /// Modules of that image: its lib/modules/RELEASE
    #[arg(long, value_name = "DIR", requires = "kernel_image")]
    modules: Option<PathBuf>,
}

impl OwnKernel {
    /// Whether there is one.
    pub(crate) fn is_given(&self) -> bool {
        self.kernel_image.is_some()
    }

    /// The kernel that was given.
    pub(crate) fn provide(&self) -> Result<Kernel> {
        let image = self.kernel_image.as_deref().context("no kernel image was given")?;
        kernels::from_paths(image, self.modules.as_deref())
    }
}
