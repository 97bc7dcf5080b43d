//! A SYN meets a listener: the stage `syn`.

use ebpf_probes::Reason;

use super::{Entry, Outcome};

/// The rows.
pub(super) const ROWS: &[Entry] = &[
    Entry {
        reason: Reason::AcceptQueueFullSyn,
        slug: "accept-queue-full-syn",
        outcome: Some(Outcome::Silent),
        headline: "SYN met a full accept queue",
        what_happened: "A new connection was asked for while more finished ones than the limit \
            allows waited for accept(), so the kernel threw the SYN away, with SYN cookies too.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all",
        client: super::SILENCE,
        remedy: "Find out why accept() is not called often enough; a longer queue only delays \
            this.",
    },
    Entry {
        reason: Reason::SynQueueFull,
        slug: "syn-queue-full",
        outcome: Some(Outcome::Silent),
        headline: "SYN met a full SYN queue, SYN cookies being off",
        what_happened: "As many handshakes as the listener's backlog allows were unfinished, and \
            net.ipv4.tcp_syncookies is 0 (or the kernel has no SYN cookies), so the kernel threw \
            the SYN away.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all; full means backlog reached up to about 5.4.289, 5.10.233, 5.15.176, \
            6.1.124, 6.6.71 and 6.12.9, later backlog exceeded",
        client: super::SILENCE,
        remedy: "Set net.ipv4.tcp_syncookies=1 (cookies cost TCP options), or give listen() more \
            backlog.",
    },
    Entry {
        reason: Reason::SynBacklogReserved,
        slug: "syn-backlog-reserved",
        outcome: Some(Outcome::Silent),
        headline: "SYN of an unproven client met the reserved quarter",
        what_happened: "SYN cookies are off and less than a quarter of \
            net.ipv4.tcp_max_syn_backlog was left. That quarter is kept for clients that this \
            host has connection metrics of.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all",
        client: super::SILENCE,
        remedy: "Set net.ipv4.tcp_syncookies=1 (cookies cost TCP options), or raise \
            tcp_max_syn_backlog.",
    },
    Entry {
        reason: Reason::SynDstNotUnicast,
        slug: "syn-dst-not-unicast",
        outcome: Some(Outcome::Silent),
        headline: "SYN to a broadcast or multicast address",
        what_happened: "TCP connects two hosts, so a SYN to a broadcast or multicast address of \
            this host is thrown away before anything else is tested.",
        site: "tcp_v4_conn_request, tcp_v6_conn_request (net/ipv4/tcp_ipv4.c, \
            net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "No answer, however often the SYN is repeated.",
        remedy: "Look at the peer: a wrong netmask or address there, or a scan; nothing to tune \
            here.",
    },
    Entry {
        reason: Reason::SynV4MappedSource,
        slug: "syn-v4mapped-source",
        outcome: Some(Outcome::Silent),
        headline: "IPv6 SYN whose source is a v4-mapped address",
        what_happened: "An IPv6 packet claimed to come from ::ffff:a.b.c.d, an address that must \
            not be on the wire, so the kernel threw the SYN away; Ip6InHdrErrors counts it.",
        site: "tcp_v6_conn_request (net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "No answer, however often the SYN is repeated.",
        remedy: "Look for a broken translator on the way, or a forger; a firewall may drop it \
            sooner.",
    },
    Entry {
        reason: Reason::SynNomem,
        slug: "syn-nomem",
        outcome: Some(Outcome::Silent),
        headline: "no memory for the half-open request of a SYN",
        what_happened: "The kernel found no memory for a request in the SYN queue, or the \
            listener was closed at this very moment.",
        site: "inet_reqsk_alloc, from tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all",
        client: super::SILENCE,
        remedy: "Find what uses the memory: MemAvailable, and the request_sock_TCP slabs in \
            slabtop.",
    },
    Entry {
        reason: Reason::SynLsmDenied,
        slug: "syn-lsm-denied",
        outcome: Some(Outcome::Silent),
        headline: "security module refused the SYN",
        what_happened: "The hook inet_conn_request of a security module (SELinux, Smack, a BPF \
            LSM program) returned an error for this peer.",
        site: "security_inet_conn_request (security/security.c), from tcp_conn_request",
        kernels: "all; 5.10 calls it from tcp_conn_request itself, 6.1 and later from route_req",
        client: super::SILENCE,
        remedy: "Read the module's audit log; allow the peer there if it is meant to get in.",
    },
    Entry {
        reason: Reason::SynNoRoute,
        slug: "syn-no-route",
        outcome: Some(Outcome::Silent),
        headline: "no route leads back to the client of a SYN",
        what_happened: "The SYN-ACK would have had no way back: no route to the client, or one \
            that forbids it. Ip OutNoRoutes counts it too.",
        site: "inet_csk_route_req, inet6_csk_route_req (net/ipv4/inet_connection_sock.c, \
            net/ipv6/inet6_connection_sock.c)",
        kernels: "all",
        client: super::SILENCE,
        remedy: "Look at `ip route get CLIENT from LOCAL`: a missing route, a rule, or a forged \
            source.",
    },
    Entry {
        reason: Reason::SynMptcpReject,
        slug: "syn-mptcp-reject",
        outcome: Some(Outcome::Reset),
        headline: "MPTCP refused the SYN: unknown token, wrong port",
        what_happened: "The SYN wanted to join an MPTCP connection that is not known here, or \
            came to a port that takes no joins, or met a listener that cannot speak MPTCP to it. \
            It counts in MPTcpExt as well.",
        site: "subflow_check_req (net/mptcp/subflow.c)",
        kernels: "those with MPTCP; seen from 6.1 on",
        client: "A reset; silence where a SYN cookie would have been needed.",
        remedy: "See `nstat -z | grep MPTcpExt` for which; the join's connection may have ended \
            already.",
    },
    Entry {
        reason: Reason::SynDupRequestRace,
        slug: "syn-dup-request-race",
        outcome: Some(Outcome::Silent),
        headline: "another CPU queued the same SYN first",
        what_happened: "Two copies of one SYN were processed on two CPUs at the same moment; one \
            request was queued, the other thrown away. No counter moves.",
        site: "inet_csk_reqsk_queue_hash_add, from tcp_conn_request",
        kernels: "about 6.10 on, and stable kernels that took it over; before that both requests \
            are queued",
        client: "Nothing: the other copy is answered.",
        remedy: "Nothing is lost; a network that doubles packets is worth a look.",
    },
    Entry {
        reason: Reason::SynTfoListenerClosing,
        slug: "syn-tfo-listener-closing",
        outcome: Some(Outcome::Reset),
        headline: "listener closed while a Fast Open connection was made",
        what_happened: "A Fast Open SYN had made its connection already when the listener left \
            LISTEN, so that it could not be queued for accept().",
        site: "inet_csk_reqsk_queue_add, from tcp_conn_request",
        kernels: "all",
        client: "A SYN-ACK, and a reset right after it.",
        remedy: "It happens while a service restarts; hand the listening socket over instead of \
            closing it.",
    },
    Entry {
        reason: Reason::SynRetransmitRatelimited,
        slug: "syn-retransmit-ratelimited",
        outcome: Some(Outcome::Silent),
        headline: "repeated SYN came too soon to be answered again",
        what_happened: "The client repeated its SYN less than net.ipv4.tcp_invalid_ratelimit (500 \
            ms) after an answer that was not due, so the SYN-ACK was not repeated. The request \
            lives on.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "No answer to this copy; the SYN-ACK comes again by its own timer.",
        remedy: "Nothing to do; tcp_invalid_ratelimit=0 would answer each, at the price of an \
            amplifier.",
    },
];
