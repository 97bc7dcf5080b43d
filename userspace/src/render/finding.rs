//! One listener's drops of one reason: what the formats for CI report each by itself.

use ebpf_probes::Reason;

use super::{Foreign, Summary};
use crate::catalogue::{self, Entry};
use crate::gate::{Gate, Verdict};
use crate::incident::Owner;
use crate::totals::ListenerTotal;

/// One listener's drops of one reason, in words of which each still has to be escaped for its
/// format.
#[derive(Debug)]
pub(super) struct Finding {
    /// What is known of the reason.
    pub(super) entry: &'static Entry,
    /// How often.
    pub(super) count: u64,
    /// How often that was inferred.
    pub(super) inferred: u64,
    /// The address that it is bound to.
    pub(super) listener: String,
    /// Name of the process that holds it; empty if unknown. The same from run to run.
    pub(super) comm: String,
    /// The process and where it runs.
    pub(super) owner: String,
    /// The limit of its queues.
    pub(super) limit: Option<u32>,
    /// Whether the gate counts it.
    pub(super) counts: bool,
}

impl Finding {
    fn new(listener: &ListenerTotal, reason: Reason, count: u64, inferred: u64) -> Self {
        Self {
            entry: catalogue::of(reason),
            count,
            inferred,
            listener: match listener.id.bound {
                Some(bound) => bound.to_string(),
                None if listener.id.is_others() => "others than those named".to_owned(),
                None => "an unknown listener".to_owned(),
            },
            comm: listener
                .owner
                .comm
                .as_deref()
                .map_or_else(String::new, |it| Foreign(it).to_string()),
            owner: owner(&listener.owner),
            limit: listener.limit,
            counts: false,
        }
    }

    /// How often, in words.
    pub(super) fn drops(&self) -> String {
        let plural = if self.count == 1 { "" } else { "s" };
        let inferred = match self.inferred {
            0 => String::new(),
            inferred => format!(" ({inferred} inferred)"),
        };
        format!("{} drop{plural}{inferred}", self.count)
    }

    /// The whole of it, as one line.
    pub(super) fn sentence(&self) -> String {
        let Self { entry, listener, owner, .. } = self;
        let limit = self.limit.map_or_else(String::new, |limit| format!(", queue limit {limit}"));
        format!(
            "{}: {} at listener {listener}{limit}, owner {owner}: {}",
            entry.slug,
            self.drops(),
            entry.headline
        )
    }
}

/// Every listener's drops of every reason, most first.
pub(super) fn findings(summary: &Summary, gate: &Gate) -> Vec<Finding> {
    let all = summary.totals.by_listener.iter().flat_map(|listener| {
        listener.drops.iter().map(move |total| Finding {
            counts: gate.counts(total.reason),
            ..Finding::new(listener, total.reason, total.count, total.inferred)
        })
    });
    all.collect()
}

/// The verdict in figures.
pub(super) fn figures(verdict: Verdict) -> String {
    format!("drops that count: {}; allowed: {}", verdict.counted, verdict.allowed)
}

fn owner(owner: &Owner) -> String {
    let process = match (&owner.comm, owner.pid) {
        (None, None) => return "unknown".to_owned(),
        (Some(comm), Some(pid)) => format!("{}[{pid}]", Foreign(comm)),
        (Some(comm), None) => Foreign(comm).to_string(),
        (None, Some(pid)) => format!("pid {pid}"),
    };
    match &owner.cgroup {
        Some(cgroup) => format!("{process} in {}", Foreign(cgroup)),
        None => process,
    }
}
