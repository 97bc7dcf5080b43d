//! A half-open request ends otherwise: the stage `request`.

use ebpf_probes::Reason;

use super::{Entry, Outcome};

/// The rows.
pub(super) const ROWS: &[Entry] = &[
    Entry {
        reason: Reason::RequestClientRst,
        slug: "request-client-rst",
        outcome: Some(Outcome::Silent),
        headline: "client reset its half-open request",
        what_happened: "A reset of the right number ended the half-open request. The kernel \
            refused nothing: the client, or something on the way, gave up.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all; where rst-inexact does not exist, any reset in the window",
        client: "It sent the reset.",
        remedy: "A client that times out, a scanner, or a load balancer's health check; look at \
            the peers.",
    },
    Entry {
        reason: Reason::RequestBadSyn,
        slug: "request-bad-syn",
        outcome: Some(Outcome::Reset),
        headline: "another SYN in the window ended the request",
        what_happened: "A SYN with another number than the first came for a half-open request and \
            lay in its window, so the kernel resets and forgets the request.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "A reset; if it was a new attempt from the same port, the next SYN gets in.",
        remedy: "A client that reuses its port at once, or NAT that does: widen its range of \
            ports.",
    },
    Entry {
        reason: Reason::RequestListenerGone,
        slug: "request-listener-gone",
        outcome: Some(Outcome::Silent),
        headline: "half-open request's timer found its listener closed",
        what_happened: "The half-open request outlived its listener, and no other listener of a \
            SO_REUSEPORT group could take it when its timer fired.",
        site: "reqsk_timer_handler (net/ipv4/inet_connection_sock.c)",
        kernels: "all; other listeners are asked from 5.14 on",
        client: "Silence; a reset if it still sends something.",
        remedy: "It happens while a service restarts; hand the socket over, or set \
            tcp_migrate_req=1.",
    },
    Entry {
        reason: Reason::RequestIcmpError,
        slug: "request-icmp-error",
        outcome: Some(Outcome::Silent),
        headline: "ICMP error ended a half-open request",
        what_happened: "An ICMP error that names the SYN-ACK came back: host or network \
            unreachable, time exceeded, a parameter problem.",
        site: "tcp_req_err (net/ipv4/tcp_ipv4.c)",
        kernels: "all",
        client: "Silence, if it exists at all.",
        remedy: "The SYN-ACK does not reach the client: a forged source, a firewall, or a lost \
            route.",
    },
    Entry {
        reason: Reason::RequestDestroyed,
        slug: "request-destroyed",
        outcome: Some(Outcome::Silent),
        headline: "half-open request was destroyed on demand",
        what_happened: "Somebody with the right to do so destroyed the request: `ss -K`, or a BPF \
            program that calls bpf_sock_destroy.",
        site: "tcp_abort (net/ipv4/tcp.c)",
        kernels: "all",
        client: "Silence; a reset if it still sends something.",
        remedy: "Find out who runs ss -K or such a BPF program.",
    },
    Entry {
        reason: Reason::RequestNetnsExit,
        slug: "request-netns-exit",
        outcome: Some(Outcome::Silent),
        headline: "half-open request ended with its namespace",
        what_happened: "The network namespace was torn down, mostly because its container ended, \
            while the request waited.",
        site: "inet_twsk_purge (net/ipv4/inet_timewait_sock.c)",
        kernels: "all",
        client: "Silence.",
        remedy: "Let a container drain its connections before it is stopped.",
    },
    Entry {
        reason: Reason::ChildNotAccepted,
        slug: "child-not-accepted",
        outcome: Some(Outcome::Reset),
        headline: "listener closed with the connection still unaccepted",
        what_happened: "The connection was finished and waited for accept() when the listener was \
            closed, so it is reset. Tcp OutRsts and EstabResets count it.",
        site: "inet_csk_listen_stop (net/ipv4/inet_connection_sock.c)",
        kernels: "all",
        client: "connect() succeeded; the connection is reset, maybe with a request sent already.",
        remedy: "Call accept() until the queue is empty before closing, or set \
            net.ipv4.tcp_migrate_req=1.",
    },
];
