//! Why, and what to do: the catalogue's words with this incident's numbers.

use maud::{Markup, html};

use super::Page;
use super::words::{address, clock, counted, digits, process, share};
use crate::catalogue::{self, Outcome};
use crate::report::{Occurrence, Peak};
use crate::totals::ReasonTotal;

impl Page<'_> {
    pub(super) fn advice(&self) -> Markup {
        let totals = &self.summary.totals;
        if totals.drops.is_empty() {
            return html! {};
        }
        html! {
            section id="reasons" {
                h2 { "Why, and what to do" }
                @for total in &totals.drops { (self.reason(total)) }
                @if !totals.notices.is_empty() {
                    h3 { "Also seen, and no drops" }
                    ul.plain {
                        @for total in &totals.notices {
                            @let entry = catalogue::of(total.reason);
                            li { b { (digits(total.count)) } " " code { (entry.slug) } ": " (entry.headline) }
                        }
                    }
                }
            }
        }
    }

    fn reason(&self, total: &ReasonTotal) -> Markup {
        let entry = catalogue::of(total.reason);
        let all = self.summary.totals.count();
        html! {
            article id=(entry.slug) {
                h3 {
                    code { (entry.slug) } " " b { (digits(total.count)) } " "
                    span.soft { (share(total.count, all)) }
                }
                p.remedy { (entry.remedy) }
                p { (entry.what_happened) }
                p {
                    b { "The client: " } (entry.client)
                    @if let Some(outcome) = entry.outcome { " " span.soft { "(" (outcome_word(outcome)) ")" } }
                }
                p { b { "Here: " } (self.numbers_of(total)) }
                p.soft { "In the kernel: " (entry.site) }
            }
        }
    }

    /// When, where and how full.
    fn numbers_of(&self, total: &ReasonTotal) -> Markup {
        let of = |listener: &&crate::totals::ListenerTotal| {
            listener.drops.iter().any(|drops| drops.reason == total.reason)
        };
        let listeners: Vec<_> = self.summary.totals.by_listener.iter().filter(of).collect();
        html! {
            (counted(total.count, "drop"))
            @if let [one] = listeners[..] {
                " at " (address(&one.id)) " (" (process(&one.owner)) ")"
            } @else if !listeners.is_empty() {
                " at " (counted(listeners.len() as u64, "listener"))
            }
            @if let Some(Occurrence { first, last, .. }) = self.report.occurrences.get(&total.reason) {
                @if clock(*first) == clock(*last) { " at " (clock(*first)) } @else {
                    " between " (clock(*first)) " and " (clock(*last))
                }
                " UTC"
            }
            @if let Some(seen) = self.report.occurrences.get(&total.reason) {
                (longest("accept queue", seen.accept))
                (longest("SYN queue", seen.syn))
            }
            "."
            @if total.inferred > 0 {
                " " (digits(total.inferred)) " of them are inferred from state, not observed."
            }
        }
    }
}

fn longest(name: &str, peak: Option<Peak>) -> Markup {
    html! {
        @if let Some(peak) = peak {
            ", " (name) " up to " (digits(peak.len.into()))
            @if let Some(limit) = peak.limit { " of " (digits(limit.into())) }
        }
    }
}

const fn outcome_word(outcome: Outcome) -> &'static str {
    catalogue::outcome(outcome)
}
