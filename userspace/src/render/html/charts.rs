//! The chart of drops by reason, and what every chart is made of.
//!
//! A drawing stretches to whatever width there is, so nothing that must be legible is in it: axes
//! and legends are text beside it. Each bar says its numbers when it is pointed at, and a table
//! below says them all.

use std::collections::BTreeSet;

use ebpf_probes::Reason;
use maud::{Markup, html};

use super::Page;
use super::words::{counted, digits, fine_clock, share, width};
use crate::catalogue;
use crate::report::Bin;

/// Height of a drawing in its own units; a bin is [`STEP`] wide.
pub(super) const HEIGHT: u64 = 1000;
pub(super) const STEP: usize = 10;

/// Reasons with a colour of their own; the others share one.
const COLOURS: usize = 7;

/// A round number that is not less, for the top of an axis.
pub(super) fn round_up(number: u64) -> u64 {
    let mut scale = 1;
    loop {
        for step in [1, 2, 4, 5, 8, 10] {
            if step * scale >= number {
                return (step * scale).max(1);
            }
        }
        scale *= 10;
    }
}

/// How high a bar is; what is not nothing can be seen.
pub(super) fn height(number: u64, top: u64) -> u64 {
    let height = u128::from(number) * u128::from(HEIGHT) / u128::from(top.max(1));
    let height = u64::try_from(height).unwrap_or(HEIGHT).min(HEIGHT);
    if number == 0 { 0 } else { height.max(6) }
}

/// The colour of each reason: the most frequent ones have one of their own.
struct Palette(Vec<Reason>);

impl Palette {
    fn class(&self, reason: Reason) -> String {
        match self.0.iter().position(|own| *own == reason) {
            Some(nth) => format!("r{nth}"),
            None => "rx".to_owned(),
        }
    }
}

