//! A lab's result: published, this kernel, syndrop, side by side, and whether they fit.

/// Whether a row is as it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fit {
    /// The same figures.
    Same,
    /// Other figures, and this is why.
    Explained(String),
    /// Not what has to be.
    Wrong,
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) published: String,
    pub(super) here: String,
    pub(super) said: String,
    pub(super) fit: Fit,
}

/// All figures of one lab on one kernel.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) rows: Vec<Row>,
    /// What has to hold and is no figure.
    failures: Vec<String>,
    /// Lines of syndrop's own output, to be seen as they are.
    pub(super) quote: Vec<String>,
}

impl Sheet {
    /// A figure that has to be as it was published.
    pub(super) fn same(
        &mut self,
        what: impl Into<String>,
        [published, here, said]: [String; 3],
        holds: bool,
    ) {
        let fit = if holds { Fit::Same } else { Fit::Wrong };
        self.rows.push(Row { what: what.into(), published, here, said, fit });
    }

    /// A figure that differs from the published one, or has none, for this reason.
    pub(super) fn explained(
        &mut self,
        what: impl Into<String>,
        [published, here, said]: [String; 3],
        holds: bool,
        why: &str,
    ) {
        let fit = if holds { Fit::Explained(why.to_owned()) } else { Fit::Wrong };
        self.rows.push(Row { what: what.into(), published, here, said, fit });
    }

    /// Something else that has to hold.
    pub(super) fn must(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.failures.push(what.into());
        }
    }

    /// Shows some of these lines as syndrop printed them: the table's head, then those wanted.
    pub(super) fn quote(&mut self, text: &str, events: usize) {
        let mut lines = text.lines();
        let stream: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
        self.quote.extend(stream.iter().take(events + 1).map(|&line| line.to_owned()));
        if stream.len() > events + 1 {
            self.quote.push(format!("… {} more", stream.len() - events - 1));
        }
        self.quote.push(String::new());
        self.quote.extend(lines.map(str::to_owned));
        while self.quote.last().is_some_and(String::is_empty) {
            self.quote.pop();
        }
    }

    /// All that does not hold; empty is a lab that stands.
    pub(super) fn failures(&self) -> Vec<String> {
        let wrong = self.rows.iter().filter(|row| row.fit == Fit::Wrong);
        let wrong = wrong.map(|row| {
            let Row { what, published, here, said, .. } = row;
            format!("{what}: published {published}, here {here}, syndrop said {said}")
        });
        wrong.chain(self.failures.iter().cloned()).collect()
    }

    /// The different explanations, in the order in which rows name them.
    pub(super) fn explanations(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for row in &self.rows {
            if let Fit::Explained(why) = &row.fit
                && !all.contains(&why.as_str())
            {
                all.push(why);
            }
        }
        all
    }

    /// Whether every figure is as it was published.
    pub(super) fn is_all_same(&self) -> bool {
        self.rows.iter().all(|row| row.fit == Fit::Same)
    }
}

/// A row's three figures.
macro_rules! figures {
    ($published:expr, $here:expr, $said:expr) => {
        [$published.to_string(), $here.to_string(), $said.to_string()]
    };
}
pub(super) use figures;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_row_and_a_missing_provocation_fail_the_lab() {
        let mut sheet = Sheet::default();
        sheet.same("queue", figures!(6, 6, "6>5"), true);
        assert!(sheet.failures().is_empty() && sheet.is_all_same());
        sheet.same("refused", figures!(4, 3, "3"), false);
        sheet.must(false, "nothing was refused");
        let failures = sheet.failures();
        assert_eq!(failures.len(), 2);
        assert!(failures[0].contains("published 4, here 3"), "{failures:?}");
    }

    #[test]
    fn an_explanation_is_told_once() {
        let mut sheet = Sheet::default();
        for here in [1, 2] {
            sheet.explained("figure", figures!(9, here, "-"), true, "another rule");
        }
        assert_eq!(sheet.explanations(), ["another rule"]);
        assert!(!sheet.is_all_same());
    }

    #[test]
    fn a_quote_keeps_the_head_and_the_summary() {
        let mut sheet = Sheet::default();
        sheet.quote("HEAD\na\nb\nc\n\n3 drops\n\nbooks\n\n", 2);
        assert_eq!(sheet.quote, ["HEAD", "a", "b", "… 1 more", "", "3 drops", "", "books"]);
    }
}
