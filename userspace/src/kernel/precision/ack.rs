//! How refused ACKs show.

use ebpf_probes::Counter::{ListenDrops, ListenOverflows};
use ebpf_probes::Milestone::{ChildRefused, RequestDropped};
use ebpf_probes::Reason;

use super::{Case, LIMIT};

pub(super) const CASES: &[Case] = &[
    Case {
        reason: Reason::AcceptQueueFullAck,
        judge: ebpf_probes::check_req,
        passed: &[ChildRefused],
        moved: &[ListenOverflows, ListenDrops],
        lengths: (LIMIT + 1, 1),
        syncookies: 0,
    },
    Case {
        reason: Reason::AcceptQueueFullAckRst,
        judge: ebpf_probes::check_req,
        passed: &[ChildRefused, RequestDropped],
        moved: &[ListenOverflows, ListenDrops],
        lengths: (LIMIT + 1, 1),
        syncookies: 0,
    },
];
