//! The head of the page: what happened in one paragraph, and the figures that count.

use ebpf_probes::Counter;
use jiff::Timestamp;
use maud::{Markup, html};

use super::Page;
use super::words::{address, at_least, clock, counted, day, digits, process, seconds, share};
use crate::catalogue;
use crate::reconcile::{Balance, Line};
use crate::render::Foreign;
use crate::render::text::cost::in_short;

impl Page<'_> {
    /// From when to when drops were seen.
    fn affected(&self) -> Option<(Timestamp, Timestamp)> {
        let seen = self.report.occurrences.values();
        let (first, last) = (seen.clone().map(|it| it.first).min(), seen.map(|it| it.last).max());
        first.zip(last)
    }

    pub(super) fn head(&self) -> Markup {
        html! {
            header {
                h1 { (self.title()) }
                p.when { (self.when()) }
                p.lead { (self.lead()) }
                (self.figures())
                @if self.narrowed {
                    p.note {
                        "Narrowed by a filter: what it hides is not on this page. "
                        code { (Foreign(self.command)) }
                    }
                }
                @if !self.gaps().is_empty() {
                    p.warn {
                        "This recording is not whole: "
                        a href="#limits" { "what it cannot tell" } "."
                    }
                }
            }
        }
    }

    fn when(&self) -> String {
        let duration = self.summary.duration;
        let begin = self.opening.time.or_else(|| self.report.timeline.origin());
        let Some(begin) = begin else { return "when is not known".to_owned() };
        match begin.checked_add(duration) {
            Ok(end) if day(end) == day(begin) => {
                format!("{}, {} to {} UTC", day(begin), clock(begin), clock(end))
            }
            Ok(end) => {
                format!("{} {} to {} {} UTC", day(begin), clock(begin), day(end), clock(end))
            }
            Err(_) => format!("{} {} UTC", day(begin), clock(begin)),
        }
    }

    fn lead(&self) -> Markup {
        let totals = &self.summary.totals;
        let count = totals.count();
        let (Some(main), Some(first)) = (totals.drops.first(), totals.by_listener.first()) else {
            return html! {
                "No connection was refused in " (seconds(self.summary.duration))
                ", as far as this recording can tell."
            };
        };
        let entry = catalogue::of(main.reason);
        html! {
            "The kernel refused " b { (counted(count, "packet")) } " of "
            @if !totals.connections.exact { "at least " }
            (counted(totals.connections.count, "connection")) " from "
            @if !totals.clients.exact { "at least " }
            (counted(totals.clients.count, "client"))
            @if let Some((from, to)) = self.affected() {
                ", from " (clock(from)) " to " (clock(to)) " UTC"
            }
            ". "
            @if totals.by_listener.len() == 1 {
                "All of them were for "
            } @else {
                "Of " (counted(totals.by_listener.len() as u64, "listener"))
                ", the one hit hardest (" (share(first.count(), count)) ") is "
            }
            b { (process(&first.owner)) } " on " b { (address(&first.id)) } ". "
            @if totals.drops.len() > 1 {
                "The most frequent reason, " (share(main.count, count)) ", is "
            } @else {
                "The reason is "
            }
            a href={ "#" (entry.slug) } { (entry.slug) } ": " (entry.headline) "."
        }
    }

    fn figures(&self) -> Markup {
        let totals = &self.summary.totals;
        let delays = &self.report.clients.delays;
        html! {
            dl.figures {
                (figure("packets refused", &digits(totals.count()), ""))
                (figure("connections", &at_least(totals.connections), ""))
                (figure("clients", &at_least(totals.clients), "by address"))
                @if delays.count() > 0 {
                    (figure("got in late", &digits(delays.count()),
                        &format!("up to {}", seconds(delays.longest))))
                }
                @if self.report.clients.gone > 0 {
                    (figure("never got in", &digits(self.report.clients.gone), ""))
                }
                @for line in self.balance().iter() {
                    @if let Some(kernel) = line.kernel {
                        @let class = if line.balance() == Balance::Even { "even" } else { "odd" };
                        div.(class) {
                            dt { (line.counter.name()) }
                            dd { (digits(line.explained)) " of " (digits(kernel)) }
                            dd.soft { "explained" }
                        }
                    }
                }
            }
        }
    }

    /// The counter to show at a glance: one that does not agree, else the widest one.
    fn balance(&self) -> Option<Line> {
        let moved = || self.summary.counters.iter().copied().filter(Line::moved);
        let odd = |line: &Line| matches!(line.balance(), Balance::LeftOver(_) | Balance::Excess(_));
        let refused = |line: &Line| line.counter == Counter::ListenDrops;
        moved().find(|line| refused(line) && odd(line)).or_else(|| moved().find(refused))
    }

    pub(super) fn facts(&self) -> Markup {
        let opening = self.opening;
        let attached = opening.probes.iter().filter(|probe| probe.attached).count();
        let rows = [
            ("Host", opening.host.clone()),
            ("Kernel", opening.kernel.clone()),
            ("Recorded by", opening.version.as_ref().map(|version| format!("syndrop {version}"))),
            ("Began", opening.time.map(|time| format!("{} {} UTC", day(time), clock(time)))),
            ("Lasted", Some(seconds(self.summary.duration))),
            ("Probes", opening.attach.as_ref().map(|kind| format!("{attached} {kind}"))),
        ];
        let cost = self.summary.cost.as_ref().map(in_short);
        html! {
            section id="facts" {
                h2 { "About this recording" }
                dl.facts {
                    @if let Some(cost) = &cost {
                        dt { "Cost" }
                        dd { (cost) }
                    }
                    @for (name, value) in &rows {
                        dt { (name) }
                        dd { (value.as_deref().map_or_else(|| "not known".to_owned(), |it| Foreign(it).to_string())) }
                    }
                }
            }
            footer {
                p { "Made by syndrop " (env!("CARGO_PKG_VERSION")) ": " code { (Foreign(self.command)) } }
                p { "A drop is a packet of a handshake that reached a listener and that the kernel "
                    "refused. All times are UTC." }
            }
        }
    }
}

fn figure(name: &str, number: &str, more: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { (number) }
            @if !more.is_empty() { dd.soft { (more) } }
        }
    }
}
