//! From bytes to values: every record of the probes is taken apart here, field by field.
//!
//! Records come from a ring buffer and a hash map as plain bytes. Their layout is that of the
//! wire structs of the contract; what does not fit is an error value and never a panic, so that
//! a damaged record costs one count and not the run.

use core::hash::{Hash, Hasher};
use core::mem::offset_of;
use std::net::SocketAddr;

use ebpf_probes::{
    Counters, DropRecord, Evidence, Function, Milestones, Reason, Stage, TotalKey, Unknown,
    UnknownId,
};

use wire::Wire;

mod application;
mod listener;
mod wire;

pub use application::{WaitRow, listener_key, wait_row};
pub use listener::{Listener, listeners};

/// Every bit of [`Unknown`] that is asked for below. A bit beyond them would make a value that
/// nobody read look like one that was read, so it is refused.
const UNKNOWN_BITS: u32 = (Unknown::Bound.bit() << 1) - 1;

/// IP version of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// IPv4, also where the listener is an IPv6 one.
    V4,
    /// IPv6
    V6,
}

/// What tells listeners apart. The kernel reuses each of these, all of them together hardly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerId {
    /// Address of its `struct sock`; 0 where a recording is replayed. Never shown.
    pub sock: u64,
    /// Inode number of its socket.
    pub inode: Option<u64>,
    /// Inode number of its network namespace.
    pub netns: Option<u32>,
    /// What it is bound to.
    pub bound: Option<SocketAddr>,
}

impl Hash for ListenerId {
    /// Few listeners differ by their addresses alone, and to hash these takes longer than all else.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let port = self.bound.map_or(0, |bound| bound.port());
        (self.sock, self.inode.unwrap_or(0), self.netns.unwrap_or(0), port).hash(state);
    }
}

impl ListenerId {
    /// Stands for all listeners of a namespace that the table of totals has no room for.
    pub const fn others(netns: Option<u32>) -> Self {
        Self { sock: TotalKey::OTHERS, inode: None, netns, bound: None }
    }

    /// Whether it stands for several.
    pub const fn is_others(&self) -> bool {
        self.sock == TotalKey::OTHERS
    }
}

/// The two ends that a packet names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Its IP version.
    pub family: Family,
    /// Where it was sent.
    pub local: SocketAddr,
    /// Where it came from.
    pub peer: SocketAddr,
}

/// Length and limit of the accept queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptQueue {
    /// Connections that wait for `accept()`.
    pub len: u32,
    /// The kernel refuses where `len` is more than this. It limits the SYN queue too.
    pub limit: u32,
}

/// The settings that took part in the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sysctls {
    /// `net.ipv4.tcp_syncookies`
    pub syncookies: Option<u32>,
    /// `net.ipv4.tcp_max_syn_backlog`
    pub max_syn_backlog: Option<u32>,
    /// `net.core.somaxconn`
    pub somaxconn: Option<u32>,
    /// `net.ipv4.tcp_abort_on_overflow`
    pub abort_on_overflow: Option<u32>,
}

/// One drop as the probes reported it. What they could not read is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SynDrop {
    /// `CLOCK_BOOTTIME` in ns.
    pub boot_ns: u64,
    /// The branch that fired.
    pub reason: Reason,
    /// Which packet of the handshake it was.
    pub stage: Stage,
    /// How the reason is known.
    pub evidence: Evidence,
    /// The kernel function that holds the branch.
    pub function: Function,
    /// The way that was taken, for diagnostics.
    pub milestones: Milestones,
    /// Who sent what to whom.
    pub packet: Option<Packet>,
    /// Whose queue it was.
    pub listener: ListenerId,
    /// The listener's cookie, once somebody asked the kernel for it.
    pub cookie: Option<u64>,
    /// Its accept queue at that moment.
    pub accept: Option<AcceptQueue>,
    /// Requests in its SYN queue.
    pub syn_len: Option<u32>,
    /// Those of them whose SYN-ACK was not repeated yet.
    pub syn_young: Option<u32>,
    /// The settings of its namespace.
    pub sysctls: Sysctls,
    /// The CPU that processed the packet.
    pub cpu: u32,
    /// How often packets of its connection were dropped so far, this one included if it was.
    pub attempt: Option<u32>,
    /// For how long that had been going on by then, in ns.
    pub refused_ns: Option<u64>,
    /// Whether the filter shows it.
    pub shown: bool,
}

/// Under what the kernel side counts drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bucket {
    /// Whose queue it was.
    pub listener: ListenerId,
    /// The branch that fired.
    pub reason: Reason,
    /// Which packet of the handshake it was.
    pub stage: Stage,
    /// How the reason is known.
    pub evidence: Evidence,
    /// Whether the filter shows it.
    pub shown: bool,
    /// The counters that each of them moved by one.
    pub moves: Counters,
}

