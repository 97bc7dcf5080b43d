//! What each reason is called and what it means to people: one row per reason.
//!
//! Help, text and JSON take their words from here, and the reconciliation its arithmetic. The
//! statements about the kernel hold for Linux 5.10 to 7.3, on which each branch was provoked.

use ebpf_probes::{Evidence, Reason, Stage};

use crate::decode::Family;

mod ack;
mod before;
mod cookie;
pub mod fate;
mod notices;
mod request;
mod syn;

/// What the client saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: no answer came.
    Silent,
    /// A reset.
    Reset,
    /// The SYN-ACK again.
    SynAckAgain,
    /// An ACK that asks whether a reset was meant.
    ChallengeAck,
}

/// Everything to say about one reason.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The reason.
    pub reason: Reason,
    /// Its id in every output and option.
    pub slug: &'static str,
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
    /// How it looks from the other end.
    pub client: &'static str,
    /// What to do about it, in one line.
    pub remedy: &'static str,
}

/// How a SYN that is dropped looks to the client: `tcp_syn_linear_timeouts` came with Linux 6.5.
const SILENCE: &str = "No answer: connect() hangs, and the SYN comes again after 1, 3, 7 seconds; \
    from Linux 6.5 on each second at first.";

/// What could be any of them.
const UNATTRIBUTED: &[Entry] = &[Entry {
    reason: Reason::Unattributed,
    slug: "unattributed",
    outcome: None,
    headline: "dropped in a way that could not be told",
    what_happened: "The packet reached the listener's code and was not kept, but the way that it \
        took fits none of the reasons known here.",
    site: "the function that the event names",
    kernels: "all",
    client: "Unknown.",
    remedy: "Run with -v: it logs the way of each one, by which it can be told apart.",
}];

const TABLES: &[&[Entry]] =
    &[syn::ROWS, ack::ROWS, cookie::ROWS, request::ROWS, UNATTRIBUTED, before::ROWS, notices::ROWS];

/// One row per reason: drops by stage, then those before the listener's code, then notices.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    TABLES.iter().copied().flatten()
}

/// The row of a reason.
///
/// # Panics
/// Never: a test makes sure that every reason has one.
#[expect(clippy::expect_used, reason = "the table is part of this program, and tested")]
pub fn of(reason: Reason) -> &'static Entry {
    BY_NUMBER[reason as usize].expect("every reason has a row")
}

/// The rows at the places that the numbers of their reasons say: every event asks for one.
static BY_NUMBER: [Option<&Entry>; 1 << 8] = by_number();

const fn by_number() -> [Option<&'static Entry>; 1 << 8] {
    let mut rows = [None; 1 << 8];
    let mut table = 0;
    while table < TABLES.len() {
        let mut row = 0;
        while row < TABLES[table].len() {
            let entry = &TABLES[table][row];
            rows[entry.reason as usize] = Some(entry);
            row += 1;
        }
        table += 1;
    }
    rows
}

/// The row that has this id.
pub fn by_slug(slug: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.slug == slug)
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
        Outcome::SynAckAgain => "syn-ack-again",
        Outcome::ChallengeAck => "challenge-ack",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ebpf_probes::{Counter, Reason, Stage};

    use super::{ack, before, cookie, notices, request, syn};
    use super::{all, by_slug, of, stage};
    use crate::kernel::hooks::BEFORE_LISTENER;

    #[test]
    fn every_reason_has_exactly_one_row() {
        let mut rows: Vec<Reason> = all().map(|entry| entry.reason).collect();
        rows.sort_unstable();
        assert_eq!(rows, Reason::ALL);
        for &reason in Reason::ALL {
            assert_eq!(of(reason).reason, reason);
        }
    }

    #[test]
    fn rows_are_where_their_kind_is() {
        let places = [(syn::ROWS, Stage::Syn), (ack::ROWS, Stage::Ack)];
        let more = [(cookie::ROWS, Stage::CookieAck), (request::ROWS, Stage::Request)];
        for (rows, stage) in places.into_iter().chain(more) {
            for entry in rows {
                assert_eq!(entry.reason.stage(), Some(stage), "{}", entry.slug);
                assert!(!BEFORE_LISTENER.contains(&entry.reason), "{}", entry.slug);
            }
        }
        let before: HashSet<_> = before::ROWS.iter().map(|entry| entry.reason).collect();
        assert_eq!(before, BEFORE_LISTENER.iter().copied().collect());
        assert!(all().all(|entry| {
            entry.reason.is_notice() == notices::ROWS.iter().any(|row| row.reason == entry.reason)
        }));
    }

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let slugs: HashSet<&str> = all().map(|entry| entry.slug).collect();
        assert_eq!(slugs.len(), all().count());
        for slug in slugs.iter().chain(&Stage::ALL.iter().map(|&id| stage(id)).collect::<Vec<_>>())
        {
            assert!(slug.split('-').all(|word| !word.is_empty()), "{slug}");
            assert!(
                slug.chars().all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit()),
                "{slug}"
            );
        }
        let stages: HashSet<&str> = Stage::ALL.iter().map(|&id| stage(id)).collect();
        assert_eq!(stages.len(), Stage::ALL.len());
    }

    #[test]
    fn ids_lead_back_to_their_rows() {
        for entry in all() {
            assert_eq!(by_slug(entry.slug).map(|found| found.reason), Some(entry.reason));
        }
        assert!(by_slug("accept-queue").is_none());
    }

    #[test]
    fn no_text_is_empty_or_breaks_its_line() {
        for entry in all() {
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
            assert!(entry.headline.len() <= 60, "{}", entry.headline);
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
        for entry in all().filter(|entry| entry.slug.contains("accept-queue")) {
            assert!(entry.remedy.contains("accept()"), "{}", entry.slug);
        }
        for entry in all() {
            let moves = entry.reason.moves().has(Counter::ListenOverflows);
            assert!(!moves || entry.slug.contains("accept-queue"), "{}", entry.slug);
            assert!(!entry.remedy.contains("somaxconn"), "{}", entry.slug);
        }
    }
}
