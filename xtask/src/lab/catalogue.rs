//! The labs: what each is about, what was published, what is to be learned, and who judges it.

use anyhow::Result;
use serde_json::Value;

use super::judge::{accept, silent, syn, web, workers};
use super::sheet::Sheet;

/// One published experiment.
pub(super) struct Lab {
    /// What is typed.
    pub(super) name: &'static str,
    /// One line.
    pub(super) title: &'static str,
    /// What somebody did, and what they saw.
    pub(super) published: &'static str,
    /// What to take home.
    pub(super) lesson: &'static str,
    pub(super) judge: fn(&Value) -> Result<Sheet>,
}

/// The lab of this name.
pub(super) fn find(name: &str) -> Option<&'static Lab> {
    LABS.iter().find(|lab| lab.name == name)
}

/// All of them, in the order of docs/labs.md: the accept queue, the SYN queue, both under a web
/// server's load.
pub(super) const LABS: &[Lab] = &[
    Lab {
        name: "backlog-plus-one",
        title: "A backlog of 5 holds six connections",
        published: "A C program calls listen() with a backlog of 5 and never accepts. Ten clients \
            connect: six are established and four stay in SYN_SENT. With somaxconn=3 it is four \
            and six.",
        lesson: "The limit is the smaller one of the backlog and somaxconn, and the kernel refuses \
            when the queue is longer than the limit, so it holds one more. The refused client is told \
            nothing: it stays in SYN_SENT and repeats its SYN.",
        judge: accept::backlog_plus_one,
    },
    Lab {
        name: "acceptq-9",
        title: "Ten connections that nobody accepts, one of them outside",
        published: "A python listener with a backlog of 8 never accepts. Of ten connections that are \
            held open nine are established, and one repeats its SYN; ss shows Recv-Q 9 and Send-Q 8 \
            on the listener.",
        lesson: "On a listener Recv-Q is how many connections wait for accept(), and Send-Q is the \
            limit. Recv-Q = Send-Q + 1 is a full queue. A counter counts packets: one client that \
            tries again and again looks like many, unless its packets are told apart. How often it \
            tries is up to its own kernel: after 1, 3, 7 s, and since 6.5 after 1, 2, 3, 4, 5, 7 s.",
        judge: accept::acceptq_9,
    },
    Lab {
        name: "go-noaccept",
        title: "Three fates of a client of a server that does not accept",
        published: "A server listens with a backlog of 5 and never accepts; ten clients connect in \
            parallel and send something. Three pictures in the packets: (1) all is well; (2) the \
            client believes it is connected, its data is sent again and again, and so is the server's \
            SYN-ACK; (3) the client's SYN is never answered.",
        lesson: "A connection is refused at one of two moments. Whoever comes when the queue is full \
            gets no answer to the SYN (3). Whoever was half-open when it filled up has its last ACK \
            ignored (2): to the client the connection is open, to the server it is not. In (1) nobody \
            reads the data either; it only waits in a place that TCP acknowledges.",
        judge: accept::go_noaccept,
    },
    Lab {
        name: "abort-on-overflow",
        title: "The same with tcp_abort_on_overflow=1",
        published: "The same server and clients, with net.ipv4.tcp_abort_on_overflow=1: the client \
            gets a RST.",
        lesson: "The sysctl turns picture (2) into a clear refusal, and only that one: a SYN that meets \
            a full queue is still ignored, so most clients of an overloaded server never see the RST. \
            Data that crosses the RST on its way meets no request any more, and is refused as such \
            (cookie-ack-no-overflow, an ACK out of nowhere).",
        judge: accept::abort_on_overflow,
    },
    Lab {
        name: "stuck-worker",
        title: "One of several workers stops accepting",
        published: "Several processes serve one port, and one of them is in a handler that never \
            returns: some connections hang and others do not. It was found with pstack and strace.",
        lesson: "With SO_REUSEPORT every worker has a queue of its own, and the kernel goes on giving \
            the stuck one its share: they wait until the queue is full, later ones are refused, and a \
            look at the port as a whole shows nothing unusual. With one listener that all workers \
            accept from, a stuck one takes nothing from the queue and costs only its own speed.",
        judge: workers::stuck_worker,
    },
    Lab {
        name: "synq-table",
        title: "How many half-open connections, without SYN cookies",
        published: "Linux 3.10, syncookies=0, a listener whose backlog is somaxconn, and SYNs that \
            nobody answers, counted one by one: for eight pairs of somaxconn and tcp_max_syn_backlog \
            the first SYN was dropped at 97, 90, 82, 3, 256, 256, 256 and 255 half-open connections.",
        lesson: "Two rules are at work, and the one that bites first counts. The SYN queue is full at \
            the backlog (clipped by somaxconn). And the last quarter of tcp_max_syn_backlog is kept for \
            clients that have been here before: strangers are refused when less than that is left, \
            that is from m - m/4 + 1 on.",
        judge: syn::table,
    },
    Lab {
        name: "synq-cookies",
        title: "The same with SYN cookies: no limit to be found",
        published: "The same with syncookies=1. The results never matched any formula; to be studied.",
        lesson: "With cookies the SYN queue cannot be overflowed. Its length stops at the backlog, and \
            every further SYN is answered by a cookie and forgotten; syndrop calls that a notice and no \
            drop. What is left that can refuse a SYN is the accept queue.",
        judge: syn::cookies,
    },
    Lab {
        name: "backlog-synq",
        title: "The backlog limits the SYN queue too",
        published: "Ubuntu 16.04, syncookies=1, tcp_max_syn_backlog=128, somaxconn=150, hping3 floods \
            with random sources: with a backlog of 9 there are 9 connections in SYN_RECV, with 200 \
            there are 150.",
        lesson: "tcp_max_syn_backlog=128 limits nothing here: 150 are half-open. The SYN queue's limit \
            is that of the accept queue, the smaller one of the backlog and somaxconn.",
        judge: syn::flood,
    },
    Lab {
        name: "synq-4",
        title: "Four half-open connections, and nmap is shut out",
        published: "syncookies=0, tcp_max_syn_backlog=4, somaxconn=8, a python listener with a backlog \
            of 8; nmap -sS in a loop, its SYN-ACKs filtered so that no RST ends what it began: 4 in \
            SYN-RECV, and `352 SYNs to LISTEN sockets dropped`, rising.",
        lesson: "The queue has room for 8 and takes 4: of the 4 in tcp_max_syn_backlog one is reserved, \
            so strangers are refused when 4 are there already. Dropped SYNs rise and overflows do not: \
            the accept queue is empty all the time.",
        judge: syn::scan,
    },
    Lab {
        name: "python-ab",
        title: "Python's web server under ab: one overflow, two counters",
        published: "python3 -m http.server has a backlog of 5; ab -n 1000 -c 10 leaves `9 times the \
            listen queue of a socket overflowed` and `9 SYNs to LISTEN sockets dropped`. Does the \
            overflow of the accept queue fill the SYN queue? To be studied.",
        lesson: "It does not. A SYN that meets a full accept queue is one dropped packet, which the \
            kernel counts on both lines. The two differ only by what is dropped for another reason.",
        judge: web::python_ab,
    },
    Lab {
        name: "python-ab-2048",
        title: "The same with a backlog of 2048",
        published: "The same with the backlog raised to 2048: no more overflows.",
        lesson: "Ten clients at a time never wait in a queue of 2048. `syndrop run -- ab …` makes that \
            a test: it fails with the short queue and passes with the long one, under the same load.",
        judge: web::python_ab_2048,
    },
    Lab {
        name: "nginx-wrk",
        title: "nginx asks for 511 and gets 128",
        published: "nginx with its backlog of 511, somaxconn=128, wrk with 20 threads and 30,000 \
            connections: ss shows Send-Q 128 and Recv-Q up to 129; `180233 times the listen queue of a \
            socket overflowed`, `594579 SYNs to LISTEN sockets dropped`.",
        lesson: "listen() never fails for a backlog that is too large, it is clipped, so nginx's \
            configuration says 511 and the kernel says 128. Overflows are refusals by the accept queue. \
            Dropped SYNs are all refusals: without cookies a crowd of half-open connections fills the \
            SYN queue too, and those SYNs are only on the second line.",
        judge: web::nginx_wrk,
    },
    Lab {
        name: "silent-syn",
        title: "SYNs arrive and nothing answers",
        published: "In production, 2014: a client's SYNs arrive at an nginx (tcpdump shows them), and \
            nothing answers. SYN cookies are on, memory is plentiful. The cause, 511 clipped to \
            somaxconn=128 and a full accept queue, was found by reading the kernel's source and ruling \
            out one branch after the other.",
        lesson: "Cookies protect the SYN queue only. A full accept queue drops SYNs before a cookie is \
            considered, without a word to the client and invisible to tools that watch kfree_skb.",
        judge: silent::silent_syn,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_thirteen() {
        let names: BTreeSet<&str> = LABS.iter().map(|lab| lab.name).collect();
        assert_eq!((LABS.len(), names.len()), (13, 13));
        assert!(find("silent-syn").is_some() && find("silent").is_none());
    }

    #[test]
    fn no_lab_passes_without_facts() {
        for lab in LABS {
            assert!((lab.judge)(&serde_json::json!({})).is_err(), "{}", lab.name);
            assert!((lab.judge)(&Value::Null).is_err(), "{}", lab.name);
        }
    }
}
