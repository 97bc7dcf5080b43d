//! Why no child was made of a finished handshake.
//!
//! `tcp_v4_syn_recv_sock` tests in this order: accept queue, memory, route, keys, port, and
//! whether the connection is there already; its IPv6 twin asks for the route before the memory.
//! Most of these tests call functions that a good handshake calls too. What is watched instead is
//! what only a failed one does, and what it counts, so that good ones cost next to nothing.

use crate::counter::Counter::ListenOverflows;
use crate::facts::{Facts, Milestone};
use crate::reason::Evidence;

/// The test that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// The accept queue is longer than its limit.
    QueueFull,
    /// No memory for the socket; or, of a cookie, a connection that is there already.
    Nomem,
    /// No route to the client.
    NoRoute,
    /// The listener's keys could not be copied.
    Key,
    /// The listener's port could not be shared.
    Port,
}

/// Which test failed, where `ChildRefused` was passed.
#[inline]
pub(super) fn failure(facts: &Facts) -> (Failure, Evidence) {
    let passed = facts.passed;
    if passed.has(Milestone::ChildKeyFailed) {
        (Failure::Key, Evidence::Observed)
    } else if passed.has(Milestone::PortNotInherited) {
        // The keys come before the port, and both end the same way.
        (Failure::Port, facts.proof(&[Milestone::ChildKeyFailed]))
    } else if passed.has(Milestone::ChildNoRoute) || passed.has(Milestone::ChildNoRouteV6) {
        (Failure::NoRoute, Evidence::Observed)
    } else if facts.moved(ListenOverflows) {
        (Failure::QueueFull, Evidence::Observed)
    } else if facts.counted != 0 {
        // Only the accept queue moves that counter, and whoever fails elsewhere is seen.
        let others =
            [Milestone::ChildNoRoute, Milestone::ChildNoRouteV6, Milestone::PortNotInherited];
        (Failure::Nomem, facts.proof(&others))
    } else if passed.has(Milestone::ChildCreated) {
        let later = [Milestone::ChildNoRoute, Milestone::PortNotInherited];
        (Failure::Nomem, facts.proof(&later))
    } else if passed.has(Milestone::RouteAsked) {
        (Failure::NoRoute, facts.proof(&[Milestone::ChildCreated]))
    } else {
        (Failure::QueueFull, facts.proof(&[Milestone::ChildCreated, Milestone::RouteAsked]))
    }
}
