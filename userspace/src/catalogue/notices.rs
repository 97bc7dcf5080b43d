//! What is worth counting and refuses nothing: the notices. `remedy` says what each means.

use ebpf_probes::Reason;

use super::{Entry, Outcome};

/// The rows.
pub(super) const ROWS: &[Entry] = &[
    Entry {
        reason: Reason::CookieSent,
        slug: "cookie-sent",
        outcome: None,
        headline: "SYN was answered by a cookie",
        what_happened: "The SYN queue was full, or net.ipv4.tcp_syncookies is 2, so the SYN was \
            answered by a SYN cookie and no request was kept.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all",
        client: "A SYN-ACK like any other; without timestamps the connection lacks window scaling \
            and SACK.",
        remedy: "Nothing is lost yet; many of them mean a SYN flood or more clients than the \
            backlog holds.",
    },
    Entry {
        reason: Reason::SynackSendFailed,
        slug: "synack-send-failed",
        outcome: Some(Outcome::Silent),
        headline: "SYN-ACK could not be sent",
        what_happened: "The SYN was taken, but its answer could not be sent: no memory, no route, \
            a full or dropping queue. The request stays and its timer tries again; a cookie is \
            lost.",
        site: "tcp_v4_send_synack, tcp_v6_send_synack (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "No answer for now.",
        remedy: "Look at `tc -s qdisc`, OUTPUT rules and the route to the client; it delays \
            connections.",
    },
    Entry {
        reason: Reason::SynRetransmit,
        slug: "syn-retransmit",
        outcome: Some(Outcome::SynAckAgain),
        headline: "repeated SYN was answered again",
        what_happened: "A client repeated its SYN although a request waits for it, so the SYN-ACK \
            was sent again.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "The SYN-ACK again.",
        remedy: "SYN-ACKs get lost on their way, or take longer than a second: look at the path.",
    },
    Entry {
        reason: Reason::AckLostRace,
        slug: "ack-lost-race",
        outcome: None,
        headline: "another CPU finished the same request first",
        what_happened: "Two packets finished one handshake on two CPUs at the same moment; this \
            one is handed to the connection that the other made.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "Nothing.",
        remedy: "Nothing is lost: the packet is looked up again and finds the connection.",
    },
    Entry {
        reason: Reason::SynackRetransmit,
        slug: "synack-retransmit",
        outcome: Some(Outcome::SynAckAgain),
        headline: "request's timer repeated the SYN-ACK",
        what_happened: "No ACK came in time (1 s, doubled each time), or none that could be \
            taken, so the SYN-ACK was sent again.",
        site: "tcp_rtx_synack, from reqsk_timer_handler (net/ipv4/inet_connection_sock.c)",
        kernels: "all",
        client: "The SYN-ACK again.",
        remedy: "Clients do not answer: packet loss, a SYN flood, or ACKs that a full accept \
            queue ignored.",
    },
    Entry {
        reason: Reason::RequestExpired,
        slug: "request-expired",
        outcome: Some(Outcome::Silent),
        headline: "half-open request ended after the last SYN-ACK",
        what_happened: "The client did not finish its handshake after net.ipv4.tcp_synack_retries \
            (5: 63 s) SYN-ACKs; as few as 2 are sent while the SYN queue is more than half full \
            of old requests.",
        site: "reqsk_timer_handler (net/ipv4/inet_connection_sock.c)",
        kernels: "all",
        client: "Silence; a reset if it still sends something.",
        remedy: "Clients that vanished, or a SYN flood; after refused ACKs these are the clients \
            that lost.",
    },
    Entry {
        reason: Reason::RequestSynackRtxFailed,
        slug: "request-synack-rtx-failed",
        outcome: Some(Outcome::Silent),
        headline: "request ended as its SYN-ACK could not be repeated",
        what_happened: "The timer tried to repeat the SYN-ACK and failed, for want of a route or \
            of memory, so the request ended at once, at its first timeout.",
        site: "reqsk_timer_handler (net/ipv4/inet_connection_sock.c)",
        kernels: "all",
        client: "Silence.",
        remedy: "Look at the route to the client and at memory; its connection is lost.",
    },
    Entry {
        reason: Reason::RequestMigrated,
        slug: "request-migrated",
        outcome: None,
        headline: "request moved to another listener of its group",
        what_happened: "The listener was closed and another one of its SO_REUSEPORT group took \
            over the half-open request.",
        site: "inet_reqsk_clone (net/ipv4/inet_connection_sock.c)",
        kernels: "5.14 on",
        client: "Nothing.",
        remedy: "That is what net.ipv4.tcp_migrate_req=1, or a BPF program of the group, is for.",
    },
    Entry {
        reason: Reason::TfoChild,
        slug: "tfo-child",
        outcome: None,
        headline: "Fast Open SYN made a connection at once",
        what_happened: "The SYN carried a good Fast Open cookie, so its connection went to the \
            accept queue without waiting for the last ACK.",
        site: "tcp_try_fastopen (net/ipv4/tcp_fastopen.c)",
        kernels: "all",
        client: "A SYN-ACK that acknowledges its data.",
        remedy: "Fast Open works; such connections fill the accept queue one round trip earlier.",
    },
    Entry {
        reason: Reason::TfoQueueFull,
        slug: "tfo-queue-full",
        outcome: None,
        headline: "Fast Open SYN met a full Fast Open queue",
        what_happened: "More Fast Open connections than the listener's TCP_FASTOPEN option allows \
            were unfinished, so the SYN took the usual way. TCPFastOpenListenOverflow counts it.",
        site: "tcp_try_fastopen (net/ipv4/tcp_fastopen.c)",
        kernels: "all",
        client: "A usual SYN-ACK; it sends its data again.",
        remedy: "Nothing is lost but a round trip; a larger TCP_FASTOPEN value costs memory under \
            a flood.",
    },
    Entry {
        reason: Reason::TfoChildFailed,
        slug: "tfo-child-failed",
        outcome: None,
        headline: "Fast Open connection could not be made",
        what_happened: "The connection of a Fast Open SYN could not be made, so the SYN took the \
            usual way. The kernel counts it as a dropped SYN although it is answered.",
        site: "tcp_try_fastopen (net/ipv4/tcp_fastopen.c)",
        kernels: "all",
        client: "A usual SYN-ACK; it sends its data again.",
        remedy: "ListenDrops moved and nothing is lost; a full accept queue or missing memory is \
            behind it.",
    },
    Entry {
        reason: Reason::Accepted,
        slug: "accepted",
        outcome: None,
        headline: "application accepted a connection",
        what_happened: "accept() took a connection out of the accept queue.",
        site: "inet_csk_accept (net/ipv4/inet_connection_sock.c)",
        kernels: "all",
        client: "Nothing.",
        remedy: "How fast the application accepts; one event per connection, so ask for it with a \
            filter.",
    },
    Entry {
        reason: Reason::ClientRecovered,
        slug: "client-recovered",
        outcome: None,
        headline: "refused client got in after all",
        what_happened: "A connection that had been refused was finished. The event says how often \
            it was refused, and how long it took from the first time.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "connect() or its first request took that much longer.",
        remedy: "What the incident cost this client: the seconds it waited.",
    },
    Entry {
        reason: Reason::ClientGone,
        slug: "client-gone",
        outcome: None,
        headline: "refused client gave up, or was reset",
        what_happened: "A connection that had been refused got in neither by a repeated SYN nor \
            by a repeated ACK: twice the time went by in which the next was due, or it was reset \
            or its request ended. The event says how long it had been trying.",
        site: "none: syndrop itself finds that nothing more comes",
        kernels: "all",
        client: "connect() failed, or the connection hung or was reset.",
        remedy: "What the incident cost: this connection is lost.",
    },
];
