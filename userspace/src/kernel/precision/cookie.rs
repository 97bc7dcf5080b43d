//! How refused ACKs without a request show.

use ebpf_probes::Counter::{self, ListenDrops, ListenOverflows, SyncookiesFailed, SyncookiesRecv};
use ebpf_probes::Milestone::{
    AckFlag, ChildCreated, ChildNoRoute, ChildQueueClosed, ChildRefused, CookieChecked,
    CookieChild, CookieInvalid, ListenerReturned, LsmAsked, LsmDenied, NumberRefused,
    PortNotInherited, RequestNomem,
};
use ebpf_probes::{Milestone, Reason};

use super::{Case, LIMIT, USUAL};

const COOKIE: Case = Case { judge: ebpf_probes::cookie_check, syncookies: 1, ..USUAL };

const fn cookie(reason: Reason, passed: &'static [Milestone]) -> Case {
    Case { reason, passed, ..COOKIE }
}

/// The cookie was good.
const fn good(reason: Reason, passed: &'static [Milestone], moved: &'static [Counter]) -> Case {
    Case { moved, ..cookie(reason, passed) }
}

const fn no_child(passed: &'static [Milestone]) -> Case {
    good(Reason::CookieAckChildFailed, passed, &[SyncookiesRecv, ListenDrops])
}

pub(super) const CASES: &[Case] = &[
    Case { syncookies: 0, ..cookie(Reason::StrayAck, &[AckFlag, ListenerReturned]) },
    cookie(Reason::CookieAckNoOverflow, &[AckFlag, ListenerReturned]),
    Case {
        moved: &[SyncookiesFailed],
        ..cookie(
            Reason::CookieAckInvalid,
            &[AckFlag, CookieChecked, CookieInvalid, ListenerReturned],
        )
    },
    good(Reason::CookieAckTsBad, &[AckFlag, CookieChecked, ListenerReturned], &[SyncookiesRecv]),
    cookie(Reason::AckBadNumber, &[AckFlag, NumberRefused, ListenerReturned]),
    good(Reason::CookieAckNomem, &[AckFlag, CookieChecked, RequestNomem], &[SyncookiesRecv]),
    good(Reason::CookieAckLsm, &[AckFlag, CookieChecked, LsmAsked, LsmDenied], &[SyncookiesRecv]),
    good(Reason::CookieAckNoRoute, &[AckFlag, CookieChecked, LsmAsked], &[SyncookiesRecv]),
    Case {
        lengths: (LIMIT + 1, 0),
        ..good(
            Reason::CookieAckAcceptQueueFull,
            &[AckFlag, CookieChecked, LsmAsked, CookieChild, ChildRefused],
            &[SyncookiesRecv, ListenDrops, ListenOverflows],
        )
    },
    no_child(&[AckFlag, CookieChecked, LsmAsked, CookieChild, ChildCreated, ChildRefused]),
    no_child(&[
        AckFlag,
        CookieChecked,
        LsmAsked,
        CookieChild,
        ChildCreated,
        ChildNoRoute,
        ChildRefused,
    ]),
    no_child(&[
        AckFlag,
        CookieChecked,
        LsmAsked,
        CookieChild,
        ChildCreated,
        PortNotInherited,
        ChildRefused,
    ]),
    good(
        Reason::CookieAckDupChild,
        &[AckFlag, CookieChecked, LsmAsked, CookieChild, ChildCreated, ChildRefused],
        &[SyncookiesRecv],
    ),
    good(
        Reason::CookieAckListenerClosing,
        &[AckFlag, CookieChecked, LsmAsked, CookieChild, ChildCreated, ChildQueueClosed],
        &[SyncookiesRecv],
    ),
];
