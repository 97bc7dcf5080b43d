//! The table of listeners: whose, how many, how full, how long their clients waited.

use maud::{Markup, html};

use super::Page;
use super::words::{address, counted, digits, place, process, seconds, share};
use crate::catalogue;
use crate::report::{Delays, Peak};
use crate::totals::ListenerTotal;

/// Listeners that are named; the others are counted.
const NAMED: usize = 50;

impl Page<'_> {
    /// Whether it takes more than an address to say which listener is meant.
    fn several_namespaces(&self) -> bool {
        let mut all = self.summary.totals.by_listener.iter().map(|listener| listener.id.netns);
        all.next().is_some_and(|first| all.any(|other| other != first))
    }

    /// Whether the recording tells how clients ended.
    pub(super) fn has_endings(&self) -> bool {
        self.report.clients.delays.count() > 0 || self.report.clients.gone > 0
    }

    pub(super) fn listeners(&self) -> Markup {
        let listeners = &self.summary.totals.by_listener;
        if listeners.is_empty() {
            return html! {};
        }
        let endings = self.has_endings();
        html! {
            section id="listeners" {
                h2 { "Listeners" }
                div.scroll {
                    table.cards {
                        thead { tr {
                            th { "listener" }
                            th { "owner" }
                            th.num { "drops" }
                            th { "reasons" }
                            th.num { "longest accept queue" }
                            th.num { "longest SYN queue" }
                            @if endings {
                                th.num { "got in late" }
                                th.num { "never got in" }
                            }
                        } }
                        tbody {
                            @for listener in listeners.iter().take(NAMED) {
                                (self.listener(listener, endings))
                            }
                        }
                    }
                }
                @if let Some(more @ 1..) = listeners.len().checked_sub(NAMED) {
                    p.note {
                        (counted(more as u64, "more listener")) " with fewer drops; the summary "
                        "of the recording lists them all."
                    }
                }
            }
        }
    }

    fn listener(&self, listener: &ListenerTotal, endings: bool) -> Markup {
        let story = self.report.story(&listener.id);
        let all = self.summary.totals.count();
        html! {
            tr {
                td.name {
                    b { (address(&listener.id)) }
                    @if self.several_namespaces() {
                        @match listener.id.netns {
                            Some(netns) => { br; span.soft { "netns " (netns) } },
                            None => {},
                        }
                    }
                }
                td.nowrap data-label="owner" {
                    span {
                        (process(&listener.owner))
                        @if let Some(place) = place(&listener.owner) { br; span.soft { (place) } }
                    }
                }
                td.num data-label="drops" {
                    span { (digits(listener.count())) " " span.soft { (share(listener.count(), all)) } }
                }
                td data-label="reasons" {
                    span {
                        @for (nth, total) in listener.drops.iter().enumerate() {
                            @if nth > 0 { br; }
                            (digits(total.count)) " " (catalogue::of(total.reason).slug)
                        }
                    }
                }
                td.num data-label="longest accept queue" { (peak(story.and_then(|it| it.accept), listener.limit)) }
                td.num data-label="longest SYN queue" { (peak(story.and_then(|it| it.syn), listener.limit)) }
                @if endings {
                    td.num data-label="got in late" { (late(story.map(|it| &it.delays))) }
                    td.num data-label="never got in" {
                        (story.map_or_else(|| "?".to_owned(), |story| digits(story.gone)))
                    }
                }
            }
        }
    }
}

fn peak(peak: Option<Peak>, limit: Option<u32>) -> String {
    let Some(peak) = peak else { return "?".to_owned() };
    match peak.limit.or(limit) {
        Some(limit) => format!("{} of {}", digits(peak.len.into()), digits(limit.into())),
        None => digits(peak.len.into()),
    }
}

fn late(delays: Option<&Delays>) -> String {
    match delays {
        None => "?".to_owned(),
        Some(delays) if delays.count() == 0 => "0".to_owned(),
        Some(delays) => format!("{}, up to {}", digits(delays.count()), seconds(delays.longest)),
    }
}
