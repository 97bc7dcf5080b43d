//! What userspace resolves before load and the probes read as one frozen global.
//!
//! Everything here is constant for the lifetime of the loaded programs, so the verifier knows the
//! values and prunes what they switch off.

use crate::counter::Counter;
use crate::field::{Field, FieldSlot};

/// A value that a probe takes from its function: an argument, or what it returned. Where it lies in
/// the probe's context depends on the prototype and on the kind of probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Arg {
    /// `sk` of `tcp_conn_request`: the listener
    ConnRequestSk,
    /// `skb` of `tcp_conn_request`
    ConnRequestSkb,
    /// `sk` of `tcp_v4_conn_request`
    V4ConnRequestSk,
    /// `skb` of `tcp_v4_conn_request`
    V4ConnRequestSkb,
    /// `sk` of `tcp_v6_conn_request`
    V6ConnRequestSk,
    /// `skb` of `tcp_v6_conn_request`
    V6ConnRequestSkb,
    /// `sk` of `subflow_v4_conn_request`
    SubflowV4Sk,
    /// `skb` of `subflow_v4_conn_request`
    SubflowV4Skb,
    /// `sk` of `subflow_v6_conn_request`
    SubflowV6Sk,
    /// `skb` of `subflow_v6_conn_request`
    SubflowV6Skb,
    /// `sk` of `tcp_check_req`: the listener
    CheckReqSk,
    /// `skb` of `tcp_check_req`
    CheckReqSkb,
    /// `req` of `tcp_check_req`
    CheckReqReq,
    /// `fastopen` of `tcp_check_req`
    CheckReqFastopen,
    /// `req_stolen` of `tcp_check_req`
    CheckReqStolen,
    /// `sk` of `tcp_v4_syn_recv_sock`
    V4SynRecvSk,
    /// `skb` of `tcp_v4_syn_recv_sock`
    V4SynRecvSkb,
    /// `sk` of `tcp_v6_syn_recv_sock`
    V6SynRecvSk,
    /// `skb` of `tcp_v6_syn_recv_sock`
    V6SynRecvSkb,
    /// `sk` of `inet_csk_prepare_forced_close`: the child
    ForcedCloseSk,
    /// `sk` of `cookie_v4_check`: the listener
    CookieV4Sk,
    /// `skb` of `cookie_v4_check`
    CookieV4Skb,
    /// `sk` of `cookie_v6_check`: the listener
    CookieV6Sk,
    /// `skb` of `cookie_v6_check`
    CookieV6Skb,
    /// `t` of `reqsk_timer_handler`: the timer in a request
    RequestTimerTimer,
    /// `sk` of `tcp_req_err`: the request
    RequestErrorSk,
    /// `sk` of `inet_csk_reqsk_queue_drop`: the listener
    RemovalSk,
    /// `req` of `inet_csk_reqsk_queue_drop`
    RemovalReq,
    /// `sk` of `inet_csk_reqsk_queue_drop_and_put`: the listener
    RemovalAndPutSk,
    /// `req` of `inet_csk_reqsk_queue_drop_and_put`
    RemovalAndPutReq,
    /// `sk` of `tcp_abort`: what is destroyed
    AbortSk,
    /// `sk` of `inet_child_forget`: the listener
    ChildForgetSk,
    /// `req` of `inet_child_forget`
    ChildForgetReq,
    /// `child` of `inet_child_forget`
    ChildForgetChild,
    /// `sk` of `inet_csk_accept`: the listener
    AcceptSk,
    /// `sk` of `security_sock_graft`: the connection
    GraftSk,
    /// `skb` of `tcp_v4_rcv`
    V4ReceivedSkb,
    /// `skb` of `tcp_v6_rcv`
    V6ReceivedSkb,
    /// `sk` of `sk_filter_trim_cap`
    FilterSk,
    /// `skb` of `sk_filter_trim_cap`
    FilterSkb,
    /// `sk` of `__xfrm_policy_check`
    PolicySk,
    /// `skb` of `__xfrm_policy_check`
    PolicySkb,
    /// `sk` of `tcp_inbound_hash`
    SignatureSk,
    /// `skb` of `tcp_inbound_hash`
    SignatureSkb,
    /// `sk` of `tcp_v6_inbound_md5_hash`
    V6SignatureSk,
    /// `skb` of `tcp_v6_inbound_md5_hash`
    V6SignatureSkb,
    /// `sk` of `tcp_rcv_state_process`
    StateSk,
    /// `skb` of `tcp_rcv_state_process`
    StateSkb,
    /// `sk` of `inet_csk_reqsk_queue_add`: the listener
    QueueAddSk,
    /// `child` of `inet_csk_reqsk_queue_add`: the connection
    QueueAddChild,
    /// `sk` of `inet_csk_complete_hashdance`: the listener
    HashdanceSk,
    /// `child` of `inet_csk_complete_hashdance`: the connection
    HashdanceChild,
    /// `backlog` of `__sys_listen`
    SysListenBacklog,
    /// `backlog` of `__sys_listen_socket`
    SysListenSocketBacklog,
    /// `sock` of `inet_listen`
    InetListenSock,
    /// `backlog` of `inet_listen`
    InetListenBacklog,
    /// `sk` of `__inet_listen_sk`
    InetListenSkSk,
    /// `backlog` of `__inet_listen_sk`
    InetListenSkBacklog,
    /// what `tcp_syn_flood_action` returned
    FloodActionReturned,
    /// what `inet_reqsk_alloc` returned
    RequestAllocatedReturned,
    /// what `security_inet_conn_request` returned
    LsmAskedReturned,
    /// what `inet_csk_route_req` returned
    RouteV4Returned,
    /// what `inet6_csk_route_req` returned
    RouteV6Returned,
    /// what `subflow_check_req` returned
    MptcpAskedReturned,
    /// what `tcp_do_parse_auth_options` returned
    AuthOptionsReturned,
    /// what `tcp_peer_is_proven` returned
    PeerProvenReturned,
    /// what `inet_csk_reqsk_queue_hash_add` returned
    RequestQueuedReturned,
    /// what `inet_csk_reqsk_queue_add` returned
    ChildQueuedReturned,
    /// what `tcp_v4_send_synack` returned
    SynackV4Returned,
    /// what `tcp_v6_send_synack` returned
    SynackV6Returned,
    /// what `tcp_check_req` returned
    CheckReqReturned,
    /// what `tcp_v4_syn_recv_sock` returned
    V4SynRecvSockReturned,
    /// what `tcp_v6_syn_recv_sock` returned
    V6SynRecvSockReturned,
    /// what `tcp_md5_key_copy` returned
    Md5KeysCopiedReturned,
    /// what `__inet_csk_reqsk_queue_drop` returned
    RequestDroppedReturned,
    /// what `tcp_oow_rate_limited` returned
    RateLimitedReturned,
    /// what `cookie_v4_check` returned
    CookieV4Returned,
    /// what `cookie_v6_check` returned
    CookieV6Returned,
    /// what `__cookie_v4_check` returned
    CookieV4CheckedReturned,
    /// what `__cookie_v6_check` returned
    CookieV6CheckedReturned,
    /// what `cookie_tcp_reqsk_alloc` returned
    CookieRequestReturned,
    /// what `cookie_bpf_check` returned
    BpfCookieRequestReturned,
    /// what `tcp_rtx_synack` returned
    SynackRepeatedReturned,
    /// what `inet_reqsk_clone` returned
    RequestClonedReturned,
    /// what `sk_filter_trim_cap` returned
    FilterEnteredReturned,
    /// what `__xfrm_policy_check` returned
    PolicyEnteredReturned,
    /// what `tcp_inbound_hash` returned
    SignatureEnteredReturned,
    /// what `tcp_v6_inbound_md5_hash` returned
    V6SignatureEnteredReturned,
    /// what `__inet_lookup_listener` returned
    V4ListenerFoundReturned,
    /// what `inet6_lookup_listener` returned
    V6ListenerFoundReturned,
    /// what `__skb_checksum_complete` returned
    ChecksumReturned,
    /// what `tcp_timewait_state_process` returned
    TimewaitReturned,
}

