//! Which kernel field is meant by each [`Field`], spelled as the kernel's C spells it.
//!
//! One row per field, its spellings newest first. Kernels 5.10 to 7.3 move these fields about and
//! change the width of some, but have renamed none of them; when one does, its older spelling
//! stays as a second entry with the commit that renamed it. The offset is never written here.

use ebpf_probes::{ABSENT, Config, Counter, Field, FieldSlot, NOWHERE};

use super::btf::{KernelBtf, LookupError};
use super::layout::Layout;

/// Whether syndrop can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Without it nothing that syndrop shows would be right.
    Mandatory,
    /// Without it something is unknown, and said to be.
    Optional,
    /// A kernel without it has nothing that it could tell of.
    IfPresent,
}

/// How the probes read the field, which a kernel must not contradict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// So many bytes, no more and no less.
    Bytes(u32),
    /// An integer of whatever width the kernel has.
    Number,
    /// Not at all: its address is what counts.
    Place,
}

impl Reading {
    const fn fits(self, size: u32) -> bool {
        match self {
            Self::Bytes(bytes) => size == bytes,
            Self::Number => matches!(size, 1 | 2 | 4 | 8),
            Self::Place => true,
        }
    }
}

/// One way to spell a field: `structure.path`, counted from the member `base` if there is one.
#[derive(Debug, Clone, Copy)]
pub struct Spelling {
    /// The struct that has the member.
    pub structure: &'static str,
    /// The member, through nested structs.
    pub path: &'static str,
    /// The member that the probes hold a pointer to, where that is not the struct itself.
    pub base: Option<&'static str>,
}

/// A row of [`FIELDS`].
#[derive(Debug)]
pub struct FieldRow {
    /// The slot that it fills.
    pub field: Field,
    /// Newest first.
    pub spellings: &'static [Spelling],
    /// How the probes read it.
    pub reading: Reading,
    /// Whether syndrop can do without.
    pub need: Need,
}

const fn row(
    field: Field,
    spellings: &'static [Spelling],
    reading: Reading,
    need: Need,
) -> FieldRow {
    FieldRow { field, spellings, reading, need }
}

const fn of(structure: &'static str, path: &'static str) -> Spelling {
    Spelling { structure, path, base: None }
}

use Need::{IfPresent, Mandatory, Optional};
use Reading::{Bytes, Number, Place};

const POINTER: Reading = Bytes(8);

