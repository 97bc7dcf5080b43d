//! Whether a lab stands on a kernel.

use super::catalogue::Lab;
use super::sheet::Sheet;
use super::stage::Report;

/// What came of a lab.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was played; the sheet says whether it stands.
    Judged(Sheet),
    /// There is nothing to judge, and why.
    NotPlayed(String),
}

impl Verdict {
    /// Judges a report.
    pub(super) fn of(lab: &Lab, report: &Report) -> Self {
        let Some(facts) = &report.facts else {
            let why = report.error.as_deref().unwrap_or("the guest reported no facts");
            return Self::NotPlayed(why.to_owned());
        };
        match (lab.judge)(facts) {
            Ok(mut sheet) => {
                let left = report.left.join(", ");
                sheet.must(report.left.is_empty(), format!("it left something running: {left}"));
                Self::Judged(sheet)
            }
            Err(error) => Self::NotPlayed(format!("{error:#}")),
        }
    }

    /// All that is wrong.
    pub(super) fn failures(&self) -> Vec<String> {
        match self {
            Self::Judged(sheet) => sheet.failures(),
            Self::NotPlayed(why) => vec![why.clone()],
        }
    }

    /// Whether the lab stands.
    pub(super) fn stands(&self) -> bool {
        self.failures().is_empty()
    }

    /// In a few words.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::NotPlayed(_) => "FAILED",
            Self::Judged(sheet) if !sheet.failures().is_empty() => "FAILED",
            Self::Judged(sheet) if sheet.is_all_same() => "as published",
            Self::Judged(_) => "reproduced, differences explained",
        }
    }

    /// The line that ends a lab.
    pub(super) fn line(&self, name: &str) -> String {
        format!("Verdict on {name}: {}", self.word())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lab::sheet::figures;

    fn lab(judge: fn(&serde_json::Value) -> anyhow::Result<Sheet>) -> Lab {
        Lab { name: "x", title: "", published: "", lesson: "", judge }
    }

    fn report(facts: Option<serde_json::Value>, left: &[&str]) -> Report {
        Report {
            lab: "x".into(),
            kernel: "6.12".into(),
            steps: vec![],
            facts,
            error: None,
            left: left.iter().map(|&line| line.to_owned()).collect(),
            seconds: 1.0,
        }
    }

    #[test]
    fn silence_and_leftovers_are_failures() {
        let fine = lab(|_| {
            let mut sheet = Sheet::default();
            sheet.same("a", figures!(1, 1, 1), true);
            Ok(sheet)
        });
        assert!(Verdict::of(&fine, &report(Some(json!({})), &[])).stands());
        assert_eq!(Verdict::of(&fine, &report(Some(json!({})), &[])).word(), "as published");
        assert!(!Verdict::of(&fine, &report(None, &[])).stands());
        let left = Verdict::of(&fine, &report(Some(json!({})), &["hping3 -S"]));
        assert!(left.failures()[0].contains("hping3"));
    }
}
