//! Whether the kernel agrees, and what the recording cannot tell.

use maud::{Markup, html};

use super::Page;
use super::words::{counted, digits};
use crate::catalogue;
use crate::reconcile::{Balance, Line, other_sources};
use crate::render::Foreign;

impl Page<'_> {
    pub(super) fn reconciliation(&self) -> Markup {
        let lines = &self.summary.counters;
        let moved: Vec<_> = lines.iter().filter(|line| line.moved()).collect();
        let mut netns = moved.iter().map(|line| line.netns);
        let several = netns.next().is_some_and(|first| netns.any(|other| other != first));
        html! {
            section id="counters" {
                h2 { "Does the kernel agree?" }
                @if lines.is_empty() {
                    p.note {
                        "The kernel's own counters are not in this recording, so nothing proves "
                        "that these are all drops there were."
                    }
                } @else if moved.is_empty() {
                    p.note { "No counter of refused connections moved." }
                } @else {
                    p.note {
                        "How far the kernel's own counters moved, and how much of that the drops "
                        "on this page and those that a filter hides explain."
                    }
                    div.scroll {
                        table {
                            thead { tr {
                                th { "counter" }
                                @if several { th { "network namespace" } }
                                th.num { "kernel" }
                                th.num { "explained" }
                                th { "" }
                            } }
                            tbody { @for line in &moved { (counter(line, several)) } }
                        }
                    }
                }
            }
        }
    }

    /// What was not seen, one sentence each.
    pub(super) fn gaps(&self) -> Vec<String> {
        let losses = &self.summary.losses;
        let mut gaps: Vec<String> =
            self.notes.iter().map(|note| Foreign(note).to_string()).collect();
        let mut add = |count: u64, noun: &str, what: &str| {
            if count > 0 {
                gaps.push(format!("{} {what}", counted(count, noun)));
            }
        };
        add(losses.events(), "event", "lost: counted, but without time, client and queue lengths.");
        add(losses.sampled_out, "event", "left out by a limit of the rate, and counted.");
        add(losses.probes(), "probe", "missed: calls of which nothing was learned.");
        add(losses.totals_full, "drop", "uncounted: the table of totals was full.");
        add(losses.clients_forgotten, "refused client", "forgotten: they may appear as new ones.");
        add(
            losses.clients_unfollowed,
            "refused client",
            "not followed until they got in or gave up.",
        );
        add(self.report.unfollowed, "drop", "of listeners beyond those that a page can follow.");
        gaps
    }

    pub(super) fn blind_spots(&self) -> Markup {
        let gaps = self.gaps();
        let slugs = |reasons: &[ebpf_probes::Reason]| {
            reasons.iter().map(|&reason| catalogue::of(reason).slug).collect::<Vec<_>>()
        };
        let (blind, inferred) = (slugs(&self.opening.unobservable), slugs(&self.opening.inferred));
        html! {
            section id="limits" {
                h2 { "What this recording cannot tell" }
                ul.plain {
                    @if gaps.is_empty() {
                        li { "Nothing is missing: no event lost, no probe missed, nothing left out." }
                    }
                    @for gap in &gaps { li.warn { (gap) } }
                    @if !blind.is_empty() {
                        li { "Cannot be told on this kernel: " (codes(&blind)) "." }
                    }
                    @if !inferred.is_empty() {
                        li { "Inferred on this kernel, at least at times: " (codes(&inferred)) "." }
                    }
                    li { "Queue lengths are those at the moments of drops; between drops they are "
                        "not known." }
                }
            }
        }
    }
}

fn codes(slugs: &[&str]) -> Markup {
    html! {
        @for (nth, slug) in slugs.iter().enumerate() {
            @if nth > 0 { ", " }
            code { (slug) }
        }
    }
}

fn counter(line: &Line, several: bool) -> Markup {
    let (class, words) = match line.balance() {
        Balance::Even => ("even", "entirely".to_owned()),
        Balance::Unknown => ("", "the kernel's own count is not known".to_owned()),
        Balance::InFlight(apart) => ("", format!("{} came while both were read", digits(apart))),
        Balance::LeftOver(left) => {
            let unattributed = match line.unattributed {
                0 => String::new(),
                count => format!("{}, ", counted(count, "unattributed drop")),
            };
            let others = other_sources(line.counter);
            ("odd", format!("{} left over; likely from: {unattributed}{others}", digits(left)))
        }
        Balance::Excess(excess) => {
            ("odd", format!("{} more than the kernel counted", digits(excess)))
        }
    };
    html! {
        tr.(class) {
            td { b { (line.counter.name()) } }
            @if several { td { (line.netns) } }
            td.num { (line.kernel.map_or_else(|| "?".to_owned(), digits)) }
            td.num { (digits(line.explained)) }
            td.words { (words) }
        }
    }
}
