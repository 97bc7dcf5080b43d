//! What the application behind a listener does. None of it tells of drops.

use ebpf_probes::Arg;

use super::Extra::{AcceptLatency, ListenCalls};
use super::Kind::Entry;
use super::{Hook, SK, When};

const BACKLOG: &[&str] = &["backlog"];
const CHILD: &[&str] = &["child"];

/// What all rows have in common.
const USUAL: Hook = Hook { when: When::Asked(ListenCalls), ..Hook::USUAL };

pub(super) const ROWS: &[Hook] = &[
    Hook {
        programs: &[("wait_begun", Entry)],
        targets: &["inet_csk_complete_hashdance"],
        args: &[(Arg::HashdanceSk, SK), (Arg::HashdanceChild, CHILD)],
        when: When::Asked(AcceptLatency),
        costs: "how long connections wait for accept() is not known",
        ..USUAL
    },
    // Inlined into the function above, but called for Fast Open and for cookies.
    Hook {
        programs: &[("wait_begun_at_once", Entry)],
        targets: &["inet_csk_reqsk_queue_add"],
        args: &[(Arg::QueueAddSk, SK), (Arg::QueueAddChild, CHILD)],
        when: When::Asked(AcceptLatency),
        costs: "how long connections of Fast Open and of cookies wait for accept() is not known",
        ..USUAL
    },
    // By entry: a probe on the return of accept() is missed where many threads wait in it.
    Hook {
        programs: &[("wait_ended", Entry)],
        targets: &["security_sock_graft"],
        args: &[(Arg::GraftSk, SK)],
        when: When::Asked(AcceptLatency),
        costs: "how long connections wait for accept() is not known",
        ..USUAL
    },
    Hook {
        programs: &[("listen_called", Entry)],
        targets: &["__sys_listen"],
        args: &[(Arg::SysListenBacklog, BACKLOG)],
        costs: "what is given to listen() is not known",
        ..USUAL
    },
    // What io_uring calls, and the system call since then: since 6.11.
    Hook {
        programs: &[("listen_socket_called", Entry)],
        targets: &["__sys_listen_socket"],
        args: &[(Arg::SysListenSocketBacklog, BACKLOG)],
        when: When::AskedIfPresent(ListenCalls),
        costs: "what is given to listen() by io_uring is not known",
        ..USUAL
    },
    Hook {
        programs: &[("listen_entered", Entry)],
        targets: &["inet_listen"],
        args: &[(Arg::InetListenSock, &["sock"]), (Arg::InetListenBacklog, BACKLOG)],
        costs: "what is given to listen() is not known",
        ..USUAL
    },
    // What MPTCP calls since 6.6.
    Hook {
        programs: &[("listen_sk_entered", Entry)],
        targets: &["__inet_listen_sk"],
        args: &[(Arg::InetListenSkSk, SK), (Arg::InetListenSkBacklog, BACKLOG)],
        when: When::AskedIfPresent(ListenCalls),
        costs: "what is given to listen() of MPTCP sockets is not known",
        ..USUAL
    },
];
