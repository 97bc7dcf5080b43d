//! `cargo xtask test`: everything that can fail, and one line at the end that says how much did.

mod branches;
mod deny;
mod host;
mod libtest;
mod matrix;
mod page;
mod tally;

use anyhow::Result;

use self::tally::Tally;
use crate::cli::Test;

/// Runs the parts asked for, all of them to their end; the result is the exit status.
pub(crate) fn run(options: &Test) -> Result<i32> {
    let mut tally = Tally::default();
    if options.wants_host() {
        host::run(&mut tally);
    }
    if options.wants_matrix() {
        matrix::run(options, &mut tally)?;
    }
    tally.print();
    Ok(i32::from(!tally.is_clean()))
}
