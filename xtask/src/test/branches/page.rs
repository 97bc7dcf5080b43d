//! The page itself: a table with a column per kernel series, and the causes of its empty cells.
//! It is read back, so that a run on some kernels leaves the columns of the others as they are.

use std::collections::BTreeMap;

use super::Cell;
use crate::kernels::KERNELS;

const HEAD: &str = "\
# Which reasons were provoked on which kernels

The kernel tests write this page. `yes`: real packets made the kernel take the branch, and syndrop
named it, `observed`, with the counters of the kernel explained. A number: not provoked there, for
the cause below the table. [reasons.md](reasons.md) says what each reason means.

";
const SEEN: &str = "yes";

type Column = BTreeMap<String, Cell>;

/// The page, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// In the order of the catalogue.
    reasons: Vec<String>,
    kernels: BTreeMap<String, Column>,
}

impl Page {
    /// Reads what is there; whatever cannot be read is not there.
    pub(super) fn read(text: &str) -> Self {
        let causes: BTreeMap<&str, &str> =
            text.lines().filter_map(|line| line.split_once(". ")).collect();
        let mut rows = text.lines().filter_map(|line| {
            let cells = line.strip_prefix("| ")?.strip_suffix(" |")?;
            Some(cells.split(" | ").map(str::trim).collect::<Vec<_>>())
        });
        let kernels: Vec<&str> = rows.next().unwrap_or_default().into_iter().skip(1).collect();
        let mut page = Self::default();
        for row in rows.filter(|row| !row[0].starts_with('-')) {
            let reason = row[0].trim_matches('`').to_owned();
            for (kernel, cell) in kernels.iter().zip(&row[1..]) {
                let cause = || causes.get(cell).map(|cause| Cell::Empty((*cause).to_owned()));
                let cell = if *cell == SEEN { Some(Cell::Seen) } else { cause() };
                let column = page.kernels.entry((*kernel).to_owned()).or_default();
                column.extend(cell.map(|cell| (reason.clone(), cell)));
            }
            page.reasons.push(reason);
        }
        page
    }

    /// Replaces or adds a column; its reasons are all that there are.
    pub(super) fn set(&mut self, kernel: &str, cells: Vec<(String, Cell)>) {
        self.reasons = cells.iter().map(|(reason, _)| reason.clone()).collect();
        self.kernels.insert(kernel.to_owned(), cells.into_iter().collect());
    }

    /// The text.
    pub(super) fn write(&self) -> String {
        let mut causes: Vec<&str> = Vec::new();
        let columns: Vec<(&str, &Column)> = self.columns().collect();
        let names: Vec<&str> = columns.iter().map(|(kernel, _)| *kernel).collect();
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let header = ["reason"].iter().chain(&names).map(|name| (*name).to_owned());
        let mut text = HEAD.to_owned() + &row(header.collect());
        let rule = ["---"].iter().chain(std::iter::repeat_n(&":-:", names.len()));
        text += &row(rule.map(|cell| (*cell).to_owned()).collect());
        for reason in &self.reasons {
            let cells = columns.iter().map(|(_, column)| match column.get(reason) {
                Some(Cell::Seen) => SEEN.to_owned(),
                Some(Cell::Empty(cause)) => number(&mut causes, cause).to_string(),
                None => "?".to_owned(),
            });
            text += &row(std::iter::once(format!("`{reason}`")).chain(cells).collect());
        }
        let causes = (1..).zip(&causes).map(|(number, cause)| format!("{number}. {cause}\n"));
        text + "\n" + &causes.collect::<String>()
    }

    /// Oldest kernel first.
    fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        let age = |name: &str| {
            let series = name.split('-').next().unwrap_or(name);
            (KERNELS.iter().position(|row| row.name == series), name.len())
        };
        let mut columns: Vec<_> = self.kernels.iter().collect();
        columns.sort_by_key(|(name, _)| age(name));
        columns.into_iter().map(|(name, column)| (name.as_str(), column))
    }
}

/// The place of a cause in the list, beginning with 1; a new one is added.
fn number<'a>(causes: &mut Vec<&'a str>, cause: &'a str) -> usize {
    let known = causes.iter().position(|known| *known == cause);
    known.unwrap_or_else(|| {
        causes.push(cause);
        causes.len() - 1
    }) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut page = Page::default();
        let empty = |cause: &str| Cell::Empty(cause.to_owned());
        let cells = |a, b| vec![("a".to_owned(), a), ("b-b".to_owned(), b)];
        page.set("6.12", cells(Cell::Seen, empty("nobody can")));
        page.set("5.10", cells(empty("too old. Really"), empty("nobody can")));
        page
    }

    #[test]
    fn kernels_stand_in_their_order_and_causes_once() {
        let text = page().write();
        let table = text.strip_prefix(HEAD).unwrap();
        assert_eq!(
            table,
            "| reason | 5.10 | 6.12 |\n| --- | :-: | :-: |\n| `a` | 1 | yes |\n\
             | `b-b` | 2 | 2 |\n\n1. too old. Really\n2. nobody can\n"
        );
    }

    #[test]
    fn what_was_written_is_read_back() {
        assert_eq!(Page::read(&page().write()), page());
    }

    #[test]
    fn a_page_that_is_not_there_is_empty() {
        assert_eq!(Page::read(""), Page::default());
    }
}
