//! What a recording counted and has no event of: lost, sampled out, or cut off.

use std::collections::HashMap;

use ebpf_probes::{Evidence, Stage};

use super::{Replay, lines};
use crate::catalogue;
use crate::decode::{Bucket, ListenerId};
use crate::filter;
use crate::ndjson::SummaryLine;
use crate::source::Total;

impl Replay {
    /// The drops that the summary counted and that have no event here, which no filter but that
    /// by owner could judge.
    pub(super) fn without_event(&self, summary: &SummaryLine) -> Vec<Total> {
        let mut with_event: HashMap<_, u64> = HashMap::new();
        for (bucket, count) in &self.counts {
            *with_event.entry((bucket.listener, bucket.reason)).or_default() += count;
        }
        let mut missing = Vec::new();
        for line in &summary.by_listener {
            let shown = self.owner.takes(line.listener.pid, line.listener.comm.as_deref());
            let listener = lines::total_listener(line);
            for (slug, &recorded) in &line.drops {
                let Some(entry) = catalogue::by_slug(slug) else { continue };
                let reason = entry.reason;
                let here = with_event.get(&(listener, reason)).copied().unwrap_or(0);
                let inferred = self.opening.inferred.contains(&reason);
                let bucket = Bucket {
                    listener,
                    reason,
                    stage: reason.stage().unwrap_or(Stage::Syn),
                    evidence: if inferred { Evidence::Inferred } else { Evidence::Observed },
                    shown,
                    moves: reason.moves(),
                };
                let count = recorded.saturating_sub(here);
                if count > 0 {
                    missing.push(Total::whole(bucket, count));
                }
            }
        }
        missing
    }

    /// The same of notices, which a summary does not count by listener.
    pub(super) fn notices_without_event(&self, summary: &SummaryLine) -> Vec<Total> {
        let listener = ListenerId { sock: 0, inode: None, netns: None, bound: None };
        let missing = summary.notices.iter().filter_map(|(slug, &recorded)| {
            let reason = catalogue::by_slug(slug)?.reason;
            let here = self.counts.iter().filter(|(bucket, _)| bucket.reason == reason);
            let here: u64 = here.map(|(_, count)| count).sum();
            let bucket = Bucket {
                listener,
                reason,
                stage: reason.stage().unwrap_or(Stage::Syn),
                evidence: Evidence::Observed,
                shown: filter::shows_reason(&self.filter, reason),
                moves: reason.moves(),
            };
            let count = recorded.saturating_sub(here);
            (count > 0).then_some(Total::whole(bucket, count))
        });
        missing.collect()
    }
}
