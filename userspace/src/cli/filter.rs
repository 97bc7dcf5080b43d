//! Arguments that say which drops are shown, the same in every command.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ebpf_probes::{Reason, Stage};
use ipnet::IpNet;

use super::completions;
use super::words::{comm, network};
use crate::catalogue;
use crate::decode::Family;
use crate::filter::{Netns, OwnerFilter};
use crate::kernel::hooks::BEFORE_LISTENER;

/// What is shown and counted; never what is explained.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub struct Filter {
    /// Only these local ports
    #[arg(
        short = 'P',
        long = "port",
        value_name = "PORT",
        value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub ports: Vec<u16>,

    /// Only packets to an address of this network
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub local: Option<IpNet>,

    /// Only packets from an address of this network
    #[arg(long, value_name = "CIDR", value_parser = network)]
    pub peer: Option<IpNet>,

    /// Only IPv4, also where the listener is an IPv6 one
    #[arg(short = '4', conflicts_with = "v6")]
    pub v4: bool,

    /// Only IPv6
    #[arg(short = '6')]
    pub v6: bool,

    /// Only drops of listeners that this process holds
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pub pid: Option<u32>,

    /// Only drops of listeners that a process of this name holds
    #[arg(long, value_name = "NAME", value_parser = comm)]
    pub comm: Option<String>,

    /// Only this network namespace: inode number, path, or name of `ip netns`
    #[arg(long, value_name = "NETNS")]
    pub netns: Option<Netns>,

    /// Only these reasons; --help lists them all
    ///
    /// A notice that is named is shown too, and a reason that only --before-listener shows turns
    /// that on, as if it had been asked for.
    #[arg(
        long = "reason",
        value_name = "ID",
        value_delimiter = ',',
        value_parser = completions::REASONS,
        hide_possible_values = true
    )]
    pub reasons: Vec<Reason>,

    /// Add events that are no drops: all of them, or these; --help lists them
    ///
    /// Off by default, because some of them come with every connection. They never count as drops,
    /// nor for --count and --fail-on-drop. Where --reason names notices too, no others are added
    /// than those that either names. A replay shows every notice of its recording unless --reason
    /// or this option narrows them.
    #[arg(
        long,
        value_name = "ID",
        num_args = 0..=1,
        value_delimiter = ',',
        value_parser = completions::NOTICES,
        hide_possible_values = true
    )]
    pub notices: Option<Vec<Reason>>,

    /// Only these stages
    #[arg(
        long = "stage",
        value_name = "STAGE",
        value_delimiter = ',',
        value_parser = stages()
    )]
    pub stages: Vec<Stage>,
}

impl Filter {
    /// Whose listeners were asked for.
    pub fn owner(&self) -> OwnerFilter {
        OwnerFilter { pid: self.pid, comm: self.comm.clone() }
    }

    /// Whether drops before the listener's code are wanted: they were asked for, or a reason that
    /// only they can have is named here or in `others`.
    pub fn before_listener(&self, asked: bool, others: &[Reason]) -> bool {
        let mut named = self.reasons.iter().chain(others);
        asked || named.any(|reason| BEFORE_LISTENER.contains(reason))
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

pub(super) fn stages() -> impl TypedValueParser<Value = Stage> {
    let ids = Stage::ALL.iter().map(|&stage| catalogue::stage(stage));
    PossibleValuesParser::new(ids).try_map(|id| {
        let mut all = Stage::ALL.iter().copied();
        all.find(|&stage| catalogue::stage(stage) == id).ok_or("no such stage")
    })
}
