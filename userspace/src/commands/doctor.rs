//! `syndrop doctor`: what this kernel and these rights allow.

use std::io::{BufWriter, Write, stdout};

use super::output::{colour, printed};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::kernel::Diagnosis;
use crate::render::{doctor, doctor_json};

pub(super) fn run(arguments: &cli::Doctor) -> Result<Exit, Failure> {
    let diagnosis = Diagnosis::of_this_machine();
    let mut out = BufWriter::new(stdout().lock());
    let written = if arguments.json {
        doctor_json(&mut out, &diagnosis)
    } else {
        doctor(&mut out, &diagnosis, colour())
    };
    printed(written.and_then(|()| out.flush()))?;
    Ok(diagnosis.exit)
}
