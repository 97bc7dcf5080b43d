//! Dropped before the listener's code, or where only a probe on every packet shows it.

use ebpf_probes::Reason;

use super::{Entry, Outcome};

/// The rows.
pub(super) const ROWS: &[Entry] = &[
    Entry {
        reason: Reason::SynAuthOptionBad,
        slug: "syn-auth-option-bad",
        outcome: Some(Outcome::Silent),
        headline: "SYN with malformed or doubled MD5 and TCP-AO options",
        what_happened: "The SYN carried both an MD5 and a TCP-AO signature, or a malformed one. \
            Most such packets are refused earlier, as pre-md5-ao.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "those with CONFIG_TCP_AO (6.7 or later)",
        client: super::SILENCE,
        remedy: "Set one kind of signature at the peer; tools that forge both are scanners.",
    },
    Entry {
        reason: Reason::SynFin,
        slug: "syn-fin",
        outcome: Some(Outcome::Silent),
        headline: "SYN with the FIN flag",
        what_happened: "A SYN that also asks to end the connection is thrown away by a listener.",
        site: "tcp_rcv_state_process (net/ipv4/tcp_input.c)",
        kernels: "all",
        client: "No answer.",
        remedy: "No TCP sends this: a scan; a firewall may drop it sooner.",
    },
    Entry {
        reason: Reason::PreXfrmPolicy,
        slug: "pre-xfrm-policy",
        outcome: Some(Outcome::Silent),
        headline: "IPsec policy refused the packet",
        what_happened: "The packet does not satisfy the IPsec policy for the listener: it came in \
            the clear where it must be encrypted, or the other way round. The Xfrm counters tell \
            which.",
        site: "__xfrm_policy_check, from tcp_v4_rcv, tcp_v6_rcv",
        kernels: "all",
        client: "No answer: connect() hangs.",
        remedy: "Compare `ip xfrm policy` of both ends; see `nstat -z | grep Xfrm`.",
    },
    Entry {
        reason: Reason::PreMd5Ao,
        slug: "pre-md5-ao",
        outcome: Some(Outcome::Silent),
        headline: "MD5 or TCP-AO signature missing, unexpected or wrong",
        what_happened: "The listener has a key for this peer and the packet no valid signature, \
            or it has a signature that no key was set for. TCPMD5NotFound, TCPMD5Unexpected, \
            TCPMD5Failure and TCPAO* tell which. From 6.7 on it may also have several signatures, \
            or malformed TCP options of any kind: that moves none of them.",
        site: "tcp_inbound_hash, tcp_inbound_md5_hash, tcp_v4_inbound_md5_hash",
        kernels: "all, by names that differ; TCP-AO from 6.7 on",
        client: "No answer: connect() hangs.",
        remedy: "Compare the keys of both ends (BGP sessions mostly), and when each was changed.",
    },
    Entry {
        reason: Reason::PreSocketFilter,
        slug: "pre-socket-filter",
        outcome: Some(Outcome::Silent),
        headline: "filter, cgroup program or security module refused it",
        what_happened: "A socket filter (SO_ATTACH_FILTER), a BPF program of the cgroup (as of \
            systemd's IPAddressDeny=) or a security module refused the packet, or only memory \
            reserves were left for it.",
        site: "sk_filter_trim_cap (net/core/filter.c)",
        kernels: "all",
        client: "No answer: connect() hangs.",
        remedy: "See `bpftool cgroup tree`, the unit's IPAddressDeny=, and `ss -be` for filters.",
    },
    Entry {
        reason: Reason::PreMinTtl,
        slug: "pre-min-ttl",
        outcome: Some(Outcome::Silent),
        headline: "TTL below the listener's minimum",
        what_happened: "The listener asked by IP_MINTTL or IPV6_MINHOPCOUNT for packets from near \
            by, and this one came from farther away. TCPMinTTLDrop counts it.",
        site: "tcp_v4_rcv, tcp_v6_rcv (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "No answer: connect() hangs.",
        remedy: "Meant as protection (BGP's GTSM); lower the minimum if peers are more hops away.",
    },
    Entry {
        reason: Reason::PreCsum,
        slug: "pre-csum",
        outcome: Some(Outcome::Silent),
        headline: "TCP checksum was wrong",
        what_happened: "The packet was damaged on its way, or its sender counts wrongly. Tcp \
            InCsumErrors and InErrs count it.",
        site: "tcp_v4_rcv, tcp_v6_rcv (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        client: "No answer; it repeats the packet.",
        remedy: "Suspect checksum offload of a NIC or tunnel first: `ethtool -K DEV rx off` costs \
            CPU time.",
    },
    Entry {
        reason: Reason::PrePsp,
        slug: "pre-psp",
        outcome: Some(Outcome::Silent),
        headline: "PSP policy refused the packet",
        what_happened: "The packet does not satisfy the PSP encryption that the socket demands. \
            Tcp InErrs counts it.",
        site: "tcp_v4_do_rcv, tcp_v6_do_rcv (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c)",
        kernels: "about 6.18 on",
        client: "No answer.",
        remedy: "Compare the PSP state of both ends.",
    },
    Entry {
        reason: Reason::PreTimewait,
        slug: "pre-timewait",
        outcome: None,
        headline: "SYN met a TIME_WAIT that it could not replace",
        what_happened: "The client reused a port whose last connection still waits in TIME_WAIT \
            here, and its number or timestamp is not newer, so it may be an old duplicate. \
            PAWSTimewait counts some of them from about 6.14 on.",
        site: "tcp_timewait_state_process (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        client: "A bare ACK of the old connection, which it answers by a reset; its next SYN gets \
            in.",
        remedy: "Let clients use more ports and timestamps; NAT that mixes hosts behind one port \
            causes it.",
    },
];