/// Every field, in the order of its slots.
pub const FIELDS: &[FieldRow] = &[
    row(Field::SockFamily, &[of("sock_common", "skc_family")], Bytes(2), Mandatory),
    row(Field::SockLocalV4, &[of("sock_common", "skc_rcv_saddr")], Bytes(4), Mandatory),
    // Only with CONFIG_IPV6.
    row(Field::SockLocalV6, &[of("sock_common", "skc_v6_rcv_saddr")], Bytes(16), Optional),
    row(Field::SockPort, &[of("sock_common", "skc_num")], Bytes(2), Mandatory),
    row(Field::SockNet, &[of("sock_common", "skc_net.net")], POINTER, Mandatory),
    row(Field::SockPeerV4, &[of("sock_common", "skc_daddr")], Bytes(4), Mandatory),
    // Only with CONFIG_IPV6.
    row(Field::SockPeerV6, &[of("sock_common", "skc_v6_daddr")], Bytes(16), Optional),
    row(Field::SockPeerPort, &[of("sock_common", "skc_dport")], Bytes(2), Mandatory),
    row(Field::SockState, &[of("sock_common", "skc_state")], Bytes(1), Mandatory),
    row(Field::RequestListener, &[of("sock_common", "skc_listener")], POINTER, Mandatory),
    row(Field::SockProtocol, &[of("sock", "sk_protocol")], Bytes(2), Optional),
    row(Field::RequestTimer, &[of("request_sock", "rsk_timer")], Place, Optional),
    row(Field::RequestChild, &[of("request_sock", "sk")], POINTER, Optional),
    row(Field::SockCookie, &[of("sock_common", "skc_cookie.counter")], Bytes(8), Optional),
    row(Field::SockAcceptLen, &[of("sock", "sk_ack_backlog")], Bytes(4), Mandatory),
    row(Field::SockAcceptLimit, &[of("sock", "sk_max_ack_backlog")], Bytes(4), Mandatory),
    row(Field::SockSocket, &[of("sock", "sk_socket")], POINTER, Optional),
    row(Field::SockRoute, &[of("sock", "sk_dst_cache")], POINTER, Optional),
    // Only with CONFIG_TCP_AO, since 6.7.
    row(Field::SockAuthKeys, &[of("tcp_sock", "ao_info")], POINTER, IfPresent),
    row(
        Field::ListenerSynLen,
        &[of("inet_connection_sock", "icsk_accept_queue.qlen.counter")],
        Bytes(4),
        Mandatory,
    ),
    row(
        Field::ListenerSynYoung,
        &[of("inet_connection_sock", "icsk_accept_queue.young.counter")],
        Bytes(4),
        Optional,
    ),
    row(
        Field::ListenerTfoLimit,
        &[of("inet_connection_sock", "icsk_accept_queue.fastopenq.max_qlen")],
        Bytes(4),
        Optional,
    ),
    row(
        Field::ListenerDefer,
        &[of("inet_connection_sock", "icsk_accept_queue.rskq_defer_accept")],
        Bytes(1),
        Optional,
    ),
    row(Field::RequestNumber, &[of("tcp_request_sock", "rcv_isn")], Bytes(4), Optional),
    row(Field::RequestSentNumber, &[of("tcp_request_sock", "snt_isn")], Bytes(4), Optional),
    row(
        Field::SocketInode,
        &[Spelling { structure: "socket_alloc", path: "vfs_inode", base: Some("socket") }],
        Place,
        Optional,
    ),
    // An `unsigned long` up to 7.0, a `u64` after.
    row(Field::InodeNumber, &[of("inode", "i_ino")], Number, Optional),
    row(Field::NetInum, &[of("net", "ns.inum")], Bytes(4), Mandatory),
    // Part of `ns` since 5.11, renamed about 6.18.
    row(
        Field::NetCount,
        &[
            of("net", "ns.__ns_ref.refs.counter"),
            of("net", "ns.count.refs.counter"),
            of("net", "count.refs.counter"),
        ],
        Bytes(4),
        Optional,
    ),
    row(Field::NetStatistics, &[of("net", "mib.net_statistics")], POINTER, Optional),
    row(Field::NetSomaxconn, &[of("net", "core.sysctl_somaxconn")], Number, Optional),
    // These two were `int` before they became `u8`, in 5.10.y too.
    row(Field::NetSyncookies, &[of("net", "ipv4.sysctl_tcp_syncookies")], Number, Optional),
    row(Field::NetMaxSynBacklog, &[of("net", "ipv4.sysctl_max_syn_backlog")], Number, Optional),
    row(
        Field::NetAbortOnOverflow,
        &[of("net", "ipv4.sysctl_tcp_abort_on_overflow")],
        Number,
        Optional,
    ),
    row(Field::SkbHead, &[of("sk_buff", "head")], POINTER, Mandatory),
    row(Field::SkbNetworkHeader, &[of("sk_buff", "network_header")], Bytes(2), Mandatory),
    row(Field::SkbTransportHeader, &[of("sk_buff", "transport_header")], Bytes(2), Mandatory),
    row(Field::SkbProtocol, &[of("sk_buff", "protocol")], Bytes(2), Optional),
    row(Field::SkbDevice, &[of("sk_buff", "dev")], POINTER, Optional),
    row(Field::DeviceNet, &[of("net_device", "nd_net.net")], POINTER, Optional),
    row(Field::SockMinTtl, &[of("inet_sock", "min_ttl")], Bytes(1), Optional),
    // Only with CONFIG_IPV6.
    row(Field::SockV6, &[of("inet_sock", "pinet6")], POINTER, Optional),
    row(Field::SockMinHops, &[of("ipv6_pinfo", "min_hopcount")], Bytes(1), Optional),
    row(Field::SocketSk, &[of("socket", "sk")], POINTER, Optional),
    // Only with CONFIG_MPTCP.
    row(Field::MptcpFirst, &[of("mptcp_sock", "first")], POINTER, IfPresent),
];

// A row that is missing, or out of order, would leave a slot to another field's row.
const _: () = {
    assert!(FIELDS.len() == Field::COUNT);
    let mut slot = 0;
    while slot < Field::COUNT {
        assert!(FIELDS[slot].field as usize == slot);
        slot += 1;
    }
};

/// The struct of the TcpExt counters, and the array in it.
const COUNTERS: (&str, &str) = ("linux_mib", "mibs");

/// The struct behind a per-CPU array map, and its table of pointers.
const PERCPU_ARRAY: (&str, &str) = ("bpf_array", "pptrs");

