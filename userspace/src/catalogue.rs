//! What each reason is called and what it means to people: one row per reason.
//!
//! Help, text and JSON take their words from here, and the reconciliation its arithmetic. The
//! statements about the kernel hold for Linux 5.10 to 7.3, on which each branch was provoked.

use ebpf_probes::{Counter, Evidence, Reason, Stage};

use crate::decode::Family;

/// What the client saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: no answer came.
    Silent,
    /// A reset.
    Reset,
}

/// Everything to say about one reason.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The reason.
    pub reason: Reason,
    /// Its id in every output and option.
    pub slug: &'static str,
    /// The stage it belongs to; `None` if it can be any.
    pub stage: Option<Stage>,
    /// What the client saw; `None` if that cannot be told.
    pub outcome: Option<Outcome>,
    /// Half a line; stands beside a count.
    pub headline: &'static str,
    /// What happened to one such packet.
    pub what_happened: &'static str,
    /// The kernel function that tests, and its file.
    pub site: &'static str,
    /// The kernels that have the branch.
    pub kernels: &'static str,
    /// The counters that one such drop moves by one.
    pub counters: &'static [Counter],
    /// How it looks from the other end.
    pub client: &'static str,
    /// What to do about it, in one line.
    pub remedy: &'static str,
}

use Counter::{ListenDrops, ListenOverflows, TcpReqQFullDrop};

/// One row per reason, in the order of their numbers.
pub const CATALOGUE: &[Entry] = &[
    Entry {
        reason: Reason::Unattributed,
        slug: "unattributed",
        stage: None,
        outcome: None,
        headline: "dropped in a way that could not be told",
        what_happened: "The packet reached the listener's code and was not kept, but the way that \
            it took fits none of the reasons known here.",
        site: "the function that the event names",
        kernels: "all",
        counters: &[],
        client: "Unknown.",
        remedy: "Run with -v: it logs the way of each one, by which it can be told apart.",
    },
    Entry {
        reason: Reason::AcceptQueueFullSyn,
        slug: "accept-queue-full-syn",
        stage: Some(Stage::Syn),
        outcome: Some(Outcome::Silent),
        headline: "SYN met a full accept queue",
        what_happened: "A new connection was asked for while more finished ones than the limit \
            allows waited for accept(), so the kernel threw the SYN away, with SYN cookies too.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all",
        counters: &[ListenOverflows, ListenDrops],
        client: "No answer: connect() hangs and the SYN is repeated after 1, 3, 7 seconds.",
        remedy: "Find out why accept() is not called often enough; a longer queue only delays this.",
    },
    Entry {
        reason: Reason::SynQueueFull,
        slug: "syn-queue-full",
        stage: Some(Stage::Syn),
        outcome: Some(Outcome::Silent),
        headline: "SYN met a full SYN queue, SYN cookies being off",
        what_happened: "As many handshakes as the listener's backlog allows were unfinished, and \
            net.ipv4.tcp_syncookies is 0, so the kernel threw the SYN away.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all; up to about 5.10.233 full means backlog reached, later backlog exceeded",
        counters: &[TcpReqQFullDrop, ListenDrops],
        client: "No answer: connect() hangs and the SYN is repeated after 1, 3, 7 seconds.",
        remedy: "Set net.ipv4.tcp_syncookies=1; if these clients are real, give listen() more backlog.",
    },
    Entry {
        reason: Reason::SynBacklogReserved,
        slug: "syn-backlog-reserved",
        stage: Some(Stage::Syn),
        outcome: Some(Outcome::Silent),
        headline: "SYN of an unproven client met the reserved quarter",
        what_happened: "SYN cookies are off and less than a quarter of tcp_max_syn_backlog was \
            left. That quarter is kept for clients that this host has connection metrics of.",
        site: "tcp_conn_request (net/ipv4/tcp_input.c)",
        kernels: "all",
        counters: &[ListenDrops],
        client: "No answer: connect() hangs and the SYN is repeated after 1, 3, 7 seconds.",
        remedy: "Set net.ipv4.tcp_syncookies=1, or raise net.ipv4.tcp_max_syn_backlog.",
    },
    Entry {
        reason: Reason::AcceptQueueFullAck,
        slug: "accept-queue-full-ack",
        stage: Some(Stage::Ack),
        outcome: Some(Outcome::Silent),
        headline: "last ACK of a handshake met a full accept queue",
        what_happened: "The handshake was complete but the accept queue was full, so the kernel \
            ignored the ACK and kept the half-open request, to answer again later.",
        site: "tcp_v4_syn_recv_sock, tcp_v6_syn_recv_sock (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c)",
        kernels: "all",
        counters: &[ListenOverflows, ListenDrops],
        client: "It believes that it is connected, sends, gets no answer, and may be reset later.",
        remedy: "Find out why accept() is not called often enough; a longer queue only delays this.",
    },
    Entry {
        reason: Reason::AcceptQueueFullAckRst,
        slug: "accept-queue-full-ack-rst",
        stage: Some(Stage::Ack),
        outcome: Some(Outcome::Reset),
        headline: "last ACK of a handshake met a full accept queue, and was reset",
        what_happened: "The handshake was complete but the accept queue was full, and \
            net.ipv4.tcp_abort_on_overflow is on, so the kernel reset the connection at once.",
        site: "tcp_check_req (net/ipv4/tcp_minisocks.c)",
        kernels: "all",
        counters: &[ListenOverflows, ListenDrops],
        client: "connect() succeeds and the connection is reset right after.",
        remedy: "Find out why accept() is not called often enough; the reset is asked for by sysctl.",
    },
];

