//! Running text on a screen of 80 columns.

use std::io::{self, Write};

/// Columns that are used.
const COLUMNS: usize = 78;

/// Writes a text in lines that begin so many columns to the right.
pub(super) fn paragraph(out: &mut dyn Write, indent: usize, text: &str) -> io::Result<()> {
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width <= COLUMNS {
            write!(out, " {word}")?;
            column += 1 + width;
        } else {
            let end = if column > 0 { "\n" } else { "" };
            write!(out, "{end}{:indent$}{word}", "")?;
            column = indent + width;
        }
    }
    writeln!(out)
}
