//! The third packet has no request and may carry a SYN cookie: the stage `cookie-ack`.

use ebpf_probes::Reason;

use super::{Entry, Outcome};

/// The rows.
pub(super) const ROWS: &[Entry] = &[
    Entry {
        reason: Reason::StrayAck,
        slug: "stray-ack",
        outcome: Some(Outcome::Reset),
        headline: "packet for no connection and no request",
        what_happened: "A packet came that belongs to no connection and to no half-open request, \
            and as SYN cookies are off, or it has no ACK flag or is a reset, it was not even \
            tried as a cookie.",
        site: "cookie_v4_check, cookie_v6_check (net/ipv4/syncookies.c, net/ipv6/syncookies.c)",
        kernels: "all",
        client: "A reset; silence if the packet was a reset itself or had no ACK flag.",
        remedy: "Mostly clients of requests that expired or were refused; look for what came \
            earlier.",
    },
    Entry {
        reason: Reason::CookieAckNoOverflow,
        slug: "cookie-ack-no-overflow",
        outcome: Some(Outcome::Reset),
        headline: "ACK for no request, no cookie having been sent lately",
        what_happened: "An ACK without a request came while this listener (or its SO_REUSEPORT \
            group) had sent no SYN cookie in the last two minutes, so it cannot be one.",
        site: "cookie_v4_check, cookie_v6_check (net/ipv4/syncookies.c, net/ipv6/syncookies.c)",
        kernels: "all",
        client: "A reset.",
        remedy: "Mostly clients of requests that expired or were refused; look for what came \
            earlier.",
    },
    Entry {
        reason: Reason::CookieAckInvalid,
        slug: "cookie-ack-invalid",
        outcome: Some(Outcome::Reset),
        headline: "ACK whose cookie is wrong or too old",
        what_happened: "The number that the ACK acknowledges is no cookie of this host, or one \
            that is older than one to two minutes.",
        site: "__cookie_v4_check, __cookie_v6_check, from cookie_v4_check, cookie_v6_check",
        kernels: "all",
        client: "A reset.",
        remedy: "A late or forged ACK; hosts behind one address that share no cookie key look the \
            same.",
    },
    Entry {
        reason: Reason::CookieAckTsBad,
        slug: "cookie-ack-ts-bad",
        outcome: Some(Outcome::Reset),
        headline: "cookie asks for TCP options that are off by now",
        what_happened: "The cookie's timestamp says that timestamps, SACK or window scaling were \
            agreed on, and the sysctl of one was turned off since.",
        site: "cookie_v4_check, cookie_v6_check (net/ipv4/syncookies.c, net/ipv6/syncookies.c)",
        kernels: "all",
        client: "A reset.",
        remedy: "Do not turn off tcp_sack, tcp_window_scaling or tcp_timestamps under a SYN \
            flood.",
    },
    Entry {
        reason: Reason::CookieAckNomem,
        slug: "cookie-ack-nomem",
        outcome: Some(Outcome::Silent),
        headline: "no memory for the request of a cookie",
        what_happened: "The cookie was good, but there was no memory for the request that it \
            stands for, or its MPTCP state was gone.",
        site: "cookie_tcp_reqsk_alloc, inet_reqsk_alloc, from cookie_v4_check, cookie_v6_check",
        kernels: "all",
        client: "It believes that it is connected; its data is repeated, and reset once the \
            cookie is too old.",
        remedy: "Find what uses the memory: MemAvailable, and the request_sock_TCP slabs in \
            slabtop.",
    },
    Entry {
        reason: Reason::CookieAckLsm,
        slug: "cookie-ack-lsm",
        outcome: Some(Outcome::Silent),
        headline: "security module refused a cookie's connection",
        what_happened: "The cookie was good, but the hook inet_conn_request of a security module \
            returned an error for this peer.",
        site: "security_inet_conn_request, from cookie_v4_check, cookie_v6_check",
        kernels: "all",
        client: "It believes that it is connected; its data is repeated, and reset once the \
            cookie is too old.",
        remedy: "Read the module's audit log; allow the peer there if it is meant to get in.",
    },
    Entry {
        reason: Reason::CookieAckNoRoute,
        slug: "cookie-ack-no-route",
        outcome: Some(Outcome::Silent),
        headline: "no route leads to the client of a cookie",
        what_happened: "The cookie was good, but no route to the client was found.",
        site: "cookie_v4_check, cookie_v6_check (net/ipv4/syncookies.c, net/ipv6/syncookies.c)",
        kernels: "all",
        client: "It believes that it is connected; its data is repeated, and reset once the \
            cookie is too old.",
        remedy: "Look at `ip route get CLIENT from LOCAL`: a missing route, a rule, or a forged \
            source.",
    },
    Entry {
        reason: Reason::CookieAckAcceptQueueFull,
        slug: "cookie-ack-accept-queue-full",
        outcome: Some(Outcome::Silent),
        headline: "good cookie met a full accept queue",
        what_happened: "The handshake was complete by a SYN cookie but the accept queue was full, \
            so the kernel forgot it: there is no request that could be answered again.",
        site: "tcp_v4_syn_recv_sock, tcp_v6_syn_recv_sock (net/ipv4/tcp_ipv4.c, \
            net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "It believes that it is connected and no SYN-ACK comes again; its data is \
            repeated until the cookie is too old, then reset.",
        remedy: "Find out why accept() is not called often enough; a longer queue only delays \
            this.",
    },
    Entry {
        reason: Reason::CookieAckChildFailed,
        slug: "cookie-ack-child-failed",
        outcome: Some(Outcome::Silent),
        headline: "connection of a good cookie could not be made",
        what_happened: "The cookie was good, but there was no memory, no route, no port entry or \
            no key for the connection.",
        site: "tcp_v4_syn_recv_sock, tcp_v6_syn_recv_sock (net/ipv4/tcp_ipv4.c, \
            net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "It believes that it is connected; its data is repeated, and reset once the \
            cookie is too old.",
        remedy: "Find what uses the memory, and look at `ip route get CLIENT`; it is one of the \
            two mostly.",
    },
    Entry {
        reason: Reason::CookieAckDupChild,
        slug: "cookie-ack-dup-child",
        outcome: None,
        headline: "connection of a good cookie was there already",
        what_happened: "Two packets with one cookie were processed at the same moment; the other \
            made the connection, this one was thrown away.",
        site: "inet_ehash_nolisten, from syn_recv_sock",
        kernels: "all",
        client: "Nothing: the other packet's connection serves it.",
        remedy: "Nothing is lost.",
    },
    Entry {
        reason: Reason::CookieAckListenerClosing,
        slug: "cookie-ack-listener-closing",
        outcome: None,
        headline: "listener closed while a cookie was processed",
        what_happened: "The cookie was good and its connection made, but when it was to be queued \
            for accept() the listener had left LISTEN.",
        site: "inet_csk_reqsk_queue_add, from tcp_get_cookie_sock (net/ipv4/syncookies.c)",
        kernels: "all",
        client: "connect() succeeds. Over IPv6 the connection is reset right after; over IPv4 the \
            kernel does not know yet where to send the reset, so that the client's data gets it.",
        remedy: "It happens while a service restarts; hand the listening socket over instead of \
            closing it.",
    },
];
