//! PID 1 of a guest, and the programs that only make sense inside one.
//!
//! Statically linked, so that the archive around it may contain whatever C library the packed
//! programs were built for, or none.

mod bench;
mod command;
mod demo;
mod filesystems;
mod init;
mod loopback;
mod output;
mod port;

use std::process::ExitCode;

fn main() -> ExitCode {
    if std::process::id() == 1 {
        init::run()
    }
    match std::env::args().nth(1).as_deref() {
        Some("bench") => bench::run(),
        Some("demo") => demo::run(),
        _ => {
            eprintln!("guest: this is PID 1 of a guest; by hand, `guest demo` or `guest bench`");
            ExitCode::from(2)
        }
    }
}
