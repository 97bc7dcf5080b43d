//! What people use today, as Debian packages it.

use super::{Contender, NOTHING, Origin};

const BPFTRACE: Contender = Contender {
    origin: Origin::Package("bpftrace"),
    ready: "Tracing",
    lost: &[("Lost ", " events")],
    // What a script asks for beyond the usual 64 pages is not what is compared here.
    ..NOTHING
};

/// Which queue a SYN met, told from the queues' lengths. It can only be guessed: that of the SYN
/// queue was `>=` in some kernels, and a SYN may be dropped for another reason meanwhile.
macro_rules! guess {
    () => {
        r#"$why = 0;
           if ($sk->sk_ack_backlog > $sk->sk_max_ack_backlog) { $why = 1; }
           $icsk = (struct inet_connection_sock *)$sk;
           if ($icsk->icsk_accept_queue.qlen.counter > $sk->sk_max_ack_backlog) { $why += 2; }
        "#
    };
}

/// A line as syndrop writes it: who, where, why, both queues.
macro_rules! tell {
    () => {
        r#"$iph = (struct iphdr *)($skb->head + $skb->network_header);
           $tcph = (struct tcphdr *)($skb->head + $skb->transport_header);
           time("%H:%M:%S ");
           printf("%s:%d %d why=%d %d>%d %d/%d\n", ntop($iph->saddr), bswap($tcph->source),
               $sk->__sk_common.skc_num, $why, $sk->sk_ack_backlog, $sk->sk_max_ack_backlog,
               $icsk->icsk_accept_queue.qlen.counter, $sk->sk_max_ack_backlog);
        "#
    };
}

macro_rules! count {
    () => {
        "@drops[$sk->__sk_common.skc_num, $why] = count();"
    };
}

/// A script that knows a drop by the socket's count of drops, before the call and after it.
macro_rules! kprobes {
    ($then:expr) => {
        concat!(
            r#"BEGIN { printf("Tracing\n"); }
            kprobe:tcp_conn_request {
                $sk = (struct sock *)arg2;
                @sk[cpu] = arg2; @skb[cpu] = arg3; @was[cpu] = $sk->sk_drops.counter;
            }
            kretprobe:tcp_conn_request {
                $sk = (struct sock *)@sk[cpu]; $skb = (struct sk_buff *)@skb[cpu];
                if ($sk->sk_drops.counter != @was[cpu]) {"#,
            guess!(),
            $then,
            "} } END { clear(@sk); clear(@skb); clear(@was); }"
        )
    };
}

/// The same without a table for what the call was given.
macro_rules! fentries {
    ($then:expr) => {
        concat!(
            r#"BEGIN { printf("Tracing\n"); }
            fentry:tcp_conn_request { @was[cpu] = args.sk->sk_drops.counter; }
            fexit:tcp_conn_request {
                $sk = args.sk; $skb = args.skb;
                if ($sk->sk_drops.counter != @was[cpu]) {"#,
            guess!(),
            $then,
            "} } END { clear(@was); }"
        )
    };
}

/// A script that believes the queues' lengths when a SYN comes.
macro_rules! believer {
    ($then:expr) => {
        concat!(
            r#"BEGIN { printf("Tracing\n"); } fentry:tcp_conn_request { $sk = args.sk;"#,
            guess!(),
            "if ($why > 0) {",
            $then,
            "} }"
        )
    };
}

const SYN: &str = "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn";

pub(super) const ROWS: &[Contender] = &[
    Contender {
        name: "bpftrace, fentry, counts on a guess",
        note: "SYNs only, counted as dropped where a queue is full when they come",
        argv: &["/usr/bin/bpftrace", "-e", believer!(count!())],
        ..BPFTRACE
    },
    Contender {
        name: "bpftrace, fentry and fexit, counts",
        note: "SYNs only, the reason guessed",
        argv: &["/usr/bin/bpftrace", "-e", fentries!(count!())],
        ..BPFTRACE
    },
    Contender {
        name: "bpftrace, kprobe and kretprobe, counts",
        note: "SYNs only, the reason guessed",
        argv: &["/usr/bin/bpftrace", "-e", kprobes!(count!())],
        ..BPFTRACE
    },
    Contender {
        name: "bpftrace, fentry and fexit, a line each",
        note: "SYNs only, the reason guessed",
        argv: &["/usr/bin/bpftrace", "-e", fentries!(tell!())],
        ..BPFTRACE
    },
    Contender {
        name: "bpftrace, kprobe and kretprobe, a line each",
        note: "SYNs only, the reason guessed",
        argv: &["/usr/bin/bpftrace", "-e", kprobes!(tell!())],
        ..BPFTRACE
    },
    Contender {
        name: "tcpdrop.bt",
        note: "sees no dropped SYN: the kernel gives no reason for them",
        argv: &["/usr/bin/bpftrace", "/usr/sbin/tcpdrop.bt"],
        ..BPFTRACE
    },
    Contender {
        name: "tcpsynbl.bt",
        note: "sees the accept queue when the last ACK comes, no dropped SYN",
        argv: &["/usr/bin/bpftrace", "/usr/sbin/tcpsynbl.bt"],
        ..BPFTRACE
    },
    Contender {
        name: "tcpdrop of bcc",
        note: "sees no dropped SYN: the kernel gives no reason for them",
        origin: Origin::Scripts("bpfcc-tools"),
        argv: &["/usr/bin/python3", "-u", "/usr/sbin/tcpdrop-bpfcc"],
        ready: "SADDR:SPORT",
        lost: &[("Possibly lost ", " samples")],
        ..NOTHING
    },
    Contender {
        name: "tcpsynbl of bcc",
        note: "sees the accept queue when the last ACK comes, no dropped SYN",
        origin: Origin::Scripts("bpfcc-tools"),
        argv: &["/usr/bin/python3", "-u", "/usr/sbin/tcpsynbl-bpfcc"],
        ready: "Tracing",
        ..NOTHING
    },
    Contender {
        name: "tcpdrop of libbpf-tools",
        note: "the package libbpf-tools has no such program",
        origin: Origin::Nowhere,
        ..NOTHING
    },
    Contender {
        name: "tcpsynbl of libbpf-tools",
        note: "sees the accept queue when the last ACK comes, no dropped SYN",
        origin: Origin::Package("libbpf-tools"),
        argv: &["/usr/sbin/tcpsynbl-libbpf"],
        ..NOTHING
    },
    Contender {
        name: "tcpdump -w",
        note: "every SYN, dropped or not; nothing of queues or reasons",
        origin: Origin::Package("tcpdump"),
        argv: &["/usr/bin/tcpdump", "-Z", "root", "-i", "lo", "-w", "/tmp/dump", SYN],
        ready: "listening on",
        lost: &[("", " packets dropped by kernel")],
        ..NOTHING
    },
    Contender {
        name: "tcpdump",
        note: "a line for every SYN, dropped or not; nothing of queues or reasons",
        origin: Origin::Package("tcpdump"),
        argv: &["/usr/bin/tcpdump", "-Z", "root", "-n", "-i", "lo", SYN],
        ready: "listening on",
        lost: &[("", " packets dropped by kernel")],
        ..NOTHING
    },
    Contender {
        name: "pwru",
        note: "every function that a SYN passes, from which the reason may be read",
        origin: Origin::Package("pwru"),
        argv: &["/usr/bin/pwru", SYN],
        ready: "Listening for events",
        restless: true,
        share: 50,
        ..NOTHING
    },
];
