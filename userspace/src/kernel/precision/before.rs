//! How packets show that are thrown away before the listener's own code.

use ebpf_probes::Milestone::{FilterRefused, PolicyRefused, SignatureRefused};
use ebpf_probes::{Milestone, Reason, before_listener};

use super::{Case, USUAL};

const fn gate(reason: Reason, passed: &'static [Milestone]) -> Case {
    Case { reason, judge: |facts| before_listener(facts, true), passed, ..USUAL }
}

pub(super) const CASES: &[Case] = &[
    gate(Reason::PreXfrmPolicy, &[PolicyRefused]),
    gate(Reason::PreMd5Ao, &[SignatureRefused]),
    gate(Reason::PreSocketFilter, &[FilterRefused]),
];
