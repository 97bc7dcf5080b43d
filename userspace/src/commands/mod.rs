//! What each subcommand does: a few lines of wiring apiece.

use std::env;
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

/// Whether the command line asks for the running kernel to be traced, as far as its first word tells.
pub fn traces() -> bool {
    const TRACING: [&str; 4] = ["trace", "run", "top", "metrics"];
    const OF_ITSELF: [&str; 4] = ["-h", "--help", "-V", "--version"];
    let Some(word) = env::args_os().nth(1) else { return true };
    let is_option = word.as_encoded_bytes().starts_with(b"-");
    TRACING.iter().any(|name| word == *name)
        || is_option && !OF_ITSELF.iter().any(|name| word == *name)
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
