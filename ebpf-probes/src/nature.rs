//! What is fixed about each reason: its stage, and the counters that one such event moves.
//!
//! Both are facts of the kernel's code, Linux 5.10 to 7.3. What differs from event to event (a
//! reset where `tcp_abort_on_overflow` asks for one) the decision tables add.

use crate::counter::Counter::{
    EmbryonicRsts, ListenDrops, ListenOverflows, PawsEstab, SyncookiesFailed, TcpDeferAcceptDrop,
    TcpFastOpenListenOverflow, TcpReqQFullDrop, TsEcrRejected,
};
use crate::counter::Counters;
use crate::reason::{Reason, Stage};

/// Drops by which a client that wants to connect is kept out, for now or for good. The others
/// are of packets that are late, forged or meant otherwise, whose connection they do not decide.
const KEEP_OUT: &[Reason] = &[
    Reason::AcceptQueueFullSyn,
    Reason::SynQueueFull,
    Reason::SynBacklogReserved,
    Reason::SynNomem,
    Reason::SynLsmDenied,
    Reason::SynNoRoute,
    Reason::SynMptcpReject,
    Reason::SynAuthOptionBad,
    Reason::SynTfoListenerClosing,
    Reason::AcceptQueueFullAck,
    Reason::AcceptQueueFullAckRst,
    Reason::AckChildNomem,
    Reason::AckChildNoRoute,
    Reason::AckChildPortInherit,
    Reason::AckChildKey,
    Reason::AckListenerClosing,
    Reason::AckMigrateNomem,
    Reason::AckListenerGone,
    Reason::CookieAckTsBad,
    Reason::CookieAckNomem,
    Reason::CookieAckLsm,
    Reason::CookieAckNoRoute,
    Reason::CookieAckAcceptQueueFull,
    Reason::CookieAckChildFailed,
    Reason::CookieAckListenerClosing,
    Reason::PreXfrmPolicy,
    Reason::PreMd5Ao,
    Reason::PreSocketFilter,
    Reason::PreMinTtl,
    Reason::PrePsp,
    Reason::PreTimewait,
];

/// [`KEEP_OUT`] as bits.
const KEEP_OUT_BITS: u64 = {
    let mut bits = 0;
    let mut nth = 0;
    while nth < KEEP_OUT.len() {
        assert!(!KEEP_OUT[nth].is_notice());
        bits |= 1 << KEEP_OUT[nth] as u16;
        nth += 1;
    }
    bits
};

/// Whether a drop with the reason of this number keeps out a client that wants to connect.
pub(crate) const fn keeps_out(reason: u16) -> bool {
    reason < Reason::FIRST_NOTICE && KEEP_OUT_BITS >> (reason & 63) & 1 != 0
}

impl Reason {
    /// Whether such a drop keeps out a client that wants to connect.
    #[must_use]
    pub const fn keeps_out(self) -> bool {
        keeps_out(self as u16)
    }

    /// The stage that it belongs to; `None` if that depends on the packet.
    #[must_use]
    pub const fn stage(self) -> Option<Stage> {
        Some(match self {
            Self::Unattributed
            | Self::PreXfrmPolicy
            | Self::PreMd5Ao
            | Self::PreSocketFilter
            | Self::PreMinTtl
            | Self::PreCsum
            | Self::PrePsp
            | Self::ClientGone => return None,
            Self::AcceptQueueFullSyn
            | Self::SynQueueFull
            | Self::SynBacklogReserved
            | Self::SynDstNotUnicast
            | Self::SynV4MappedSource
            | Self::SynNomem
            | Self::SynLsmDenied
            | Self::SynNoRoute
            | Self::SynMptcpReject
            | Self::SynAuthOptionBad
            | Self::SynDupRequestRace
            | Self::SynTfoListenerClosing
            | Self::SynFin
            | Self::SynRetransmitRatelimited
            | Self::PreTimewait
            | Self::CookieSent
            | Self::SynackSendFailed
            | Self::SynRetransmit
            | Self::TfoChild
            | Self::TfoQueueFull
            | Self::TfoChildFailed => Stage::Syn,
            Self::AcceptQueueFullAck
            | Self::AcceptQueueFullAckRst
            | Self::AckBadNumber
            | Self::AckPaws
            | Self::AckTsecr
            | Self::AckOutOfWindow
            | Self::RstOutOfWindow
            | Self::RstInexact
            | Self::AckFlagMissing
            | Self::AckDeferred
            | Self::AckChildNomem
            | Self::AckChildNoRoute
            | Self::AckChildPortInherit
            | Self::AckChildKey
            | Self::AckListenerClosing
            | Self::AckMigrateNomem
            | Self::AckListenerGone
            | Self::AckLostRace
            | Self::Accepted
            | Self::ClientRecovered => Stage::Ack,
            Self::StrayAck
            | Self::CookieAckNoOverflow
            | Self::CookieAckInvalid
            | Self::CookieAckTsBad
            | Self::CookieAckNomem
            | Self::CookieAckLsm
            | Self::CookieAckNoRoute
            | Self::CookieAckAcceptQueueFull
            | Self::CookieAckChildFailed
            | Self::CookieAckDupChild
            | Self::CookieAckListenerClosing => Stage::CookieAck,
            Self::RequestClientRst
            | Self::RequestBadSyn
            | Self::RequestListenerGone
            | Self::RequestIcmpError
            | Self::RequestDestroyed
            | Self::RequestNetnsExit
            | Self::ChildNotAccepted
            | Self::SynackRetransmit
            | Self::RequestExpired
            | Self::RequestSynackRtxFailed
            | Self::RequestMigrated => Stage::Request,
        })
    }

