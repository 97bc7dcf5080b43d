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
        /// A SYN to a broadcast or multicast address.
        SynDstNotUnicast = 6,
        /// An IPv6 SYN whose source is a v4-mapped address.
        SynV4MappedSource = 7,
        /// No memory for the request of a SYN.
        SynNomem = 8,
        /// A security module refused the SYN.
        SynLsmDenied = 9,
        /// No route leads back to the client of a SYN.
        SynNoRoute = 10,
        /// MPTCP refused the SYN: an unknown token, a wrong port.
        SynMptcpReject = 11,
        /// The SYN's MD5 and TCP-AO options are malformed, or both are there.
        SynAuthOptionBad = 12,
        /// Another CPU queued the same SYN first.
        SynDupRequestRace = 13,
        /// The listener closed while a Fast Open child was made.
        SynTfoListenerClosing = 14,
        /// The SYN had the FIN flag.
        SynFin = 15,
        /// A repeated SYN came too soon after the one before to be answered again.
        SynRetransmitRatelimited = 16,
        /// The ACK did not acknowledge the SYN-ACK's sequence number.
        AckBadNumber = 17,
        /// The packet's timestamp is older than the SYN's.
        AckPaws = 18,
        /// The packet echoes a time at which no SYN-ACK was sent.
        AckTsecr = 19,
        /// The packet lies outside the request's window.
        AckOutOfWindow = 20,
        /// A reset lies outside the request's window.
        RstOutOfWindow = 21,
        /// A reset lies in the request's window, but not at its edge.
        RstInexact = 22,
        /// The client reset its half-open request.
        RequestClientRst = 23,
        /// Another SYN in the window ended the half-open request.
        RequestBadSyn = 24,
        /// The packet had none of ACK, RST and SYN.
        AckFlagMissing = 25,
        /// An ACK without data was held back for `TCP_DEFER_ACCEPT`.
        AckDeferred = 26,
        /// No memory for the connection of a last ACK.
        AckChildNomem = 27,
        /// No route leads to the client of a last ACK.
        AckChildNoRoute = 28,
        /// The connection of a last ACK could not take the listener's port.
        AckChildPortInherit = 29,
        /// The connection of a last ACK could not copy the listener's keys.
        AckChildKey = 30,
        /// The listener closed while a last ACK was processed.
        AckListenerClosing = 31,
        /// No memory to move a finished request to another listener.
        AckMigrateNomem = 32,
        /// The packet's request belonged to a listener that had closed.
        AckListenerGone = 33,
        /// A packet for no connection and no request, where cookies are off.
        StrayAck = 34,
        /// An ACK for no request, while no cookie had been sent lately.
        CookieAckNoOverflow = 35,
        /// An ACK whose cookie is wrong or too old.
        CookieAckInvalid = 36,
        /// The cookie's timestamp asks for options that are off by now.
        CookieAckTsBad = 37,
        /// No memory for the request of a cookie.
        CookieAckNomem = 38,
        /// A security module refused the cookie's connection.
        CookieAckLsm = 39,
        /// No route leads to the client of a cookie.
        CookieAckNoRoute = 40,
        /// A good cookie met an accept queue longer than its limit.
        CookieAckAcceptQueueFull = 41,
        /// The connection of a good cookie could not be made.
        CookieAckChildFailed = 42,
        /// The connection of a good cookie was there already.
        CookieAckDupChild = 43,
        /// The listener closed while a cookie was processed.
        CookieAckListenerClosing = 44,
        /// A half-open request's timer found its listener closed.
        RequestListenerGone = 45,
        /// An ICMP error ended a half-open request.
        RequestIcmpError = 46,
        /// A half-open request was destroyed on demand, as by `ss -K`.
        RequestDestroyed = 47,
        /// A half-open request ended with its network namespace.
        RequestNetnsExit = 48,
        /// The listener closed before a finished connection was accepted.
        ChildNotAccepted = 49,
        /// An IPsec policy refused the packet before the listener saw it.
        PreXfrmPolicy = 50,
        /// An MD5 or TCP-AO signature was missing, unexpected or wrong.
        PreMd5Ao = 51,
        /// A socket filter, cgroup program or security module refused the packet.
        PreSocketFilter = 52,
        /// The packet's TTL was below the socket's minimum.
        PreMinTtl = 53,
        /// The packet's checksum was wrong.
        PreCsum = 54,
        /// A PSP policy refused the packet.
        PrePsp = 55,
        /// A SYN met a connection in TIME_WAIT that it could not replace.
        PreTimewait = 56,
        /// A SYN was answered by a cookie.
        CookieSent = 64,
        /// A SYN-ACK could not be sent.
        SynackSendFailed = 65,
        /// A repeated SYN was answered again.
        SynRetransmit = 66,
        /// Another CPU finished the same request first.
        AckLostRace = 67,
        /// A request's timer repeated the SYN-ACK.
        SynackRetransmit = 68,
        /// A half-open request ended after the last SYN-ACK.
        RequestExpired = 69,
        /// A half-open request ended because its SYN-ACK could not be repeated.
        RequestSynackRtxFailed = 70,
        /// A request moved to another listener of its group.
        RequestMigrated = 71,
        /// A Fast Open SYN made a connection at once.
        TfoChild = 72,
        /// A Fast Open SYN met a full Fast Open queue and took the usual way.
        TfoQueueFull = 73,
        /// The connection of a Fast Open SYN could not be made; it took the usual way.
        TfoChildFailed = 74,
        /// The application accepted a connection.
        Accepted = 75,
        /// A client that had been refused got in.
        ClientRecovered = 76,
        /// A client that had been refused gave up.
        ClientGone = 77,
    }
}