/// Why a field cannot be read on this kernel.
#[derive(Debug, thiserror::Error)]
pub enum FieldError {
    /// It is not there.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// It is there, but not as the probes read it.
    #[error("{structure}.{path} is {size} bytes wide, which syndrop does not know how to read")]
    Width {
        /// The struct.
        structure: &'static str,
        /// The member.
        path: &'static str,
        /// The width found.
        size: u32,
    },
    /// It lies before the member that it is counted from.
    #[error("{structure}.{path} lies before {structure}.{base}")]
    Before {
        /// The struct.
        structure: &'static str,
        /// The member.
        path: &'static str,
        /// The member that it is counted from.
        base: &'static str,
    },
}

impl FieldRow {
    /// The struct and the member, in the newest spelling.
    pub fn name(&self) -> (&'static str, &'static str) {
        self.spellings.first().map_or(("", ""), |spelling| (spelling.structure, spelling.path))
    }

    /// Where the field lies on this kernel.
    ///
    /// # Errors
    /// Says of the newest spelling why it does not fit, if none does.
    pub fn resolve(&self, btf: &KernelBtf) -> Result<FieldSlot, FieldError> {
        let mut newest = None;
        for spelling in self.spellings {
            match spelling.resolve(btf, self.reading) {
                Ok(slot) => return Ok(slot),
                Err(error) => _ = newest.get_or_insert(error),
            }
        }
        Err(newest.unwrap_or_else(|| LookupError::NoStruct(String::new()).into()))
    }
}

impl Spelling {
    fn resolve(&self, btf: &KernelBtf, reading: Reading) -> Result<FieldSlot, FieldError> {
        let Self { structure, path, base } = *self;
        let slot = btf.field(structure, path)?;
        if !reading.fits(slot.size) {
            return Err(FieldError::Width { structure, path, size: slot.size });
        }
        let Some(base) = base else { return Ok(slot) };
        let from = btf.field(structure, base)?.offset;
        match slot.offset.checked_sub(from) {
            Some(offset) => Ok(FieldSlot { offset, ..slot }),
            None => Err(FieldError::Before { structure, path, base }),
        }
    }
}

/// The names of all structs that the tables of this file ask for.
pub fn structures() -> impl Iterator<Item = &'static str> {
    let fields = FIELDS.iter().flat_map(|row| row.spellings).map(|spelling| spelling.structure);
    fields.chain([COUNTERS.0, PERCPU_ARRAY.0])
}

/// Fills in where this kernel keeps its TcpExt counters: all that every kernel has, or none.
///
/// # Errors
/// If they cannot be read from a probe on this kernel.
pub fn resolve_counters(
    btf: &KernelBtf,
    layout: &Layout,
    config: &mut Config,
) -> Result<(), CountersError> {
    if layout.field(Field::NetStatistics) == ABSENT {
        return Err(CountersError::Pointer);
    }
    let each = btf.element(COUNTERS.0, COUNTERS.1)?;
    if each.size != 8 {
        return Err(CountersError::Width(each.size));
    }
    let pointers = btf.field(PERCPU_ARRAY.0, PERCPU_ARRAY.1)?.offset;
    let mut offsets = [0; Counter::COUNT];
    let names: [&str; Counter::COUNT] = std::array::from_fn(|n| Counter::ALL[n].enumerator());
    for (n, index) in btf.enumerators(names).into_iter().enumerate() {
        if index.is_none() && !Counter::ALL[n].is_everywhere() {
            offsets[n] = NOWHERE;
            continue;
        }
        let index = index.ok_or(CountersError::Enumerator(names[n]))?;
        offsets[n] = index
            .checked_mul(each.size)
            .and_then(|bytes| bytes.checked_add(each.offset))
            .map(u64::from)
            .ok_or(CountersError::Enumerator(names[n]))?;
    }
    config.counters = offsets;
    config.percpu_pointers = pointers.into();
    Ok(())
}

/// Why the probes cannot read the TcpExt counters.
#[derive(Debug, thiserror::Error)]
pub enum CountersError {
    /// There is no way to them.
    #[error("the kernel has no net.mib.net_statistics")]
    Pointer,
    /// A struct on the way to them is not as known.
    #[error(transparent)]
    Lookup(#[from] LookupError),
    /// They are not 64 bits wide.
    #[error("the kernel's counters are {0} bytes wide, not 8")]
    Width(u32),
    /// One of them has no index.
    #[error("the kernel has no enumerator {0}")]
    Enumerator(&'static str),
}