// `of` indexes by number.
const _: () = {
    let mut row = 0;
    while row < CATALOGUE.len() {
        assert!(CATALOGUE[row].reason as usize == row);
        row += 1;
    }
    assert!(CATALOGUE.len() == Reason::ALL.len());
};

/// The row of a reason.
pub const fn of(reason: Reason) -> &'static Entry {
    &CATALOGUE[reason as usize]
}

/// The row that has this id.
pub fn by_slug(slug: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.slug == slug)
}

/// The id of a stage.
pub const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Syn => "syn",
        Stage::Ack => "ack",
        Stage::CookieAck => "cookie-ack",
        Stage::Request => "request",
    }
}

/// The id of a kind of evidence.
pub const fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Observed => "observed",
        Evidence::Inferred => "inferred",
    }
}

/// The id of an IP version.
pub const fn family(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4",
        Family::V6 => "ipv6",
    }
}

/// The id of an outcome.
pub const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Silent => "silent",
        Outcome::Reset => "reset",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ebpf_probes::{Reason, Stage};

    use super::{CATALOGUE, Counter, by_slug, of, stage};

    #[test]
    fn every_reason_has_exactly_one_row_in_the_order_of_numbers() {
        let rows: Vec<Reason> = CATALOGUE.iter().map(|entry| entry.reason).collect();
        assert_eq!(rows, Reason::ALL);
        for &reason in Reason::ALL {
            assert_eq!(of(reason).reason, reason);
        }
    }

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let slugs: HashSet<&str> = CATALOGUE.iter().map(|entry| entry.slug).collect();
        assert_eq!(slugs.len(), CATALOGUE.len());
        for slug in slugs.iter().chain(&Stage::ALL.iter().map(|&id| stage(id)).collect::<Vec<_>>())
        {
            assert!(slug.split('-').all(|word| !word.is_empty()), "{slug}");
            assert!(slug.chars().all(|c| c == '-' || c.is_ascii_lowercase()), "{slug}");
        }
        let stages: HashSet<&str> = Stage::ALL.iter().map(|&id| stage(id)).collect();
        assert_eq!(stages.len(), Stage::ALL.len());
    }

    #[test]
    fn ids_lead_back_to_their_rows() {
        for entry in CATALOGUE {
            assert_eq!(by_slug(entry.slug).map(|found| found.reason), Some(entry.reason));
        }
        assert!(by_slug("accept-queue").is_none());
    }

    #[test]
    fn no_text_is_empty_or_breaks_its_line() {
        for entry in CATALOGUE {
            let texts = [
                entry.slug,
                entry.headline,
                entry.what_happened,
                entry.site,
                entry.kernels,
                entry.client,
                entry.remedy,
            ];
            for text in texts {
                assert!(!text.trim().is_empty(), "{}", entry.slug);
                assert!(!text.contains('\n') && !text.contains("  "), "{text}");
            }
            assert!(
                entry.remedy.len() <= 90,
                "{} characters: {}",
                entry.remedy.len(),
                entry.remedy
            );
        }
    }

    #[test]
    fn nobody_is_told_to_raise_a_limit_where_the_application_does_not_accept() {
        for entry in CATALOGUE.iter().filter(|entry| entry.slug.starts_with("accept-queue")) {
            assert!(entry.remedy.contains("accept()"), "{}", entry.slug);
            assert!(!entry.remedy.contains("somaxconn"), "{}", entry.slug);
        }
    }

    #[test]
    fn only_what_is_attributed_claims_counters() {
        for entry in CATALOGUE {
            let claims = entry.counters.contains(&Counter::ListenDrops);
            assert_eq!(claims, entry.reason != Reason::Unattributed, "{}", entry.slug);
        }
    }
}
