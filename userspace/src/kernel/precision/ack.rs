//! How refused packets for a request show, most often the handshake's last ACK.

use ebpf_probes::Counter::{
    EmbryonicRsts, ListenDrops, ListenOverflows, PawsEstab, TcpDeferAcceptDrop, TsEcrRejected,
};
use ebpf_probes::Milestone::{
    AckFlag, Answered, ChallengeSent, ChildCreated, ChildForgotten, ChildKeyFailed, ChildNoRoute,
    ChildNoRouteV6, ChildRefused, CloneFailed, DefersAccept, ListenerReturned, PortNotInherited,
    RateLimited, RequestCloned, RequestDropped, RequestStolen, ResetReceived, RouteAsked,
    SynAckResent, SynFlag, SynRepeated,
};
use ebpf_probes::{Milestone, Reason};

use super::{Case, LIMIT, USUAL};

const ACK: Case = Case { judge: ebpf_probes::check_req, ..USUAL };

const fn ack(reason: Reason, passed: &'static [Milestone]) -> Case {
    Case { reason, passed, ..ACK }
}

/// No child was made of a finished handshake.
const fn no_child(reason: Reason, passed: &'static [Milestone]) -> Case {
    Case { reason, passed, moved: &[ListenDrops], ..ACK }
}

pub(super) const CASES: &[Case] = &[
    Case {
        reason: Reason::AcceptQueueFullAck,
        passed: &[AckFlag, ChildRefused],
        moved: &[ListenOverflows, ListenDrops],
        lengths: (LIMIT + 1, 1),
        ..ACK
    },
    Case {
        reason: Reason::AcceptQueueFullAckRst,
        passed: &[AckFlag, ChildRefused, RequestDropped],
        moved: &[ListenOverflows, ListenDrops, EmbryonicRsts],
        lengths: (LIMIT + 1, 1),
        ..ACK
    },
    ack(Reason::AckBadNumber, &[AckFlag, ListenerReturned]),
    Case { moved: &[PawsEstab], ..ack(Reason::AckPaws, &[AckFlag, Answered]) },
    Case { moved: &[PawsEstab], ..ack(Reason::AckPaws, &[AckFlag, RateLimited]) },
    Case { moved: &[TsEcrRejected], ..ack(Reason::AckTsecr, &[AckFlag, Answered]) },
    Case { moved: &[TsEcrRejected], ..ack(Reason::AckTsecr, &[AckFlag, RateLimited]) },
    ack(Reason::AckOutOfWindow, &[AckFlag, Answered]),
    ack(Reason::AckOutOfWindow, &[AckFlag, RateLimited]),
    ack(Reason::SynRetransmitRatelimited, &[SynFlag, SynRepeated, RateLimited]),
    ack(Reason::SynRetransmit, &[SynFlag, SynRepeated, Answered, SynAckResent]),
    ack(Reason::RstOutOfWindow, &[ResetReceived]),
    ack(Reason::RstInexact, &[ResetReceived, ChallengeSent]),
    Case {
        moved: &[EmbryonicRsts],
        ..ack(Reason::RequestClientRst, &[ResetReceived, RequestDropped])
    },
    Case { moved: &[EmbryonicRsts], ..ack(Reason::RequestBadSyn, &[SynFlag, RequestDropped]) },
    ack(Reason::AckFlagMissing, &[]),
    Case { moved: &[TcpDeferAcceptDrop], ..ack(Reason::AckDeferred, &[AckFlag, DefersAccept]) },
    no_child(Reason::AckChildNomem, &[AckFlag, ChildCreated, ChildRefused]),
    no_child(Reason::AckChildNoRoute, &[AckFlag, ChildCreated, ChildNoRoute, ChildRefused]),
    no_child(Reason::AckChildNoRoute, &[AckFlag, RouteAsked, ChildNoRouteV6, ChildRefused]),
    no_child(
        Reason::AckChildKey,
        &[AckFlag, ChildCreated, ChildKeyFailed, PortNotInherited, ChildRefused],
    ),
    no_child(Reason::AckChildPortInherit, &[AckFlag, ChildCreated, PortNotInherited, ChildRefused]),
    ack(Reason::AckLostRace, &[AckFlag, ChildCreated, RequestStolen]),
    ack(Reason::AckListenerClosing, &[AckFlag, ChildCreated, ChildForgotten]),
    ack(Reason::AckMigrateNomem, &[AckFlag, ChildCreated, CloneFailed, ChildForgotten]),
    Case {
        judge: ebpf_probes::check_req_child,
        ..ack(Reason::RequestMigrated, &[AckFlag, ChildCreated, RequestCloned])
    },
];
