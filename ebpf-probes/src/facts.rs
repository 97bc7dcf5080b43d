//! What one pass through a listener's code left behind.
//!
//! Probes only gather; [`classify`](crate::conn_request) turns the facts into a reason. A
//! milestone is a function that the kernel calls on some ways through the code and not on others,
//! so having been there, or not, tells which way was taken.

use crate::counter::Counter;
use crate::reason::Evidence;

/// A place that the call passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Milestone {
    /// `tcp_conn_request` was entered from a wrapper.
    ConnRequest = 0,
    /// `tcp_syn_flood_action` returned false: the SYN queue is full and no cookie is wanted.
    FloodRefused = 1,
    /// `tcp_syn_flood_action` returned true: a cookie is wanted.
    FloodCookie = 2,
    /// `inet_reqsk_alloc` was entered: the queue tests are passed.
    RequestAllocated = 3,
    /// `tcp_peer_is_proven` returned false: only the reserved quarter is left.
    PeerUnproven = 4,
    /// `inet_csk_reqsk_queue_hash_add` was called: the request is in the SYN queue.
    RequestQueued = 5,
    /// It returned false: another CPU queued the same request first.
    QueueRaceLost = 6,
    /// `tcp_make_synack` was entered: an answer was made.
    SynAckMade = 7,
    /// `tcp_v4_syn_recv_sock` or `tcp_v6_syn_recv_sock` returned NULL.
    ChildRefused = 8,
    /// `tcp_create_openreq_child` was entered: the accept queue test is passed.
    ChildCreated = 9,
    /// `inet6_csk_route_req` was entered: the accept queue test is passed.
    RouteAsked = 10,
    /// The request was removed without having become a connection.
    RequestDropped = 11,
    /// `tcp_rtx_synack` was entered: a repeated SYN was answered again.
    SynAckResent = 12,
    /// `*req_stolen` was set: another CPU finished this request.
    RequestStolen = 13,
    /// The packet has the RST flag.
    ResetReceived = 14,
    /// `inet_reqsk_alloc` returned NULL.
    RequestNomem = 15,
    /// `security_inet_conn_request` returned an error.
    LsmDenied = 16,
    /// `inet_csk_route_req` or `inet6_csk_route_req` returned NULL.
    NoRoute = 17,
    /// `subflow_check_req` returned an error.
    MptcpRefused = 18,
    /// `tcp_do_parse_auth_options` returned an error.
    AuthOptionBad = 19,
    /// `inet_csk_reqsk_queue_add` was entered.
    ChildQueued = 20,
    /// It returned NULL: the listener had closed.
    ChildQueueClosed = 21,
    /// The SYN-ACK could not be sent.
    SynAckFailed = 22,
    /// `cookie_v4_init_sequence` or `cookie_v6_init_sequence` was entered.
    CookieMade = 23,
    /// The IPv6 packet's source is a v4-mapped address.
    SourceMapped = 24,
    /// `tcp_oow_rate_limited` returned true: too soon for another answer.
    RateLimited = 25,
    /// `tcp_oow_rate_limited` returned false: a packet out of place is answered. Where that is not
    /// watched: `tcp_v4_reqsk_send_ack` or `tcp_v6_reqsk_send_ack` was entered.
    Answered = 26,
    /// `tcp_reqsk_send_challenge_ack` was entered.
    ChallengeSent = 27,
    /// `tcp_v4_send_reset` or `tcp_v6_send_reset` was entered.
    ResetSent = 28,
    /// The call returned the listener itself.
    ListenerReturned = 29,
    /// The packet has the ACK flag.
    AckFlag = 30,
    /// The packet has the SYN flag.
    SynFlag = 31,
    /// `inet_csk_complete_hashdance` was entered.
    HashdanceEntered = 32,
    /// It returned NULL.
    HashdanceFailed = 33,
    /// It was told that this CPU owns the request.
    OwnRequest = 34,
    /// `inet_child_forget` was entered.
    ChildForgotten = 35,
    /// `inet_reqsk_clone` returned a request.
    RequestCloned = 36,
    /// It returned NULL.
    CloneFailed = 37,
    /// `reuseport_migrate_sock` returned NULL.
    MigrationRefused = 38,
    /// `tcp_create_openreq_child` returned NULL.
    ChildNomem = 39,
    /// The route to the client of a connection was not found.
    ChildNoRoute = 40,
    /// The listener's MD5 or TCP-AO keys could not be copied.
    ChildKeyFailed = 41,
    /// `__inet_inherit_port` returned an error.
    PortNotInherited = 42,
    /// `inet_ehash_nolisten` returned false.
    DuplicateChild = 43,
    /// `__cookie_v4_check` or `__cookie_v6_check` was entered.
    CookieChecked = 44,
    /// It returned 0.
    CookieInvalid = 45,
    /// `tcp_get_cookie_sock` was entered.
    CookieChild = 46,
    /// `__inet_csk_reqsk_queue_drop` was called.
    RemovalAsked = 47,
    /// `tcp_syn_ack_timeout` was entered.
    TimedOut = 48,
    /// `tcp_rtx_synack` returned an error.
    SynAckResendFailed = 49,
    /// `sk_filter_trim_cap` refused the packet.
    FilterRefused = 50,
    /// The check of an MD5 or TCP-AO signature refused the packet.
    SignatureRefused = 51,
    /// `__xfrm_policy_check` refused the packet.
    PolicyRefused = 52,
    /// The packet is a SYN, nothing else, and as the one with which the request began.
    SynRepeated = 53,
    /// `tcp_check_req` had refused this packet for the number that it acknowledges.
    NumberRefused = 54,
    /// The listener has `TCP_DEFER_ACCEPT`.
    DefersAccept = 55,
    /// `inet_csk_listen_stop` was entered: a listener ends. No judged call passes it.
    ListenerEnded = 56,
    /// `security_inet_conn_request` was asked about a cookie's request.
    LsmAsked = 57,
    /// `inet6_csk_route_req` returned NULL while a child was made.
    ChildNoRouteV6 = 58,
}

