//! Charts of both queues against their limit, of the listeners that dropped most.

use maud::{Markup, html};

use super::Page;
use super::charts::{HEIGHT, STEP, height, round_up};
use super::words::{address, counted, digits, process, width};
use crate::report::{Bin, Peak, Story};

/// Listeners whose queues are drawn.
const DRAWN: usize = 6;

/// From which bin to which each limit was in force. One holds until another one is seen, and the
/// first held before.
fn limits(peaks: &[Option<Peak>]) -> Vec<(usize, usize, u32)> {
    let mut runs: Vec<(usize, usize, u32)> = Vec::new();
    for (nth, limit) in peaks.iter().map(|peak| peak.and_then(|peak| peak.limit)).enumerate() {
        match (runs.last_mut(), limit) {
            (Some(run), Some(limit)) if run.2 != limit => runs.push((nth, nth + 1, limit)),
            (Some(run), _) => run.1 = nth + 1,
            (None, Some(limit)) => runs.push((0, nth + 1, limit)),
            (None, None) => {}
        }
    }
    runs
}

impl Page<'_> {
    pub(super) fn queues_over_time(&self) -> Markup {
        let stories = self.report.most_first();
        let known = |story: &Story| story.accept.is_some() || story.syn.is_some();
        let mut drawn: Vec<_> =
            stories.into_iter().filter(|(_, story)| story.drops > 0 && known(story)).collect();
        let more = drawn.len().saturating_sub(DRAWN);
        drawn.truncate(DRAWN);
        if drawn.is_empty() {
            return html! {};
        }
        html! {
            section id="queues" {
                h2 { "Both queues and their limit" }
                p.note {
                    "Each bar is the longest that the queue was at a drop within "
                    (width(self.report.timeline.width()))
                    "; where there is no bar, nothing was dropped and the length is not known. "
                    "The line is the limit. The kernel refuses when the accept queue is "
                    em { "longer" } " than its limit, so such a queue holds one more than it says."
                }
                @for (place, story) in &drawn {
                    h3 { (address(&story.id)) " " span.soft { (process(&story.owner)) } }
                    div.pair {
                        (self.queue(*place, "Accept queue", story.accept, |bin, place| bin.queues.get(&place)?.accept))
                        (self.queue(*place, "SYN queue", story.syn, |bin, place| bin.queues.get(&place)?.syn))
                    }
                }
                @if more > 0 {
                    p.note { (counted(more as u64, "more listener")) " had fewer drops and are not drawn." }
                }
            }
        }
    }

    fn queue(
        &self,
        place: usize,
        name: &str,
        longest: Option<Peak>,
        of: fn(&Bin, usize) -> Option<Peak>,
    ) -> Markup {
        let bins = &self.report.timeline.bins;
        let peaks: Vec<_> = bins.iter().map(|bin| of(bin, place)).collect();
        let Some(longest) = longest else { return html! { p.note { (name) ": not known" } } };
        let limit = peaks.iter().flatten().filter_map(|peak| peak.limit).max();
        let top = u64::from(limit.unwrap_or(0).max(longest.len));
        let top = round_up(top + top / 20);
        html! {
            figure.queue {
                figcaption {
                    (name) ": up to " b { (digits(longest.len.into())) }
                    @if let Some(limit) = longest.limit { ", limit " (digits(limit.into())) }
                }
                (self.plot(top, name, &html! {
                    @for (nth, peak) in peaks.iter().enumerate() {
                        @if let Some(peak) = peak {
                            @let over = peak.limit.is_some_and(|limit| peak.len > limit);
                            @let high = height(peak.len.into(), top);
                            rect class=(if over { "bar over" } else { "bar len" }) x=(nth * STEP)
                                y=(HEIGHT - high) width=(STEP - 1) height=(high) {
                                title {
                                    (self.span(nth)) ": " (peak.len)
                                    @if let Some(limit) = peak.limit { " of " (limit) }
                                }
                            }
                        }
                    }
                    @for (from, to, limit) in limits(&peaks) {
                        @let y = HEIGHT - height(limit.into(), top);
                        line.limit x1=(from * STEP) x2=(to * STEP) y1=(y) y2=(y) {}
                    }
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::limits;
    use crate::report::Peak;

    #[test]
    fn a_limit_holds_until_another_one_is_seen() {
        let peak = |limit| Some(Peak { len: 1, limit: Some(limit) });
        let peaks = [None, peak(8), None, peak(8), peak(16), None];
        assert_eq!(limits(&peaks), [(0, 4, 8), (4, 6, 16)]);
        assert!(limits(&[None, Some(Peak { len: 1, limit: None })]).is_empty());
    }
}
