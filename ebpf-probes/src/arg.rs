//! What probes take from the functions that they are hooked to.

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
    /// `seq` of `tcp_req_err`: the number that the ICMP error is about
    RequestErrorSeq,
    /// `abort` of `tcp_req_err`: whether the error is final
    RequestErrorAbort,
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
    /// `from_timer` of `__inet_csk_reqsk_queue_drop`
    RequestDroppedFromTimer,
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
    /// what `tcp_rtx_synack` returned
    SynackRepeatedReturned,
    /// what `inet_reqsk_clone` returned
    RequestClonedReturned,
    /// the same
    RequestMovedReturned,
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
