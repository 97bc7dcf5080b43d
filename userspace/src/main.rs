//! syndrop.

use std::io::stderr;
use std::process::ExitCode;

use clap::Parser;
use syndrop::cli::Cli;
use syndrop::{commands, render};

fn main() -> ExitCode {
    match commands::run(&Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // The status says it, too.
            let _ = render::failure(&mut stderr(), &*failure.cause);
            failure.exit.into()
        }
    }
}
