//! The command line: what can be typed. Nothing here touches the world.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ebpf_probes::Reason;

use crate::kernel::Choice;

mod completions;
mod filter;
mod ids;
mod later;
mod listeners;
mod metrics;
mod report;
mod run;
mod top;
mod words;

pub use completions::{Completions, For, script};
pub use filter::Filter;
pub use later::Later;
pub use listeners::{ListenerFilter, Listeners, SortKey};
pub use metrics::Metrics;
pub use report::Report;
pub use run::{Format, Run};
pub use top::Top;
use words::{detail, duration};

const EXAMPLES: &str = "\
Examples:
  syndrop                               every drop until Ctrl-C, then a summary
  syndrop -P 80,443 --peer 10.0.0.0/8   two ports, clients of one network
  syndrop -d 10s --json -o drops.json   record ten seconds
  syndrop replay drops.json             show a recording, without any rights
  syndrop -d 1m --fail-on-drop          exit with 1 if anything was dropped
  syndrop run -- cargo test             the same for as long as a command runs
  syndrop explain syn-queue-full        what a reason means, and what to do
  syndrop doctor                        whether it would work here
  syndrop top                           all listeners live, on a whole screen

Exit status: 0 ended normally, 1 drops were seen with --fail-on-drop, 2 usage or could not run, \
69 this kernel cannot do it, 77 not permitted.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  syndrop explain                          every reason in a line, by stage
  syndrop explain accept-queue-full-ack    all that is known of one
  syndrop explain --json | jq -r .reason   their ids";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  syndrop doctor                                  what is missing for me
  sudo syndrop doctor                             what is missing for root
  sudo syndrop doctor --json | jq .unobservable   what this kernel hides";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  source <(syndrop completions bash)
  syndrop completions fish > ~/.config/fish/completions/syndrop.fish";

/// Name every connection that a TCP listener drops: the branch, both queues, the limit that bit
#[derive(Debug, Parser)]
#[command(
    name = "syndrop",
    version,
    after_help = EXAMPLES,
    after_long_help = ids::with_list(EXAMPLES),
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do; to trace if nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// How to trace.
    #[command(flatten)]
    pub trace: Trace,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Stream drops until Ctrl-C, --duration or --count; then the summary
    #[command(after_help = EXAMPLES, after_long_help = ids::with_list(EXAMPLES))]
    Trace(Later<Trace>),
    /// Show both queues of every listener, what set their limits, and who owns them
    #[command(after_help = listeners::COLUMNS)]
    Listeners(Later<Listeners>),
    /// Trace while a command runs; a gate for CI
    #[command(after_help = run::EXAMPLES, after_long_help = ids::with_list(run::EXAMPLES))]
    Run(Later<Run>),
    /// Say what a reason means, where it is in the kernel, and what to do about it
    #[command(after_help = EXPLAIN_EXAMPLES, after_long_help = ids::with_list(EXPLAIN_EXAMPLES))]
    Explain(Later<Explain>),
    /// Say what this kernel and these rights allow, and what to do about what they do not
    ///
    /// Nothing is attached, and no rights are needed. The exit status is the one that `trace` would
    /// end with: 0 if it would work, 69 if this kernel cannot do it, 77 if rights are missing.
    #[command(after_help = DOCTOR_EXAMPLES)]
    Doctor(Later<Doctor>),
    /// Watch every listener live on a whole screen: both queues, drops by reason, clients
    #[command(after_help = top::EXAMPLES, after_long_help = ids::with_list(top::EXAMPLES))]
    Top(Later<Top>),
    /// Write completions for a shell to stdout
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(Later<Completions>),
    /// Feed a recording of `trace --json` through the same filters and formats
    #[command(after_long_help = ids::list())]
    Replay(Later<Replay>),
    /// Make one self-contained HTML page of a recording, for a post-mortem
    #[command(after_help = report::EXAMPLES, after_long_help = ids::with_list(report::EXAMPLES))]
    Report(Later<Report>),
    /// Serve totals and queues to Prometheus, until Ctrl-C or SIGTERM
    #[command(after_help = metrics::EXAMPLES, after_long_help = ids::with_list(metrics::EXAMPLES))]
    Metrics(Later<Metrics>),
}

/// Arguments of `trace`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that can be given or not")]
pub struct Trace {
    /// The format.
    #[command(flatten)]
    pub output: Output,

    /// End after this long: seconds, or 10s, 1m30s, 1.5h
    #[arg(short, long, value_name = "D", value_parser = duration)]
    pub duration: Option<Duration>,

    /// Exit with 1 if any drop was seen
    #[arg(long)]
    pub fail_on_drop: bool,

    /// Add drops before the listener's code; costs a probe on every incoming TCP packet
    ///
    /// Drops by socket filters and cgroup programs, IPsec, TCP signatures, the TTL, the checksum
    /// and TIME_WAIT, and SYNs with FIN or with two signatures. The kernel decides these where
    /// every incoming TCP packet passes, data of established connections included, so probes run
    /// for each of them and not only for handshakes.
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

    /// Say after each such time how it stands: what was dropped so far, and how much of the
    /// kernel's counters that explains
    #[arg(long, value_name = "D", value_parser = duration)]
    pub interval: Option<Duration>,

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

/// How much is told one by one, and how much is only counted.
#[derive(Debug, Args)]
pub struct Detail {
    /// Events a second of each reason and listener: all, N/s or none; totals count every one
    ///
    /// What goes beyond it is held back in the kernel, before it costs anything, and counted as
    /// sampled out; so a flood at one port does not hide what happens at another.
    #[arg(
        id = "detail",
        long = "detail",
        value_name = "DETAIL",
        default_value = "1000/s",
        value_parser = detail
    )]
    pub rate: u64,

    /// Rows of the table of totals; further listeners of a namespace share one
    #[arg(long = "totals-rows", value_name = "N", hide = true)]
    pub rows: Option<u32>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A reason or a notice; all of them, by stage, if nothing is said
    #[arg(value_name = "ID", value_parser = completions::REASONS,
        hide_possible_values = true)]
    pub reason: Option<Reason>,

    /// Write JSON, one object a line, instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Write JSON instead of text
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// What `syndrop trace --json` wrote; - is stdin
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// The format.
    #[command(flatten)]
    pub output: Output,

    /// What is shown.
    #[command(flatten)]
    pub filter: Filter,
}

/// How and where to write.
#[derive(Debug, Args)]
pub struct Output {
    /// Write JSON, one object a line, instead of text
    #[arg(long)]
    pub json: bool,

    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// End after this many drops
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

#[cfg(test)]
mod tests;