/// Why bytes are no record of this build's probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Too short or too long.
    #[error("failed to decode a {what}: it has {found} bytes where {expected} are needed")]
    Size {
        /// Which wire struct.
        what: &'static str,
        /// Its size.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// An id that this build does not know.
    #[error("failed to decode a {what}: {id}")]
    Id {
        /// Which wire struct.
        what: &'static str,
        /// Which number of which kind.
        id: UnknownId,
    },
    /// A value that its field cannot have.
    #[error("failed to decode a {what}: its {field} is {value}")]
    Value {
        /// Which wire struct.
        what: &'static str,
        /// Which field of it.
        field: &'static str,
        /// What came.
        value: u32,
    },
}

/// Decodes a record of the ring buffer.
///
/// # Errors
/// If the bytes are no [`DropRecord`] of this build.
pub fn record(bytes: &[u8]) -> Result<SynDrop, DecodeError> {
    let wire = Wire::<DropRecord>::new("drop record", bytes)?;
    macro_rules! get {
        ($field:ident) => {
            wire.get(offset_of!(DropRecord, $field), |record| record.$field)
        };
    }
    let unknown: u32 = get!(unknown);
    if unknown > UNKNOWN_BITS {
        return Err(wire.value("unknown", unknown));
    }
    wire.zero(&get!(padding))?;
    let known = |bit: Unknown| unknown & bit.bit() == 0;
    let packet = if known(Unknown::Packet) {
        let version: u8 = get!(family);
        Some(Packet {
            family: match version {
                4 => Family::V4,
                6 => Family::V6,
                _ => return Err(wire.value("family", version.into())),
            },
            local: wire.address("local", version, get!(local), get!(local_port))?,
            peer: wire.address("peer", version, get!(peer), get!(peer_port))?,
        })
    } else {
        None
    };
    let bound = if known(Unknown::Bound) {
        Some(wire.address("bound", get!(bound_family), get!(bound), get!(bound_port))?)
    } else {
        None
    };
    Ok(SynDrop {
        boot_ns: get!(boot_ns),
        reason: wire.id(get!(reason))?,
        stage: wire.id(get!(stage))?,
        evidence: wire.id(get!(evidence))?,
        function: wire.id(get!(function))?,
        milestones: Milestones(get!(milestones)),
        packet,
        listener: ListenerId {
            sock: get!(listener),
            inode: Some(get!(inode)).filter(|&inode| inode != 0 && known(Unknown::Inode)),
            netns: Some(get!(netns)).filter(|&netns| netns != 0 && known(Unknown::Netns)),
            bound,
        },
        cookie: Some(get!(cookie)).filter(|&cookie| cookie != 0),
        accept: known(Unknown::AcceptQueue)
            .then(|| AcceptQueue { len: get!(accept_len), limit: get!(accept_limit) }),
        syn_len: known(Unknown::SynQueue).then(|| get!(syn_len)),
        syn_young: known(Unknown::SynYoung).then(|| get!(syn_young)),
        sysctls: Sysctls {
            syncookies: known(Unknown::Syncookies).then(|| get!(syncookies)),
            max_syn_backlog: known(Unknown::MaxSynBacklog).then(|| get!(max_syn_backlog)),
            somaxconn: known(Unknown::Somaxconn).then(|| get!(somaxconn)),
            abort_on_overflow: known(Unknown::AbortOnOverflow).then(|| get!(abort_on_overflow)),
        },
        cpu: get!(cpu),
        attempt: Some(get!(attempt)).filter(|&attempt| attempt != 0),
        refused_ns: match get!(first_ns) {
            0 => None,
            first => get!(boot_ns).checked_sub(first),
        },
        shown: wire.flag("shown", get!(shown))?,
    })
}

/// Decodes a key of the table of totals. A number that is 0 there could not be read.
///
/// # Errors
/// If the bytes are no [`TotalKey`] of this build.
pub fn total_key(bytes: &[u8]) -> Result<Bucket, DecodeError> {
    let wire = Wire::<TotalKey>::new("key of the totals", bytes)?;
    macro_rules! get {
        ($field:ident) => {
            wire.get(offset_of!(TotalKey, $field), |key| key.$field)
        };
    }
    wire.zero(&get!(padding))?;
    let bound = match get!(bound_family) {
        0 => None,
        version => Some(wire.address("bound", version, get!(bound), get!(bound_port))?),
    };
    Ok(Bucket {
        listener: ListenerId {
            sock: get!(listener),
            inode: Some(get!(inode)).filter(|&inode| inode != 0),
            netns: Some(get!(netns)).filter(|&netns| netns != 0),
            bound,
        },
        reason: wire.id(get!(reason))?,
        stage: wire.id(get!(stage))?,
        evidence: wire.id(get!(evidence))?,
        shown: wire.flag("shown", get!(shown))?,
        moves: Counters(get!(moves)),
    })
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
