//! The third packet meets its request in the SYN queue: the stage `ack`.

use ebpf_probes::Reason;

use super::{Entry, Outcome};

/// The rows.
pub(super) const ROWS: &[Entry] = &[
    Entry {
        reason: Reason::AcceptQueueFullAck,
        slug: "accept-queue-full-ack",
        outcome: Some(Outcome::Silent),
        headline: "last ACK of a handshake met a full accept queue",
        what_happened: "The handshake was complete but the accept queue was full, so the kernel \
            ignored the ACK and kept the half-open request, to answer again later.",
        site: "tcp_v4_syn_recv_sock, tcp_v6_syn_recv_sock (net/ipv4/tcp_ipv4.c, \
            net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "It believes that it is connected, sends, gets no answer, and may be reset later.",
        remedy: "Find out why accept() is not called often enough; a longer queue only delays \
            this.",
    },
    Entry {
        reason: Reason::AcceptQueueFullAckRst,
        slug: "accept-queue-full-ack-rst",
        outcome: Some(Outcome::Reset),
        headline: "last ACK met a full accept queue and was reset",
        what_happened: "The handshake was complete but the accept queue was full, and \
            net.ipv4.tcp_abort_on_overflow is on, so the kernel reset the connection at once.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "connect() succeeds and the connection is reset right after.",
        remedy: "Find out why accept() is not called often enough; the reset is asked for by \
            sysctl.",
    },
    Entry {
        reason: Reason::AckBadNumber,
        slug: "ack-bad-number",
        outcome: Some(Outcome::Reset),
        headline: "ACK of a number that the SYN-ACK did not have",
        what_happened: "The packet acknowledged something else than the SYN-ACK of its request, \
            so it is answered by a reset; the request lives on.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all; up to 5.10 a reset of a wrong number comes here too",
        client: "A reset.",
        remedy: "An old connection's packet, or a forged one; if many: NAT that reuses ports too \
            soon.",
    },
    Entry {
        reason: Reason::AckPaws,
        slug: "ack-paws",
        outcome: None,
        headline: "packet with a timestamp older than the SYN's",
        what_happened: "The timestamp option went backwards since the SYN (PAWS, RFC 7323), so \
            the packet is taken for an old duplicate.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "A bare ACK, at most one in 500 ms; the request lives on.",
        remedy: "Mostly NAT that mixes hosts' clocks; net.ipv4.tcp_timestamps=0 costs RTT and \
            PAWS itself.",
    },
    Entry {
        reason: Reason::AckTsecr,
        slug: "ack-tsecr",
        outcome: None,
        headline: "packet echoes a time at which no SYN-ACK was sent",
        what_happened: "The echoed timestamp lies outside of those that the SYN-ACKs of this \
            request carried, so the packet cannot be an answer to one.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "about 6.15 on; earlier ones take such an ACK",
        client: "A bare ACK, at most one in 500 ms; the request lives on.",
        remedy: "A peer or middlebox that does not echo timestamps right; look at it with \
            tcpdump.",
    },
    Entry {
        reason: Reason::AckOutOfWindow,
        slug: "ack-out-of-window",
        outcome: None,
        headline: "packet outside of the request's window",
        what_happened: "The packet's sequence numbers do not fit the window that the SYN-ACK \
            offered.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "A bare ACK, at most one in 500 ms; the request lives on.",
        remedy: "An old duplicate or a forged packet, or a middlebox that rewrites sequence \
            numbers.",
    },
    Entry {
        reason: Reason::RstOutOfWindow,
        slug: "rst-out-of-window",
        outcome: Some(Outcome::Silent),
        headline: "reset outside of the request's window",
        what_happened: "A reset came whose sequence number lies outside of the request's window; \
            it is ignored and the request lives on.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "Nothing.",
        remedy: "Nothing to do; if many: somebody tries to reset connections blindly.",
    },
    Entry {
        reason: Reason::RstInexact,
        slug: "rst-inexact",
        outcome: Some(Outcome::ChallengeAck),
        headline: "reset in the window, but not at its edge",
        what_happened: "A reset must have the very number that is expected next (RFC 5961); this \
            one had another of the window, so the client is asked whether it was meant.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "7.1 on, and some stable kernels (seen in 6.1.192 and 6.12.107); elsewhere such \
            a reset ends the request",
        client: "An ACK, which it answers by an exact reset if it meant it.",
        remedy: "Nothing to do; if many: somebody tries to reset connections blindly.",
    },
    Entry {
        reason: Reason::AckFlagMissing,
        slug: "ack-flag-missing",
        outcome: Some(Outcome::Silent),
        headline: "packet without ACK, RST and SYN",
        what_happened: "A packet for a half-open request had none of the flags that mean anything \
            there; it is ignored and the request lives on.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "No answer.",
        remedy: "No TCP sends this: a scan, or a broken middlebox.",
    },
    Entry {
        reason: Reason::AckDeferred,
        slug: "ack-deferred",
        outcome: Some(Outcome::Silent),
        headline: "bare ACK held back for TCP_DEFER_ACCEPT",
        what_happened: "The listener asked by TCP_DEFER_ACCEPT to be woken only for data, and the \
            handshake's last ACK brought none, so it is thrown away and the request waits on.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "It is connected and hears nothing more; the SYN-ACK comes again near the end of \
            the period.",
        remedy: "Meant by the option; if clients wait for the server to speak first, do not set \
            it.",
    },
    Entry {
        reason: Reason::AckChildNomem,
        slug: "ack-child-nomem",
        outcome: None,
        headline: "no memory for the connection of a last ACK",
        what_happened: "The handshake was complete but there was no memory for the connection's \
            socket.",
        site: "tcp_create_openreq_child, from syn_recv_sock",
        kernels: "all",
        client: "It believes that it is connected and gets no answer; with \
            net.ipv4.tcp_abort_on_overflow=1 it is reset.",
        remedy: "Find what uses the memory: MemAvailable, memory cgroup limits, the TCP slabs in \
            slabtop.",
    },
    Entry {
        reason: Reason::AckChildNoRoute,
        slug: "ack-child-no-route",
        outcome: None,
        headline: "no route leads to the client of a last ACK",
        what_happened: "The handshake was complete but the route to the client was gone, which \
            was there for the SYN-ACK.",
        site: "inet_csk_route_child_sock, inet6_csk_route_req, from syn_recv_sock",
        kernels: "all",
        client: "It believes that it is connected and gets no answer; with \
            net.ipv4.tcp_abort_on_overflow=1 it is reset.",
        remedy: "Look at `ip monitor route` and `ip route get CLIENT`: routes change while \
            clients connect.",
    },
    Entry {
        reason: Reason::AckChildPortInherit,
        slug: "ack-child-port-inherit",
        outcome: None,
        headline: "connection of a last ACK could not take the port",
        what_happened: "The connection shares its listener's port by an entry in the kernel's \
            table of bound ports, and that entry could not be found or made.",
        site: "__inet_inherit_port, from syn_recv_sock",
        kernels: "all",
        client: "It believes that it is connected and gets no answer; with \
            net.ipv4.tcp_abort_on_overflow=1 it is reset.",
        remedy: "Mostly memory, or a transparent proxy whose port is taken: look at both.",
    },
    Entry {
        reason: Reason::AckChildKey,
        slug: "ack-child-key",
        outcome: None,
        headline: "connection of a last ACK could not copy the keys",
        what_happened: "The listener's MD5 or TCP-AO keys for this peer could not be copied to \
            the connection.",
        site: "tcp_md5_key_copy, tcp_ao_copy_all_matching, from syn_recv_sock",
        kernels: "6.12 on; earlier a failed copy of an MD5 key is ignored",
        client: "It believes that it is connected and gets no answer; with \
            net.ipv4.tcp_abort_on_overflow=1 it is reset.",
        remedy: "Mostly memory: net.core.optmem_max bounds keys of a socket; raising it costs \
            that memory.",
    },
    Entry {
        reason: Reason::AckListenerClosing,
        slug: "ack-listener-closing",
        outcome: Some(Outcome::Reset),
        headline: "listener closed while a last ACK was processed",
        what_happened: "The connection was made, but when it was to be queued for accept() the \
            listener had left LISTEN.",
        site: "inet_csk_complete_hashdance (net/ipv4/inet_connection_sock.c)",
        kernels: "all",
        client: "connect() succeeds and the connection is reset right after.",
        remedy: "It happens while a service restarts; hand the socket over, or set \
            tcp_migrate_req=1.",
    },
    Entry {
        reason: Reason::AckMigrateNomem,
        slug: "ack-migrate-nomem",
        outcome: Some(Outcome::Reset),
        headline: "no memory to move a connection to another listener",
        what_happened: "The listener had closed and another of its SO_REUSEPORT group was to take \
            the finished request, but there was no memory for a copy.",
        site: "inet_reqsk_clone, from inet_csk_complete_hashdance",
        kernels: "5.14 on",
        client: "connect() succeeds and the connection is reset right after.",
        remedy: "Find what uses the memory: MemAvailable, and the request_sock_TCP slabs in \
            slabtop.",
    },
    Entry {
        reason: Reason::AckListenerGone,
        slug: "ack-listener-gone",
        outcome: Some(Outcome::Reset),
        headline: "packet for a request whose listener had closed",
        what_happened: "The half-open request outlived its listener, and no other listener of a \
            SO_REUSEPORT group could take it.",
        site: "tcp_v4_rcv, tcp_v6_rcv (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c)",
        kernels: "all; other listeners are asked from 5.14 on",
        client: "A reset.",
        remedy: "It happens while a service restarts; hand the socket over, or set \
            tcp_migrate_req=1.",
    },
];
