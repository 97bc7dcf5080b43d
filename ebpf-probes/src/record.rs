//! The wire structs: one record per drop, and the key under which drops are counted.
//!
//! All integers are in host byte order, addresses are in network order with IPv4 ones v4-mapped,
//! padding is spelled out. The tool decodes field by field from bytes.

/// One dropped packet, or another event of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct DropRecord {
    /// `CLOCK_BOOTTIME` in ns.
    pub boot_ns: u64,
    /// [`Milestones`](crate::Milestones) passed, for diagnostics.
    pub milestones: u64,
    /// Address of the listener's `struct sock`: tells listeners apart, never shown.
    pub listener: u64,
    /// Its `skc_cookie`; 0 until somebody asked the kernel for it.
    pub cookie: u64,
    /// Inode number of its socket.
    pub inode: u64,
    /// When the client was refused first, on the clock of `boot_ns`; 0 if unknown.
    pub first_ns: u64,
    /// The packet's peer address. Peer before local, as in the packet's own headers.
    pub peer: [u8; 16],
    /// The packet's local address.
    pub local: [u8; 16],
    /// The address the listener is bound to.
    pub bound: [u8; 16],
    /// Inode number of the network namespace.
    pub netns: u32,
    /// CPU that processed the packet.
    pub cpu: u32,
    /// Connections in the accept queue.
    pub accept_len: u32,
    /// Its limit, `sk_max_ack_backlog`, which limits the SYN queue too.
    pub accept_limit: u32,
    /// Requests in the SYN queue.
    pub syn_len: u32,
    /// Those of them whose SYN-ACK was not repeated yet.
    pub syn_young: u32,
    /// `tcp_syncookies`
    pub syncookies: u32,
    /// `tcp_max_syn_backlog`
    pub max_syn_backlog: u32,
    /// `somaxconn`
    pub somaxconn: u32,
    /// `tcp_abort_on_overflow`
    pub abort_on_overflow: u32,
    /// Bits of [`Unknown`]: fields of this record that could not be read.
    pub unknown: u32,
    /// How often this client was refused so far, this time included; 0 if unknown.
    pub attempt: u32,
    /// [`Reason`](crate::Reason)
    pub reason: u16,
    /// The packet's peer port.
    pub peer_port: u16,
    /// The packet's local port.
    pub local_port: u16,
    /// The port the listener is bound to.
    pub bound_port: u16,
    /// 4 or 6: the packet's IP version.
    pub family: u8,
    /// 4 or 6: the listener's.
    pub bound_family: u8,
    /// [`Stage`](crate::Stage)
    pub stage: u8,
    /// [`Evidence`](crate::Evidence)
    pub evidence: u8,
    /// [`Function`](crate::Function)
    pub function: u8,
    /// 1 if the filter shows it.
    pub shown: u8,
    /// Always 0.
    pub padding: [u8; 2],
}

const _: () = assert!(size_of::<DropRecord>() == 6 * 8 + 3 * 16 + 12 * 4 + 4 * 2 + 6 + 2);
const _: () = assert!(size_of::<DropRecord>().is_multiple_of(8));

/// What could not be read, or does not exist on this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Unknown {
    /// `accept_len` and `accept_limit`
    AcceptQueue = 0,
    /// `syn_len`
    SynQueue = 1,
    /// `syn_young`
    SynYoung = 2,
    /// `syncookies`
    Syncookies = 3,
    /// `max_syn_backlog`
    MaxSynBacklog = 4,
    /// `somaxconn`
    Somaxconn = 5,
    /// `abort_on_overflow`
    AbortOnOverflow = 6,
    /// `inode`
    Inode = 7,
    /// `netns`
    Netns = 8,
    /// `local`, `peer`, their ports and `family`
    Packet = 9,
    /// `bound`, `bound_port` and `bound_family`
    Bound = 10,
}

impl Unknown {
    /// Its bit in [`DropRecord::unknown`].
    pub const fn bit(self) -> u32 {
        1 << self as u8
    }

    /// Its bit where `failed` is 1, nothing where it is 0; without a branch.
    pub const fn if_failed(self, failed: u32) -> u32 {
        failed << self as u8
    }
}

/// Under what a drop is counted: the listener, the reason, and whether the filter shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct TotalKey {
    /// As [`DropRecord::listener`]; the kernel reuses addresses, so the rest tells apart too.
    pub listener: u64,
    /// As [`DropRecord::inode`].
    pub inode: u64,
    /// As [`DropRecord::bound`].
    pub bound: [u8; 16],
    /// As [`DropRecord::netns`].
    pub netns: u32,
    /// [`Reason`](crate::Reason)
    pub reason: u16,
    /// As [`DropRecord::bound_port`].
    pub bound_port: u16,
    /// As [`DropRecord::bound_family`].
    pub bound_family: u8,
    /// [`Stage`](crate::Stage)
    pub stage: u8,
    /// [`Evidence`](crate::Evidence)
    pub evidence: u8,
    /// As [`DropRecord::shown`].
    pub shown: u8,
    /// [`Counters`](crate::Counters) that each event of the row moved by one.
    pub moves: u16,
    /// Always 0.
    pub padding: [u8; 2],
}

