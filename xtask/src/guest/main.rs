//! PID 1 of a guest, and the programs that only make sense inside one.
//!
//! Statically linked, so that the archive around it may contain whatever C library the packed
//! programs were built for, or none.

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
    if std::env::args().nth(1).as_deref() == Some("demo") {
        return demo::run();
    }
    eprintln!("guest: this is PID 1 of a guest; by hand, `guest demo` only");
    ExitCode::from(2)
}