impl Arg {
    /// How many there are.
    pub const COUNT: usize = Self::TimewaitReturned as usize + 1;
}

/// How many ports a filter can name.
pub const MAX_PORTS: usize = 16;

/// Which events are shown. Addresses are IPv6, IPv4 ones v4-mapped; an empty mask matches all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Filter {
    /// Network of the packet's local address.
    pub local: [u8; 16],
    /// Its netmask.
    pub local_mask: [u8; 16],
    /// Network of the peer's address.
    pub peer: [u8; 16],
    /// Its netmask.
    pub peer_mask: [u8; 16],
    /// One bit per number of a [`Reason`](crate::Reason) that is a drop and is shown.
    pub reasons: u64,
    /// One bit per notice that is shown, counted from
    /// [`Reason::FIRST_NOTICE`](crate::Reason::FIRST_NOTICE).
    pub notices: u64,
    /// One bit per [`Stage`](crate::Stage) number that is shown.
    pub stages: u32,
    /// 4 or 6 to show that family only, else 0.
    pub family: u32,
    /// How many of `ports` are set; 0 shows every port.
    pub ports_len: u32,
    /// Network namespace inode number to show only, else 0.
    pub netns: u32,
    /// Local ports that are shown, host byte order.
    pub ports: [u16; MAX_PORTS],
}

