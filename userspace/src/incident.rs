//! A drop as people and scripts meet it: with the time on the wall clock and the listener's owner.

use std::sync::Arc;

use jiff::Timestamp;

use crate::decode::SynDrop;

/// Who holds the listening socket. What could not be found out is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Owner {
    /// The lowest pid of those that hold it.
    pub pid: Option<u32>,
    /// The name of that process.
    pub comm: Option<String>,
    /// Its cgroup, as path below the root of the hierarchy.
    pub cgroup: Option<String>,
    /// The container that the cgroup belongs to.
    pub container: Option<String>,
}

/// One drop with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub drop: SynDrop,
    /// Whose listener it was: the same for many of them.
    pub owner: Arc<Owner>,
}
