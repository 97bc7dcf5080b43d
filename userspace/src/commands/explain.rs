//! `syndrop explain`: the catalogue, to read.

use std::cell::LazyCell;
use std::io::{self, BufWriter, Write, stdout};

use super::output::{colour, printed};
use crate::catalogue::{self, fate};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::kernel::DropReasons;
use crate::render::{explain, explain_all, explain_json};

pub(super) fn run(arguments: &cli::Explain) -> Result<Exit, Failure> {
    printed(write(arguments, &mut BufWriter::new(stdout().lock())))?;
    Ok(Exit::Ended)
}

fn write(arguments: &cli::Explain, out: &mut dyn Write) -> io::Result<()> {
    // Not before it is asked for: most reasons have no such name.
    let reasons = LazyCell::new(|| DropReasons::of_this_kernel(fate::names()));
    let number = |name: &str| reasons.number(name);
    match (arguments.reason.map(catalogue::of), arguments.json) {
        (Some(entry), true) => explain_json(out, entry, &number)?,
        (Some(entry), false) => explain(out, entry, colour(), &number)?,
        (None, true) => {
            catalogue::all().try_for_each(|entry| explain_json(out, entry, &number))?;
        }
        (None, false) => explain_all(out, colour())?,
    }
    out.flush()
}