impl Filter {
    /// Shows every drop, and no notice.
    pub const ALL: Self = Self {
        local: [0; 16],
        local_mask: [0; 16],
        peer: [0; 16],
        peer_mask: [0; 16],
        reasons: u64::MAX,
        notices: 0,
        stages: u32::MAX,
        family: 0,
        ports_len: 0,
        netns: 0,
        ports: [0; MAX_PORTS],
    };
}

/// The probes' one global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Config {
    /// Bits of [`Milestone`](crate::Milestone)s whose hooks are attached.
    pub watched: u64,
    /// Records a second of each reason of a listener; [`Config::ALL_DETAIL`] sets no limit.
    pub detail: u64,
    /// 1 if calls are judged where they return and hooked only there, as fexit allows, else 0.
    pub whole: u64,
    /// 1 if every call that tests for a cookie is watched, else 0.
    pub cookies: u64,
    /// Byte offset of each [`Field`], [`NOWHERE`] if unknown.
    pub offsets: [u64; Field::COUNT],
    /// How many bits each [`Field`] lacks to 64.
    pub lacks: [u64; Field::COUNT],
    /// Byte offset of each [`Counter`] in the per-CPU array, [`NOWHERE`] if unknown.
    pub counters: [u64; Counter::COUNT],
    /// From a `struct bpf_array` to its table of per-CPU pointers, in bytes; [`NOWHERE`] if unknown.
    pub percpu_pointers: u64,
    /// What is shown.
    pub filter: Filter,
}

/// The offset of what this kernel does not have. Added to an address of the kernel's, or to NULL, it
/// leads to where the kernel has no memory, so that what is read there fails like any other read.
pub const NOWHERE: u64 = 1 << 62;

impl Config {
    /// A record of every event.
    pub const ALL_DETAIL: u64 = u64::MAX;

    /// Nothing resolved: what the object holds until userspace overrides it.
    pub const UNRESOLVED: Self = Self {
        watched: 0,
        detail: Self::ALL_DETAIL,
        whole: 0,
        cookies: 0,
        offsets: [NOWHERE; Field::COUNT],
        lacks: [0; Field::COUNT],
        counters: [NOWHERE; Counter::COUNT],
        percpu_pointers: NOWHERE,
        filter: Filter::ALL,
    };

    /// Notes where a field lies.
    pub const fn place(&mut self, field: Field, slot: FieldSlot) {
        self.offsets[field as usize] = slot.offset as u64;
        self.lacks[field as usize] = 64 - 8 * if slot.size < 8 { slot.size as u64 } else { 8 };
    }

    /// The bytes that replace the global in the object before load.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: the struct is plain integers without padding (asserted below), so each of its
        // bytes is initialised; the slice borrows from it and is exactly as long.
        unsafe { core::slice::from_raw_parts((&raw const *self).cast(), size_of::<Self>()) }
    }
}

// No byte of the global is padding: it is handed over as bytes.
const _: () = assert!(
    size_of::<Config>() == 8 * (5 + 2 * Field::COUNT + Counter::COUNT) + size_of::<Filter>()
);
const _: () = assert!(size_of::<Filter>() == 4 * 16 + 2 * 8 + 4 * 4 + 2 * MAX_PORTS);
