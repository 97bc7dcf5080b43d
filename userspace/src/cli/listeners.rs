//! Arguments of `syndrop listeners`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};
use ebpf_probes::{Reason, Stage};
use ipnet::IpNet;

use super::filter::stages;
use super::words::{comm, duration, network};
use super::{Filter, completions};
use crate::decode::Family;
use crate::filter::{Netns, OwnerFilter};

pub(super) const COLUMNS: &str = "\
Columns:
  ACCEPT-Q    finished connections that wait for accept(), and their limit;
              above it the kernel refuses
  SYN-Q       half-open connections, and the same limit
  YOUNG       those of them whose SYN-ACK was not repeated yet
  SET BY      what set the limit: the backlog that listen() was given, or
              somaxconn, and then listen() was given as much or more
              With --drops or --latency, `clipped N` is what listen() was given,
              of which somaxconn left less
  FIRST DROP  how many half-open connections wait when the first SYN is
              dropped, and the reason, while the accept queue is not full; see
              `syndrop explain`
  DROPS       with --drops or --latency: drops since syndrop watches
  WAIT P50 …  with --latency: half of the connections that were accepted since
              then waited in the accept queue no longer than this, 90 and 99 of
              100, and all
  OWNER       the lowest pid that holds the socket, and how many more do

Without CAP_BPF and CAP_PERFMON the SYN queues are unknown, without root the owners of other \
users' sockets.";

/// Arguments of `listeners`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("traced").args(["drops", "latency"]).multiple(true))]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that can be given or not")]
pub struct Listeners {
    /// Write JSON, one object a line, instead of text
    #[arg(long)]
    pub json: bool,

    /// Write to this file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Listeners of every network namespace, not only of this one
    #[arg(long, conflicts_with = "netns")]
    pub all_netns: bool,

    /// Look again and again, until Ctrl-C
    #[arg(
        short,
        long,
        value_name = "D",
        num_args = 0..=1,
        default_missing_value = "2s",
        value_parser = duration
    )]
    pub watch: Option<Duration>,

    /// Trace while --watch looks: add the drops of each listener since then
    ///
    /// It costs as much as a trace does, and needs the same rights. Calls of listen() are seen from
    /// then on, too: SET BY says of those whether somaxconn clipped them.
    #[arg(long, requires = "watch")]
    pub drops: bool,

    /// The same, and add how long connections waited for accept(), as quantiles since then
    ///
    /// It costs two or three more probes on every connection that a listener of the machine gets,
    /// some hundred nanoseconds each, and up to 20 MB in the kernel.
    #[arg(short, long, requires = "watch")]
    pub latency: bool,

    /// Sort by address, accept-queue, syn-queue (the longest first), or owner
    #[arg(long, value_name = "KEY", value_enum, default_value_t, hide_possible_values = true)]
    pub sort: SortKey,

    /// What is shown.
    #[command(flatten)]
    pub filter: ListenerFilter,
}

/// What a table is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SortKey {
    /// By namespace, port and address
    #[default]
    Address,
    /// By the accept queue, the longest first
    AcceptQueue,
    /// By the SYN queue, the longest first
    SynQueue,
    /// By the owner's name
    Owner,
}

/// Which listeners are shown.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub struct ListenerFilter {
    /// Only these local ports
    #[arg(
        short = 'P',
        long = "port",
        value_name = "PORT",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub ports: Vec<u16>,

    /// Only what is bound to an address of this network, or to every address of its family
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub local: Option<IpNet>,

    /// Only IPv4 sockets
    #[arg(short = '4', conflicts_with = "v6")]
    pub v4: bool,

    /// Only IPv6 sockets
    #[arg(short = '6')]
    pub v6: bool,

    /// Only what this process holds
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,

    /// Only what a process of this name holds
    #[arg(long, value_name = "NAME", value_parser = comm)]
    pub comm: Option<String>,

    /// Only this network namespace: inode number, path, or name of `ip netns`
    #[arg(long, value_name = "NETNS")]
    pub netns: Option<Netns>,

    /// With --drops: count only drops of packets from an address of this network
    #[arg(long, value_name = "CIDR", value_parser = network, requires = "traced")]
    pub peer: Option<IpNet>,

    /// With --drops: count only drops for these reasons; `syndrop explain` lists them
    #[arg(
        long = "reason",
        value_name = "ID",
        value_delimiter = ',',
        value_parser = completions::DROPS,
        hide_possible_values = true,
        requires = "traced"
    )]
    pub reasons: Vec<Reason>,

    /// With --drops: count only drops at these stages
    #[arg(
        long = "stage",
        value_name = "STAGE",
        value_delimiter = ',',
        value_parser = stages(),
        requires = "traced"
    )]
    pub stages: Vec<Stage>,
}

impl ListenerFilter {
    /// Whose listeners were asked for.
    pub fn owner(&self) -> OwnerFilter {
        OwnerFilter { pid: self.pid, comm: self.comm.clone() }
    }

    /// Which drops are counted: those that the same words show in other commands.
    pub fn of_drops(&self) -> Filter {
        Filter {
            ports: self.ports.clone(),
            local: self.local,
            peer: self.peer,
            v4: self.v4,
            v6: self.v6,
            pid: self.pid,
            comm: self.comm.clone(),
            netns: self.netns.clone(),
            reasons: self.reasons.clone(),
            notices: None,
            stages: self.stages.clone(),
        }
    }

    /// The IP version that was asked for.
    pub const fn family(&self) -> Option<Family> {
        match (self.v4, self.v6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            _ => None,
        }
    }
}
