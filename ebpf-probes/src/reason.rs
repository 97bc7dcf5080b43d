//! The ids that name a drop: why, at which stage, how surely, in which kernel function.
//!
//! Numbers travel in wire structs as plain integers and are append-only. They are never equal in
//! meaning to a number of the kernel's own (`enum skb_drop_reason` shifts between kernels). What
//! a reason is called and what it means to people is one row of the catalogue in the tool.

/// A number from the wire that names nothing on this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownId {
    /// Which kind of id was read.
    pub kind: &'static str,
    /// The number found.
    pub id: u16,
}

impl core::fmt::Display for UnknownId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} has no number {}", self.kind, self.id)
    }
}

impl core::error::Error for UnknownId {}

macro_rules! ids {
    ($(#[$doc:meta])* $name:ident($repr:ty), $kind:literal { $($(#[$vdoc:meta])* $variant:ident = $number:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr($repr)]
        pub enum $name { $($(#[$vdoc])* $variant = $number,)+ }

        impl $name {
            /// Every value, in the order of its numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
        }

        impl TryFrom<$repr> for $name {
            type Error = UnknownId;

            fn try_from(id: $repr) -> Result<Self, UnknownId> {
                match id {
                    $($number => Ok(Self::$variant),)+
                    _ => Err(UnknownId { kind: $kind, id: id.into() }),
                }
            }
        }
    };
}

ids! {
    /// The branch of the kernel that refused or discarded the packet.
    Reason(u16), "reason" {
        /// Control flow that the probes saw fits none of the known branches.
        Unattributed = 0,
        /// A SYN met an accept queue longer than its limit.
        AcceptQueueFullSyn = 1,
        /// A SYN met a full SYN queue and syncookies are off.
        SynQueueFull = 2,
        /// The last quarter of `tcp_max_syn_backlog` is reserved for proven peers.
        SynBacklogReserved = 3,
        /// The handshake's last ACK met an accept queue longer than its limit.
        AcceptQueueFullAck = 4,
        /// The same with `tcp_abort_on_overflow`: the client is reset.
        AcceptQueueFullAckRst = 5,
    }
}

ids! {
    /// Which packet of the handshake was lost.
    Stage(u8), "stage" {
        /// The first packet: a SYN to a listener.
        Syn = 0,
        /// The third packet, for a request that waits in the SYN queue.
        Ack = 1,
        /// The third packet, carrying a SYN cookie instead of having a request.
        CookieAck = 2,
        /// No packet: a half-open request ended otherwise.
        Request = 3,
    }
}

ids! {
    /// How the reason is known.
    Evidence(u8), "evidence" {
        /// Control flow that the probes saw proves the branch.
        Observed = 0,
        /// Deduced from state, because a probe that would prove it is not available.
        Inferred = 1,
    }
}

ids! {
    /// The kernel function that holds the branch.
    Function(u8), "function" {
        /// net/ipv4/tcp_ipv4.c
        TcpV4ConnRequest = 0,
        /// net/ipv6/tcp_ipv6.c
        TcpV6ConnRequest = 1,
        /// net/ipv4/tcp_input.c
        TcpConnRequest = 2,
        /// net/ipv4/tcp_minisocks.c
        TcpCheckReq = 3,
        /// net/ipv4/tcp_ipv4.c
        TcpV4SynRecvSock = 4,
        /// net/ipv6/tcp_ipv6.c
        TcpV6SynRecvSock = 5,
    }
}

impl Function {
    /// The kernel's own spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpV4ConnRequest => "tcp_v4_conn_request",
            Self::TcpV6ConnRequest => "tcp_v6_conn_request",
            Self::TcpConnRequest => "tcp_conn_request",
            Self::TcpCheckReq => "tcp_check_req",
            Self::TcpV4SynRecvSock => "tcp_v4_syn_recv_sock",
            Self::TcpV6SynRecvSock => "tcp_v6_syn_recv_sock",
        }
    }
}
