//! How refused ACKs without a request show.

use ebpf_probes::Counter::{ListenDrops, ListenOverflows, SyncookiesFailed};
use ebpf_probes::Milestone::{
    AckFlag, ChildCreated, ChildNoRoute, ChildRefused, CookieChecked, CookieChild, CookieInvalid,
    ListenerReturned, LsmDenied, NumberRefused, PortNotInherited, RequestNomem,
};
use ebpf_probes::{Milestone, Reason};

use super::{Case, LIMIT, USUAL};

const COOKIE: Case = Case { judge: ebpf_probes::cookie_check, syncookies: 1, ..USUAL };

const fn cookie(reason: Reason, passed: &'static [Milestone]) -> Case {
    Case { reason, passed, ..COOKIE }
}

const fn no_child(passed: &'static [Milestone]) -> Case {
    Case { moved: &[ListenDrops], ..cookie(Reason::CookieAckChildFailed, passed) }
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
    cookie(Reason::CookieAckTsBad, &[AckFlag, CookieChecked, ListenerReturned]),
    cookie(Reason::AckBadNumber, &[AckFlag, NumberRefused, ListenerReturned]),
    cookie(Reason::CookieAckNomem, &[AckFlag, CookieChecked, RequestNomem]),
    cookie(Reason::CookieAckLsm, &[AckFlag, CookieChecked, LsmDenied]),
    cookie(Reason::CookieAckNoRoute, &[AckFlag, CookieChecked]),
    Case {
        moved: &[ListenDrops, ListenOverflows],
        lengths: (LIMIT + 1, 0),
        ..cookie(
            Reason::CookieAckAcceptQueueFull,
            &[AckFlag, CookieChecked, CookieChild, ChildRefused],
        )
    },
    no_child(&[AckFlag, CookieChecked, CookieChild, ChildCreated, ChildRefused]),
    no_child(&[AckFlag, CookieChecked, CookieChild, ChildCreated, ChildNoRoute, ChildRefused]),
    no_child(&[AckFlag, CookieChecked, CookieChild, ChildCreated, PortNotInherited, ChildRefused]),
    cookie(
        Reason::CookieAckDupChild,
        &[AckFlag, CookieChecked, CookieChild, ChildCreated, ChildRefused],
    ),
    cookie(Reason::CookieAckListenerClosing, &[AckFlag, CookieChecked, CookieChild, ChildCreated]),
];
