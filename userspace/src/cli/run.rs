//! Arguments of `run`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ebpf_probes::Reason;

use super::{Detail, Filter, completions};
use crate::kernel::Choice;

pub(super) const EXAMPLES: &str = "\
Examples:
  syndrop run -- cargo test                        fail if a server drops any
  syndrop run --max-drops 3 -P 8080 -- ./load.sh   let three of one port pass
  syndrop run --only accept-queue-full-syn,accept-queue-full-ack -- ./load.sh
  syndrop run --format junit -o drops.xml -- make check
  syndrop run --format markdown -o \"$GITHUB_STEP_SUMMARY\" -- make check
  syndrop run --format json -o drops.json -- make check

Exit status: that of CMD if it failed (128 and the number of the signal if one killed it), else 1 \
if more drops than allowed were seen, else 0. 125 if syndrop itself failed, above all if it cannot \
trace here: CMD does not run then. 126 if CMD cannot be executed, 127 if it is not there.";

/// Arguments of `run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that can be given or not")]
pub struct Run {
    /// The command and its arguments; it starts when every probe is attached
    ///
    /// It has syndrop's own stdin, stdout and stderr. SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1 and
    /// SIGUSR2 that syndrop gets go on to it, but for those keys of the terminal that reach it
    /// anyway; when it has ended, syndrop sums up.
    #[arg(value_name = "CMD", required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,

    /// What the report is written as
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    pub format: Format,

    /// Write the report to this file instead of stderr, which gets the summary as text then
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Let so many drops pass
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_drops: u64,

    /// Let drops of all other reasons pass; the report has them nevertheless
    #[arg(long, value_name = "REASON", value_delimiter = ',', value_parser = completions::DROPS, hide_possible_values = true)]
    pub only: Vec<Reason>,

    /// Add drops before the listener's code; costs a probe on every incoming TCP packet
    #[arg(long)]
    pub before_listener: bool,

    /// Add how long connections waited for accept(), by listener, to the summary
    ///
    /// That is direct evidence of a slow application. It costs two or three probes on every
    /// connection that a listener of the machine gets, some hundred nanoseconds each, and up to
    /// 20 MB in the kernel. Only filters that a connection can meet narrow it: ports, networks,
    /// families, namespaces and owners, not reasons and stages.
    #[arg(long)]
    pub latency: bool,

    /// Let the kernel measure how long the probes run; costs a little for every BPF program
    ///
    /// The summary says how often each probe ran, for how long, and what share of a CPU that is.
    /// The kernel then reads the clock twice for each run of any BPF program of the machine. It
    /// takes CAP_SYS_ADMIN, unless kernel.bpf_stats_enabled is 1 already.
    #[arg(long)]
    pub stats: bool,

    /// How much of it is told one by one.
    #[command(flatten)]
    pub detail: Detail,

    /// The kind of probe
    #[arg(long, value_enum, value_name = "KIND", default_value_t)]
    pub attach: Choice,

    /// Show what the probes say about themselves, on stderr
    #[arg(short, long)]
    pub verbose: bool,

    /// What is shown.
    #[command(flatten)]
    pub filter: Filter,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The summary, for people
    Text,
    /// A recording, as `trace --json` writes it
    Json,
    /// JUnit XML: a case per listener and reason
    Junit,
    /// Annotations of GitHub's: one per listener and reason
    Github,
    /// A page of Markdown; added to the end of the file
    Markdown,
}
