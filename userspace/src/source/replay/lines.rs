//! Lines of a recording as the values that they stand for.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use ebpf_probes::{Evidence, Function, Milestones, Reason, Stage};

use super::super::{Opening, Probe};
use crate::catalogue;
use crate::cost::{Cost, ProgramCost};
use crate::decode::{AcceptQueue, Family, ListenerId, Packet, SynDrop, Sysctls};
use crate::incident::{Incident, Owner};
use crate::latency::{AcceptLatency, ListenerLatency, Quantiles};
use crate::ndjson::{
    AcceptLatencyLine, CostLine, Digits, DropLine, Header, LatencyLine, ListenerLine,
    ListenerTotalLine, ProbeLine, ProgramCostLine, SummaryLine, Time,
};
use crate::source::Backlogs;

/// A word of a recording that this version has no meaning for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no {kind} that this version of syndrop knows")]
pub struct ForeignWord {
    kind: &'static str,
    word: String,
}

/// Finds the id that is spelled like this.
fn id<T: Copy>(
    kind: &'static str,
    word: &str,
    all: &[T],
    spelling: fn(T) -> &'static str,
) -> Result<T, ForeignWord> {
    let found = all.iter().copied().find(|&id| spelling(id) == word);
    found.ok_or_else(|| ForeignWord { kind, word: word.to_owned() })
}

fn slug(reason: Reason) -> &'static str {
    catalogue::of(reason).slug
}

/// What tells the listener apart in a recording, which has no address of its socket.
pub(super) fn listener(line: &ListenerLine) -> ListenerId {
    ListenerId { sock: 0, inode: line.inode, netns: line.netns, bound: line.bound.map(Into::into) }
}

/// How long connections waited.
pub(super) fn latency(line: &AcceptLatencyLine) -> AcceptLatency {
    let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let of = |line: &LatencyLine| ListenerLatency {
        id: listener(&line.listener),
        owner: line.listener.clone().into(),
        quantiles: Quantiles {
            accepted: line.accepted,
            p50: seconds(line.quantiles.p50_s),
            p90: seconds(line.quantiles.p90_s),
            p99: seconds(line.quantiles.p99_s),
            max: seconds(line.quantiles.max_s),
        },
    };
    AcceptLatency { listeners: line.listeners.iter().map(of).collect(), untimed: line.untimed }
}

/// What the probes cost in so long.
pub(super) fn cost(line: &CostLine, span: Duration) -> Cost {
    let program = |line: &ProgramCostLine| ProgramCost {
        program: line.program.clone().into_owned(),
        runs: line.runs,
        time: Duration::try_from_secs_f64(line.run_s).unwrap_or_default(),
    };
    Cost::of(span, line.programs.iter().map(program).collect())
}

/// What was given to `listen()`.
pub(super) fn backlogs(line: &SummaryLine) -> Backlogs {
    let asked = line.by_listener.iter().filter_map(|line| {
        let ListenerId { sock, inode, .. } = listener(&line.listener);
        Some(((sock, inode), line.asked?))
    });
    Backlogs(asked.collect::<HashMap<_, _>>())
}

/// The same for a line of the summary.
pub(super) fn total_listener(line: &ListenerTotalLine) -> ListenerId {
    if line.others {
        return ListenerId::others(line.listener.netns);
    }
    listener(&line.listener)
}

impl From<ListenerLine<'_>> for Owner {
    fn from(line: ListenerLine<'_>) -> Self {
        Self {
            pid: line.pid,
            comm: line.comm.map(Cow::into_owned),
            cgroup: line.cgroup.map(Cow::into_owned),
            container: line.container.map(Cow::into_owned),
        }
    }
}

impl From<Header<'_>> for Opening {
    fn from(header: Header<'_>) -> Self {
        let reasons = |slugs: &[Cow<str>]| {
            slugs.iter().filter_map(|slug| catalogue::by_slug(slug)).map(|row| row.reason).collect()
        };
        let probe = |probe: ProbeLine| Probe {
            name: probe.name.into_owned(),
            target: probe.target.into_owned(),
            attach: probe.attach.map(Cow::into_owned),
            attached: probe.attached,
        };
        Self {
            time: header.time.map(|Time(time)| time),
            unobservable: reasons(&header.unobservable),
            inferred: reasons(&header.inferred),
            version: header.syndrop.map(Cow::into_owned),
            kernel: header.kernel.map(Cow::into_owned),
            host: header.host.map(Cow::into_owned),
            attach: header.attach.map(Cow::into_owned),
            probes: header.probes.into_iter().map(probe).collect(),
            notes: Vec::new(),
        }
    }
}

impl TryFrom<DropLine<'_>> for Incident {
    type Error = ForeignWord;

    fn try_from(line: DropLine<'_>) -> Result<Self, ForeignWord> {
        let family = line
            .family
            .map(|word| id("family", &word, &[Family::V4, Family::V6], catalogue::family))
            .transpose()?;
        let packet = match (family, line.local, line.peer) {
            (Some(family), Some(local), Some(peer)) => {
                Some(Packet { family, local: local.into(), peer: peer.into() })
            }
            _ => None,
        };
        let drop = SynDrop {
            boot_ns: line.boot_ns,
            reason: id("reason", &line.reason, Reason::ALL, slug)?,
            stage: id("stage", &line.stage, Stage::ALL, catalogue::stage)?,
            evidence: id("kind of evidence", &line.evidence, Evidence::ALL, catalogue::evidence)?,
            function: id("kernel function", &line.function, Function::ALL, Function::name)?,
            milestones: Milestones::default(),
            packet,
            listener: listener(&line.listener),
            cookie: line.listener.cookie.map(|Digits(cookie)| cookie),
            accept: line
                .accept_queue
                .len
                .zip(line.accept_queue.limit)
                .map(|(len, limit)| AcceptQueue { len, limit }),
            syn_len: line.syn_queue.len,
            syn_young: line.syn_queue.young,
            sysctls: Sysctls {
                syncookies: line.sysctl.syncookies,
                max_syn_backlog: line.sysctl.max_syn_backlog,
                somaxconn: line.sysctl.somaxconn,
                abort_on_overflow: line.sysctl.abort_on_overflow,
            },
            cpu: line.cpu,
            attempt: line.attempt.or(line.attempts),
            refused_ns: line
                .after_s
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .and_then(|duration| duration.as_nanos().try_into().ok()),
            shown: true,
        };
        Ok(Self { time: line.time.0, drop, owner: Owner::from(line.listener).into() })
    }
}