    /// The counters that one such event always moves by one.
    #[must_use]
    pub const fn moves(self) -> Counters {
        Counters::of(match self {
            Self::AcceptQueueFullSyn
            | Self::AcceptQueueFullAck
            | Self::CookieAckAcceptQueueFull => &[ListenOverflows, ListenDrops],
            Self::AcceptQueueFullAckRst => &[ListenOverflows, ListenDrops, EmbryonicRsts],
            Self::SynQueueFull => &[TcpReqQFullDrop, ListenDrops],
            Self::SynBacklogReserved
            | Self::SynDstNotUnicast
            | Self::SynNomem
            | Self::SynLsmDenied
            | Self::SynNoRoute
            | Self::SynMptcpReject
            | Self::SynAuthOptionBad
            | Self::SynTfoListenerClosing
            | Self::AckChildNomem
            | Self::AckChildNoRoute
            | Self::AckChildPortInherit
            | Self::AckChildKey
            | Self::CookieAckChildFailed
            | Self::RequestIcmpError
            | Self::TfoChildFailed => &[ListenDrops],
            Self::AckPaws => &[PawsEstab],
            Self::AckTsecr => &[TsEcrRejected],
            Self::AckDeferred => &[TcpDeferAcceptDrop],
            Self::RequestClientRst | Self::RequestBadSyn => &[EmbryonicRsts],
            Self::CookieAckInvalid => &[SyncookiesFailed],
            Self::TfoQueueFull => &[TcpFastOpenListenOverflow],
            Self::Unattributed
            | Self::SynV4MappedSource
            | Self::SynDupRequestRace
            | Self::SynFin
            | Self::SynRetransmitRatelimited
            | Self::AckBadNumber
            | Self::AckOutOfWindow
            | Self::RstOutOfWindow
            | Self::RstInexact
            | Self::AckFlagMissing
            | Self::AckListenerClosing
            | Self::AckMigrateNomem
            | Self::AckListenerGone
            | Self::StrayAck
            | Self::CookieAckNoOverflow
            | Self::CookieAckTsBad
            | Self::CookieAckNomem
            | Self::CookieAckLsm
            | Self::CookieAckNoRoute
            | Self::CookieAckDupChild
            | Self::CookieAckListenerClosing
            | Self::RequestListenerGone
            | Self::RequestDestroyed
            | Self::RequestNetnsExit
            | Self::ChildNotAccepted
            | Self::PreXfrmPolicy
            | Self::PreMd5Ao
            | Self::PreSocketFilter
            | Self::PreMinTtl
            | Self::PreCsum
            | Self::PrePsp
            | Self::PreTimewait
            | Self::CookieSent
            | Self::SynackSendFailed
            | Self::SynRetransmit
            | Self::AckLostRace
            | Self::SynackRetransmit
            | Self::RequestExpired
            | Self::RequestSynackRtxFailed
            | Self::RequestMigrated
            | Self::TfoChild
            | Self::Accepted
            | Self::ClientRecovered
            | Self::ClientGone => &[],
        })
    }
}
