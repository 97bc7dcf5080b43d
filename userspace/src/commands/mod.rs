//! What each subcommand does: a few lines of wiring apiece.

use std::env;
use std::ffi::OsStr;
use std::io::{Write, stdout};

use tokio::runtime::{Builder, Runtime};

use crate::cli::{self, Cli, Command};
use crate::exit::{Exit, Failure};
use crate::filter::{Notices, Wanted};
use crate::kernel::Ahead;

mod doctor;
mod explain;
mod listeners;
mod metrics;
mod output;
mod replay;
mod report;
mod run;
mod stop;
mod top;
mod trace;

/// Runs what was asked for.
///
/// # Errors
/// If it could not do its work; the failure says with which status to end.
pub fn run(cli: &Cli, types: Ahead) -> Result<Exit, Failure> {
    match &cli.command {
        None => trace::run(&cli.trace, types),
        Some(Command::Trace(arguments)) => trace::run(arguments, types),
        Some(Command::Listeners(arguments)) => listeners::run(arguments),
        Some(Command::Run(arguments)) => run::run(arguments, types),
        Some(Command::Explain(arguments)) => explain::run(arguments),
        Some(Command::Doctor(arguments)) => doctor::run(arguments),
        Some(Command::Completions(arguments)) => {
            output::printed(stdout().write_all(&cli::script(arguments.shell)))?;
            Ok(Exit::Ended)
        }
        Some(Command::Replay(arguments)) => replay::run(arguments),
        Some(Command::Metrics(arguments)) => metrics::run(arguments, types),
        Some(Command::Report(arguments)) => report::run(arguments),
        Some(Command::Top(arguments)) => top::run(arguments, types),
    }
}

/// Subcommands that trace the running kernel, as does none at all.
const TRACING: [&str; 4] = ["trace", "run", "top", "metrics"];

/// Options that ask for something else.
const OF_ITSELF: [&str; 4] = ["-h", "--help", "-V", "--version"];

/// Whether a command line asks for the running kernel to be traced, as far as its first word tells.
pub fn traces(word: Option<&OsStr>) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|name| word == Some(OsStr::new(name)));
    let is_option = word.is_some_and(|word| word.as_encoded_bytes().starts_with(b"-"));
    word.is_none() || is_one_of(&TRACING) || is_option && !is_one_of(&OF_ITSELF)
}

/// What it means for the exit status that the command line was answered by help or by an error.
/// Whoever wraps a command by `run` tells its failures from those of syndrop by it.
pub fn usage(error: &clap::Error) -> Exit {
    let wraps = env::args_os().nth(1).is_some_and(|word| word == "run");
    match error.exit_code() {
        0 => Exit::Ended,
        _ if wraps => Exit::WrapperFailed,
        _ => Exit::Failed,
    }
}

/// What the filter's arguments mean on this machine, and which notices it is if they say nothing
/// about that.
fn filter(arguments: &cli::Filter, unsaid: Notices) -> Result<ebpf_probes::Filter, Failure> {
    Ok(wanted(arguments, unsaid)?.compile()?)
}

/// The same before it is put in the form of the probes.
fn wanted(arguments: &cli::Filter, unsaid: Notices) -> Result<Wanted, Failure> {
    let netns = arguments.netns.as_ref().map(crate::filter::Netns::inode).transpose()?;
    let notices = match &arguments.notices {
        None if arguments.reasons.is_empty() => unsaid,
        None => Notices::None,
        Some(ids) if ids.is_empty() => Notices::All,
        Some(ids) => Notices::Only(ids.clone()),
    };
    Ok(Wanted {
        ports: arguments.ports.clone(),
        local: arguments.local,
        peer: arguments.peer,
        family: arguments.family(),
        netns,
        reasons: arguments.reasons.clone(),
        notices,
        stages: arguments.stages.clone(),
    })
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use clap::CommandFactory;

    use super::{TRACING, traces};
    use crate::cli::Cli;

    #[test]
    fn the_first_word_tells_whether_the_kernel_is_traced() {
        let tells = |word| traces(Some(OsStr::new(word)));
        assert!(traces(None) && tells("--port=80") && tells("-v") && tells("run"));
        assert!(!tells("--help") && !tells("-V") && !tells("replay") && !tells("explain"));
        let cli = Cli::command();
        assert!(TRACING.iter().all(|name| cli.find_subcommand(name).is_some()));
    }
}
