//! `syndrop explain`: the catalogue, to read.

use std::io::{self, BufWriter, Write, stdout};

use super::output::{colour, printed};
use crate::catalogue;
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::render::{explain, explain_all, explain_json};

pub(super) fn run(arguments: &cli::Explain) -> Result<Exit, Failure> {
    printed(write(arguments, &mut BufWriter::new(stdout().lock())))?;
    Ok(Exit::Ended)
}

fn write(arguments: &cli::Explain, out: &mut dyn Write) -> io::Result<()> {
    match (arguments.reason.map(catalogue::of), arguments.json) {
        (Some(entry), true) => explain_json(out, entry)?,
        (Some(entry), false) => explain(out, entry, colour())?,
        (None, true) => catalogue::all().try_for_each(|entry| explain_json(out, entry))?,
        (None, false) => explain_all(out, colour())?,
    }
    out.flush()
}