impl Milestone {
    /// Every milestone, in the order of its bits.
    pub const ALL: &'static [Self] = &[
        Self::ConnRequest,
        Self::FloodRefused,
        Self::FloodCookie,
        Self::RequestAllocated,
        Self::PeerUnproven,
        Self::RequestQueued,
        Self::QueueRaceLost,
        Self::SynAckMade,
        Self::ChildRefused,
        Self::ChildCreated,
        Self::RouteAsked,
        Self::RequestDropped,
        Self::SynAckResent,
        Self::RequestStolen,
        Self::ResetReceived,
        Self::RequestNomem,
        Self::LsmDenied,
        Self::NoRoute,
        Self::MptcpRefused,
        Self::AuthOptionBad,
        Self::ChildQueued,
        Self::ChildQueueClosed,
        Self::SynAckFailed,
        Self::CookieMade,
        Self::SourceMapped,
        Self::RateLimited,
        Self::Answered,
        Self::ChallengeSent,
        Self::ResetSent,
        Self::ListenerReturned,
        Self::AckFlag,
        Self::SynFlag,
        Self::HashdanceEntered,
        Self::HashdanceFailed,
        Self::OwnRequest,
        Self::ChildForgotten,
        Self::RequestCloned,
        Self::CloneFailed,
        Self::MigrationRefused,
        Self::ChildNomem,
        Self::ChildNoRoute,
        Self::ChildKeyFailed,
        Self::PortNotInherited,
        Self::DuplicateChild,
        Self::CookieChecked,
        Self::CookieInvalid,
        Self::CookieChild,
        Self::RemovalAsked,
        Self::TimedOut,
        Self::SynAckResendFailed,
        Self::FilterRefused,
        Self::SignatureRefused,
        Self::PolicyRefused,
        Self::SynRepeated,
        Self::NumberRefused,
        Self::DefersAccept,
        Self::ListenerEnded,
        Self::LsmAsked,
        Self::ChildNoRouteV6,
    ];

    /// Its bit.
    pub const fn bit(self) -> u64 {
        1 << self as u8
    }
}

const _: () = {
    let mut bit = 0;
    while bit < Milestone::ALL.len() {
        assert!(Milestone::ALL[bit] as usize == bit);
        bit += 1;
    }
    assert!(Milestone::ALL.len() <= 64);
};

/// A set of milestones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Milestones(pub u64);

impl Milestones {
    /// Whether the milestone is in the set.
    pub const fn has(self, milestone: Milestone) -> bool {
        self.0 & milestone.bit() != 0
    }

    /// The set with this milestone in it.
    #[must_use]
    pub const fn with(self, milestone: Milestone) -> Self {
        Self(self.0 | milestone.bit())
    }

    /// Everything that is in either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One call of an outer function, as the probes saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Facts {
    /// The milestones passed.
    pub passed: Milestones,
    /// The milestones that would have been seen if passed: their hooks are attached.
    pub watched: Milestones,
    /// How far each counter moved on this CPU during the call; means nothing where `counted` is 0.
    pub moved: [u32; Counter::COUNT],
    /// 1 if `moved` was measured, 0 if that was needless or impossible.
    pub counted: u32,
    /// Length of the accept queue at entry. This and the rest is only read where nothing better
    /// tells.
    pub accept_len: u32,
    /// Its limit.
    pub accept_limit: u32,
    /// Length of the SYN queue at entry.
    pub syn_len: u32,
    /// `tcp_syncookies` during the call.
    pub syncookies: u32,
}

impl Facts {
    /// What a verdict is worth that rests on none of these having been passed.
    pub fn proof(&self, not_passed: &[Milestone]) -> Evidence {
        if not_passed.iter().all(|&milestone| self.watched.has(milestone)) {
            Evidence::Observed
        } else {
            Evidence::Inferred
        }
    }

    /// Whether the counter is known to have moved.
    pub const fn moved(&self, counter: Counter) -> bool {
        self.counted != 0 && self.moved[counter as usize] != 0
    }
}
