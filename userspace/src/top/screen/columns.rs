//! Which columns a table of so many columns has, and how wide each is.

/// A column, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Listener,
    Netns,
    Accept,
    Syn,
    Latency,
    Rate,
    Drops,
    Trend,
    Reason,
    Owner,
}

/// How wide what there is to show is at most.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    pub(super) listener: usize,
    /// Figures of the accept queues, and of the SYN queues.
    pub(super) accept: usize,
    pub(super) syn: usize,
    pub(super) reason: usize,
    pub(super) owner: usize,
    /// Whether there are several namespaces.
    pub(super) netns: bool,
    /// Whether somebody measures how long connections wait.
    pub(super) latency: bool,
}

const GAP: usize = 1;
/// Columns of the mark beside the chosen row.
pub(super) const MARK: usize = 1;
/// A bar, and the space before it.
const BAR: usize = 5;
const NUMBER: usize = 7;
/// Figures such as 9>8, and the title above them.
pub(super) const FIGURES: usize = 5;

/// The columns and their widths, from left to right.
pub(super) fn lay_out(width: usize, needs: &Needs) -> Vec<(Column, usize)> {
    let width = width.saturating_sub(MARK);
    let (accept, syn) = (needs.accept.max(FIGURES), needs.syn.max(FIGURES));
    let mut columns = vec![
        (Column::Listener, needs.listener.clamp(12, 17)),
        (Column::Accept, accept + BAR),
        (Column::Syn, syn + BAR),
        (Column::Rate, NUMBER),
        (Column::Drops, NUMBER),
    ];
    // Bars are given up before figures.
    if taken(&columns) > width {
        columns[1].1 = accept.max(8);
        columns[2].1 = syn;
        columns[0].1 = 12;
    }
    let more = [
        (Column::Trend, 6, true),
        (Column::Owner, 8, true),
        (Column::Latency, 8, needs.latency),
        (Column::Netns, 10, needs.netns),
        (Column::Reason, needs.reason.clamp(6, 28), needs.reason > 0),
    ];
    for (column, least, wanted) in more {
        if wanted && taken(&columns) + GAP + least <= width {
            columns.push((column, least));
        }
    }
    columns.sort_unstable();
    let growth = [
        (Column::Listener, needs.listener.min(47)),
        (Column::Owner, needs.owner.min(24)),
        (Column::Reason, needs.reason.min(60)),
        (Column::Accept, accept + 11),
        (Column::Syn, syn + 11),
        (Column::Owner, needs.owner.min(60)),
        (Column::Trend, 40),
        (Column::Accept, accept + 21),
        (Column::Syn, syn + 21),
    ];
    for (column, most) in growth {
        let spare = width.saturating_sub(taken(&columns));
        if let Some((_, width)) = columns.iter_mut().find(|(known, _)| *known == column) {
            *width += spare.min(most.saturating_sub(*width));
        }
    }
    columns
}

fn taken(columns: &[(Column, usize)]) -> usize {
    columns.iter().map(|(_, width)| width + GAP).sum::<usize>().saturating_sub(GAP)
}

#[cfg(test)]
mod tests {
    use super::{Column, MARK, Needs, lay_out, taken};

    const NEEDS: Needs = Needs {
        listener: 11,
        accept: 5,
        syn: 5,
        reason: 48,
        owner: 24,
        netns: false,
        latency: false,
    };

    #[test]
    fn nothing_is_ever_too_wide() {
        let widest = Needs { listener: 60, accept: 21, syn: 21, netns: true, ..NEEDS };
        for needs in [NEEDS, Needs { latency: true, ..NEEDS }, Needs::default(), widest] {
            for width in 80..400 {
                let columns = lay_out(width, &needs);
                assert!(taken(&columns) <= width - MARK, "{width}: {columns:?}");
            }
        }
        for width in 60..80 {
            assert!(taken(&lay_out(width, &NEEDS)) <= width - MARK, "{width}");
        }
    }

    #[test]
    fn what_is_unknown_has_no_column() {
        let has = |width, needs: &Needs, wanted| {
            lay_out(width, needs).iter().any(|(column, _)| *column == wanted)
        };
        assert!(!has(200, &NEEDS, Column::Latency) && !has(200, &NEEDS, Column::Netns));
        let all = Needs { latency: true, netns: true, ..NEEDS };
        assert!(has(200, &all, Column::Latency) && has(200, &all, Column::Netns));
        assert!(has(80, &NEEDS, Column::Owner) && has(80, &NEEDS, Column::Trend));
        assert!(!has(80, &NEEDS, Column::Reason) && has(200, &NEEDS, Column::Reason));
        assert!(!has(200, &Needs { reason: 0, ..NEEDS }, Column::Reason));
    }
}