impl Page<'_> {
    fn palette(&self) -> Palette {
        Palette(self.summary.totals.drops.iter().map(|it| it.reason).take(COLOURS).collect())
    }

    /// From when to when a bin lasts.
    pub(super) fn span(&self, nth: usize) -> String {
        let timeline = &self.report.timeline;
        let time = |nth| timeline.time(nth).map(|time| fine_clock(time, timeline.width()));
        match (time(nth), time(nth + 1)) {
            (Some(from), Some(to)) => format!("{from} to {to}"),
            _ => String::new(),
        }
    }

    pub(super) fn drops_over_time(&self) -> Markup {
        let (totals, timeline) = (&self.summary.totals, &self.report.timeline);
        let palette = self.palette();
        if self.report.events == 0 {
            return html! {};
        }
        let top = round_up(timeline.bins.iter().map(Bin::count).max().unwrap_or(0));
        let (count, events) = (totals.count(), self.report.events);
        html! {
            section id="drops" {
                h2 { "Drops over time" }
                p.note {
                    "Refused packets per " (width(timeline.width())) ", by reason. A client repeats "
                    "what was refused, so one connection is counted again with each try."
                    @if let Some(missing @ 1..) = count.checked_sub(events) {
                        " " (counted(missing, "more drop")) " have no event of their own and are in "
                        "no chart; every count in words includes them."
                    }
                }
                figure {
                    (self.plot(top, "drops", &html! {
                        @for (nth, bin) in timeline.bins.iter().enumerate() {
                            (self.stack(nth, bin, top, &palette))
                            (self.hole(nth, bin))
                        }
                    }))
                    ul.legend {
                        @for total in &totals.drops {
                            li {
                                span.key.(palette.class(total.reason)) {}
                                a href={ "#" (catalogue::of(total.reason).slug) } {
                                    (catalogue::of(total.reason).slug)
                                }
                                " " b { (digits(total.count)) }
                                " " span.soft { (share(total.count, count)) }
                            }
                        }
                        @if timeline.bins.iter().any(|bin| bin.lost > 0) {
                            li { span.key.hole {} "events were lost here" }
                        }
                    }
                }
                (self.numbers(&palette))
            }
        }
    }

    /// The bars of a bin, the most frequent reason at the bottom.
    fn stack(&self, nth: usize, bin: &Bin, top: u64, palette: &Palette) -> Markup {
        let mut drops: Vec<_> = bin.drops.iter().map(|(&reason, &count)| (reason, count)).collect();
        let rank = |reason| palette.0.iter().position(|own| *own == reason);
        drops.sort_by_key(|(reason, _)| (rank(*reason).unwrap_or(COLOURS), *reason));
        let mut below = 0;
        let bars: Vec<_> = drops
            .iter()
            .map(|(reason, count)| {
                let high = height(*count, top).min(HEIGHT - below);
                below += high;
                (palette.class(*reason), HEIGHT - below, high)
            })
            .collect();
        html! {
            @if !drops.is_empty() {
                g {
                    title {
                        (self.span(nth)) ": "
                        @for (at, (reason, count)) in drops.iter().enumerate() {
                            @if at > 0 { ", " }
                            (digits(*count)) " " (catalogue::of(*reason).slug)
                        }
                    }
                    @for (class, y, high) in &bars {
                        rect class={ "bar " (class) } x=(nth * STEP) y=(y) width=(STEP - 1)
                            height=(high) {}
                    }
                }
            }
        }
    }

    fn hole(&self, nth: usize, bin: &Bin) -> Markup {
        html! {
            @if bin.lost > 0 {
                rect.hole x=(nth * STEP) y="0" width=(STEP) height=(HEIGHT) {
                    title { (self.span(nth)) ": " (counted(bin.lost, "event")) " lost" }
                }
            }
        }
    }

    /// A drawing between its axes.
    pub(super) fn plot(&self, top: u64, what: &str, bars: &Markup) -> Markup {
        let timeline = &self.report.timeline;
        let wide = timeline.bins.len().max(1) * STEP;
        let whole =
            timeline.width().saturating_mul(i32::try_from(timeline.bins.len()).unwrap_or(i32::MAX));
        let grain = if whole.as_secs() < 10 { timeline.width() } else { whole };
        let time =
            |nth: usize| timeline.time(nth).map(|time| fine_clock(time, grain)).unwrap_or_default();
        let (middle, end) = (timeline.bins.len() / 2, timeline.bins.len());
        html! {
            div.plot {
                div.y aria-hidden="true" {
                    span { (digits(top)) }
                    span { @if top.is_multiple_of(2) { (digits(top / 2)) } }
                    span { "0" }
                }
                svg viewBox={ "0 0 " (wide) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                    aria-label={ (what) " over time; the numbers are below" } {
                    line.grid x1="0" x2=(wide) y1="0" y2="0" {}
                    line.grid x1="0" x2=(wide) y1=(HEIGHT / 2) y2=(HEIGHT / 2) {}
                    (bars)
                    line.axis x1="0" x2=(wide) y1=(HEIGHT) y2=(HEIGHT) {}
                }
                div.x {
                    span { (time(0)) }
                    @if end > 2 { span { (time(middle)) } }
                    span { (time(end)) " UTC" }
                }
            }
        }
    }

    /// The numbers of the chart, for those who cannot see or point.
    fn numbers(&self, palette: &Palette) -> Markup {
        let timeline = &self.report.timeline;
        let bins = timeline.bins.iter().enumerate().filter(|(_, bin)| bin.count() > 0);
        let seen: BTreeSet<Reason> =
            timeline.bins.iter().flat_map(|bin| bin.drops.keys().copied()).collect();
        let mut columns: Vec<Reason> = palette.0.clone();
        columns.retain(|reason| seen.contains(reason));
        let others = seen.len() > columns.len();
        html! {
            details {
                summary { "The numbers of this chart" }
                div.scroll {
                    table.numbers {
                        thead { tr {
                            th { "from (UTC)" }
                            @for reason in &columns { th.num { (catalogue::of(*reason).slug) } }
                            @if others { th.num { "others" } }
                        } }
                        tbody {
                            @for (nth, bin) in bins {
                                @let own: u64 = columns.iter().filter_map(|it| bin.drops.get(it)).sum();
                                tr {
                                    td { (self.span(nth).split(' ').next().unwrap_or_default()) }
                                    @for reason in &columns {
                                        td.num { (digits(bin.drops.get(reason).copied().unwrap_or(0))) }
                                    }
                                    @if others { td.num { (digits(bin.count() - own)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, height, round_up};

    #[test]
    fn the_top_of_an_axis_is_round_and_not_too_low() {
        for (number, top) in [(0, 1), (1, 1), (3, 4), (65, 80), (68, 80), (911, 1000), (4300, 5000)]
        {
            assert_eq!(round_up(number), top, "{number}");
        }
    }

    #[test]
    fn what_is_not_nothing_can_be_seen() {
        assert_eq!(height(0, 100), 0);
        assert!(height(1, 1_000_000) > 0);
        assert_eq!(height(100, 100), HEIGHT);
        assert_eq!(height(u64::MAX, 1), HEIGHT);
    }
}