const _: () = assert!(size_of::<TotalKey>() == 2 * 8 + 16 + 4 + 2 * 2 + 4 + 2 + 2);

impl TotalKey {
    /// What stands for [`TotalKey::listener`] in the row of all listeners of a namespace that the
    /// table has no room for. No socket has this address: sockets are aligned.
    pub const OTHERS: u64 = u64::MAX;
}

/// How often something was counted under a [`TotalKey`], each CPU for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct TotalCounts {
    /// Events.
    pub events: u64,
    /// Those of them that have no record because the rate of detail was used up.
    pub sampled_out: u64,
    /// Until when this CPU knows that it is used up, as [`DropRecord::boot_ns`].
    pub shut_until_ns: u64,
}

const _: () = assert!(size_of::<TotalCounts>() == 3 * 8);

/// How many counts lie together: the kernel makes each element of a per-CPU map for itself, which
/// takes long for many small ones. A power of two.
pub const PAGE_ROWS: u32 = 64;

/// The counts of some rows on one CPU.
pub type TotalPage = [TotalCounts; PAGE_ROWS as usize];

/// What has a rate of detail of its own: a reason of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct RateKey {
    /// As [`DropRecord::listener`].
    pub listener: u64,
    /// As [`DropRecord::netns`].
    pub netns: u32,
    /// [`Reason`](crate::Reason)
    pub reason: u16,
    /// Always 0.
    pub padding: [u8; 2],
}

const _: () = assert!(size_of::<RateKey>() == 8 + 4 + 2 + 2);

/// How much of a rate of detail is used up, by all CPUs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Rate {
    /// When the second began that is counted in, as [`DropRecord::boot_ns`].
    pub since_ns: u64,
    /// Records in it.
    pub records: u64,
}

/// A client of a listener: one connection, or what would have become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct ClientKey {
    /// As [`DropRecord::peer`].
    pub peer: [u8; 16],
    /// As [`DropRecord::local`].
    pub local: [u8; 16],
    /// As [`DropRecord::netns`].
    pub netns: u32,
    /// As [`DropRecord::peer_port`].
    pub peer_port: u16,
    /// As [`DropRecord::local_port`].
    pub local_port: u16,
}

const _: () = assert!(size_of::<ClientKey>() == 2 * 16 + 4 + 2 * 2);

/// Clients that were refused and are remembered; the one that was refused longest ago goes first.
pub const CLIENTS_MAX: u32 = 65_536;

/// A client is forgotten this long after it was refused last, in ns: no TCP leaves more than 120 s
/// between two packets of a handshake, so what comes later is another connection.
pub const CLIENT_FORGOTTEN_NS: u64 = 240_000_000_000;

/// What is counted of refused clients, as index into the per-CPU array of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ClientCount {
    /// One more is remembered.
    Added = 0,
    /// One is not any more, because it got in.
    Removed = 1,
    /// An event that may be one's next was sampled out. Counted while they are followed.
    SampledOut = 2,
}

impl ClientCount {
    /// How many kinds there are.
    pub const COUNT: u32 = Self::SampledOut as u32 + 1;
}

/// Rows in the table of totals: listeners times their reasons.
pub const TOTALS_MAX: u32 = 16_384;

/// Rows of listeners that found no room there: namespaces times reasons.
pub const OVERFLOW_MAX: u32 = 4_096;

/// How many numbers of rows a CPU takes at once. A divisor of [`PAGE_ROWS`].
pub const BATCH_ROWS: u32 = 16;

/// How many such batches there are, apart from those that CPUs have broken.
pub const BATCHES_MAX: u32 = (TOTALS_MAX + OVERFLOW_MAX).div_ceil(BATCH_ROWS);

/// How many [`TotalPage`]s that takes.
pub const PAGES_MAX: u32 = pages(BATCHES_MAX);

/// How many [`TotalPage`]s the numbers of so many batches take.
#[must_use]
pub const fn pages(batches: u32) -> u32 {
    batches.div_ceil(PAGE_ROWS / BATCH_ROWS)
}

/// Rates of detail that are kept; the one that was not used for longest goes first.
pub const RATES_MAX: u32 = 8_192;

/// The span of [`Config::detail`](crate::Config::detail), in ns.
pub const RATE_NS: u64 = 1_000_000_000;

/// The reader is woken once in this time, in ns, however many records there are; so it must look
/// again by itself when this time has gone by since it found one.
pub const WAKE_NS: u64 = 10_000_000;

/// Where something was lost, as index into the per-CPU array of losses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Loss {
    /// The ring buffer was full: a drop is in the totals but has no record.
    RingFull = 0,
    /// The tables of totals and of what does not fit there were full: a drop has a record but no
    /// row.
    TotalsFull = 1,
    /// A call began while the same function's slot on this CPU was still taken: its exit was
    /// missed, or it was entered from within itself.
    SlotClash = 2,
    /// A function returned whose entry had not been seen.
    EntryMissed = 3,
}

/// How many kinds of loss there are.
pub const LOSS_COUNT: u32 = 4;

impl Loss {
    /// Every kind, in the order of its index.
    pub const ALL: &'static [Self] =
        &[Self::RingFull, Self::TotalsFull, Self::SlotClash, Self::EntryMissed];
}

const _: () = assert!(Loss::ALL.len() == LOSS_COUNT as usize);
