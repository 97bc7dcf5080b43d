//! One slot per kernel field that the probes read.
//!
//! The probes know fields by name only. Where a field lies and how wide it is on the running
//! kernel is resolved from its BTF in userspace and written into the instructions before load: see
//! [`OPEN_FIELD`](crate::OPEN_FIELD).

/// A field of a kernel struct. `struct.member` is spelled in the doc of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Field {
    /// `sock_common.skc_family`
    SockFamily,
    /// `sock_common.skc_rcv_saddr`
    SockLocalV4,
    /// `sock_common.skc_v6_rcv_saddr`
    SockLocalV6,
    /// `sock_common.skc_num`
    SockPort,
    /// `sock_common.skc_net`
    SockNet,
    /// `sock_common.skc_daddr`: a client's address
    SockPeerV4,
    /// `sock_common.skc_v6_daddr`
    SockPeerV6,
    /// `sock_common.skc_dport`: a client's port, in network order
    SockPeerPort,
    /// `sock_common.skc_state`
    SockState,
    /// `sock_common.skc_listener`: of a request
    RequestListener,
    /// `sock.sk_protocol`
    SockProtocol,
    /// `request_sock.rsk_timer`: where in a request its timer lies
    RequestTimer,
    /// `request_sock.sk`: its connection, once that waits in the accept queue
    RequestChild,
    /// `sock_common.skc_cookie`
    SockCookie,
    /// `sock.sk_ack_backlog`: length of the accept queue
    SockAcceptLen,
    /// `sock.sk_max_ack_backlog`: its limit
    SockAcceptLimit,
    /// `sock.sk_socket`
    SockSocket,
    /// `sock.sk_dst_cache`: the route
    SockRoute,
    /// `tcp_sock.ao_info`: the TCP-AO keys
    SockAuthKeys,
    /// `inet_connection_sock.icsk_accept_queue.qlen`: length of the SYN queue
    ListenerSynLen,
    /// `inet_connection_sock.icsk_accept_queue.young`
    ListenerSynYoung,
    /// `inet_connection_sock.icsk_accept_queue.fastopenq.max_qlen`: 0 without Fast Open
    ListenerTfoLimit,
    /// `inet_connection_sock.icsk_accept_queue.rskq_defer_accept`
    ListenerDefer,
    /// `tcp_request_sock.rcv_isn`: the number of the SYN
    RequestNumber,
    /// `tcp_request_sock.snt_isn`: that of the SYN-ACK
    RequestSentNumber,
    /// `socket_alloc.vfs_inode`: from a `struct socket` to its inode
    SocketInode,
    /// `inode.i_ino`
    InodeNumber,
    /// `net.ns.inum`
    NetInum,
    /// `net.ns.count`: 0 once the namespace is on its way out
    NetCount,
    /// `net.mib.net_statistics`: the per-CPU TcpExt counters
    NetStatistics,
    /// `net.core.sysctl_somaxconn`
    NetSomaxconn,
    /// `net.ipv4.sysctl_tcp_syncookies`
    NetSyncookies,
    /// `net.ipv4.sysctl_max_syn_backlog`
    NetMaxSynBacklog,
    /// `net.ipv4.sysctl_tcp_abort_on_overflow`
    NetAbortOnOverflow,
    /// `sk_buff.head`
    SkbHead,
    /// `sk_buff.network_header`
    SkbNetworkHeader,
    /// `sk_buff.transport_header`
    SkbTransportHeader,
    /// `sk_buff.protocol`
    SkbProtocol,
    /// `sk_buff.dev`
    SkbDevice,
    /// `net_device.nd_net`
    DeviceNet,
    /// `inet_sock.min_ttl`
    SockMinTtl,
    /// `inet_sock.pinet6`
    SockV6,
    /// `ipv6_pinfo.min_hopcount`
    SockMinHops,
    /// `socket.sk`
    SocketSk,
    /// `mptcp_sock.first`: the subflow that a connection began with
    MptcpFirst,
}

/// Hands the names of all fields, in the order of their slots, to another macro, behind whatever else
/// that one takes.
#[macro_export]
macro_rules! each_field {
    ($then:ident $(, $more:tt)*) => {
        $then! {
            [$($more),*]
            SockFamily SockLocalV4 SockLocalV6 SockPort SockNet SockPeerV4 SockPeerV6 SockPeerPort
            SockState RequestListener SockProtocol RequestTimer RequestChild SockCookie
            SockAcceptLen SockAcceptLimit SockSocket SockRoute SockAuthKeys ListenerSynLen
            ListenerSynYoung ListenerTfoLimit ListenerDefer RequestNumber RequestSentNumber
            SocketInode InodeNumber NetInum NetCount NetStatistics NetSomaxconn NetSyncookies
            NetMaxSynBacklog NetAbortOnOverflow SkbHead SkbNetworkHeader SkbTransportHeader
            SkbProtocol SkbDevice DeviceNet SockMinTtl SockV6 SockMinHops SocketSk MptcpFirst
        }
    };
}

macro_rules! listed {
    ([] $($name:ident)+) => { &[$(Field::$name),+] };
}

impl Field {
    /// Every field, in the order of its slots.
    pub const ALL: &'static [Self] = each_field!(listed);
    /// How many slots there are.
    pub const COUNT: usize = Self::ALL.len();
}

// A variant that ALL forgets, or lists out of order, would shift every slot after it.
const _: () = {
    let mut slot = 0;
    while slot < Field::COUNT {
        assert!(Field::ALL[slot] as usize == slot);
        slot += 1;
    }
};

/// The slot of a field that this kernel does not have.
pub const ABSENT: FieldSlot = FieldSlot { offset: u32::MAX, size: 0 };

/// Where a field lies on the running kernel, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct FieldSlot {
    /// From the start of the struct that the probe holds a pointer to.
    pub offset: u32,
    /// Width of the field; sysctls changed width between kernels.
    pub size: u32,
}

impl FieldSlot {
    /// How many bits a number lacks to 64 that lies there; none if it is not there.
    #[must_use]
    pub const fn lacks(self) -> u32 {
        match self.size {
            1..8 => 64 - 8 * self.size,
            _ => 0,
        }
    }
}
