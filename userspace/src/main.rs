//! syndrop.

use std::env::args_os;
use std::io::stderr;
use std::process::ExitCode;

use clap::Parser;
use syndrop::cli::Cli;
use syndrop::kernel::Ahead;
use syndrop::{commands, render};

fn main() -> ExitCode {
    let traces = commands::traces(args_os().nth(1).as_deref());
    let types = if traces { Ahead::begin() } else { Ahead::default() };
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return commands::usage(&error).into();
        }
    };
    match commands::run(&cli, types) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            // The status says it, too.
            let _ = render::failure(&mut stderr(), &*failure.cause);
            failure.exit.into()
        }
    }
}