impl Reason {
    /// From this number on reasons are notices: worth counting, but nothing was refused.
    pub const FIRST_NOTICE: u16 = 64;

    /// Whether it names something that is no drop.
    pub const fn is_notice(self) -> bool {
        self as u16 >= Self::FIRST_NOTICE
    }

    /// Whether it says how it ended for a client that had been refused.
    pub const fn ends_refusal(self) -> bool {
        matches!(self, Self::ClientRecovered | Self::ClientGone)
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

impl Evidence {
    /// What follows from two things that are known, each in its own way.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Observed, Self::Observed) => Self::Observed,
            (Self::Inferred, _) | (_, Self::Inferred) => Self::Inferred,
        }
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
        /// net/ipv4/syncookies.c
        CookieV4Check = 6,
        /// net/ipv6/syncookies.c
        CookieV6Check = 7,
        /// net/ipv4/inet_connection_sock.c
        ReqskTimerHandler = 8,
        /// net/ipv4/tcp_ipv4.c
        TcpReqErr = 9,
        /// net/ipv4/tcp.c
        TcpAbort = 10,
        /// net/ipv4/inet_timewait_sock.c
        InetTwskPurge = 11,
        /// net/ipv4/inet_connection_sock.c
        InetCskListenStop = 12,
        /// net/ipv4/inet_connection_sock.c
        InetCskAccept = 13,
        /// net/ipv4/tcp_ipv4.c
        TcpV4Rcv = 14,
        /// net/ipv6/tcp_ipv6.c
        TcpV6Rcv = 15,
        /// net/ipv4/tcp_input.c
        TcpRcvStateProcess = 16,
        /// net/ipv4/inet_connection_sock.c
        InetCskCompleteHashdance = 17,
        /// net/mptcp/subflow.c
        SubflowV4ConnRequest = 18,
        /// net/mptcp/subflow.c
        SubflowV6ConnRequest = 19,
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
            Self::CookieV4Check => "cookie_v4_check",
            Self::CookieV6Check => "cookie_v6_check",
            Self::ReqskTimerHandler => "reqsk_timer_handler",
            Self::TcpReqErr => "tcp_req_err",
            Self::TcpAbort => "tcp_abort",
            Self::InetTwskPurge => "inet_twsk_purge",
            Self::InetCskListenStop => "inet_csk_listen_stop",
            Self::InetCskAccept => "inet_csk_accept",
            Self::TcpV4Rcv => "tcp_v4_rcv",
            Self::TcpV6Rcv => "tcp_v6_rcv",
            Self::TcpRcvStateProcess => "tcp_rcv_state_process",
            Self::InetCskCompleteHashdance => "inet_csk_complete_hashdance",
            Self::SubflowV4ConnRequest => "subflow_v4_conn_request",
            Self::SubflowV6ConnRequest => "subflow_v6_conn_request",
        }
    }
}
