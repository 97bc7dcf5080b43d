//! `syndrop run -- CMD`: the running kernel for as long as a command runs, and a verdict.

use std::io::stderr;

use super::{filter, runtime};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::filter::Notices;
use crate::gate::Gate;
use crate::kernel::Ahead;
use crate::kernel::hooks::Asked;
use crate::pipeline::{self, Limits, PipelineError};
use crate::render;
use crate::source::live;
use crate::source::{Settings, Source};
use command::{Command, CommandError, Ending};
use report::{Report, ReportError};

mod command;
mod report;

pub(super) fn run(arguments: &cli::Run, types: Ahead) -> Result<Exit, Failure> {
    gated(arguments, types).map_err(|failure| match failure.exit {
        Exit::CannotExecute | Exit::CommandNotFound => failure,
        _ => Failure { exit: Exit::WrapperFailed, ..failure },
    })
}

fn gated(arguments: &cli::Run, types: Ahead) -> Result<Exit, Failure> {
    let gate = Gate { allowed: arguments.max_drops, only: arguments.only.clone() };
    let settings = settings(arguments)?;
    if arguments.verbose {
        render::diagnostics_to_stderr();
    }
    let mut report = Report::open(arguments, &gate)?;
    runtime()?.block_on(async {
        let mut source = live::open(&settings, types)?;
        let opening = source.opening();
        // Nobody is told that stderr is gone; here and below.
        let _ = if arguments.verbose {
            render::ready(&mut stderr(), opening, true)
        } else {
            render::blind_spots(&mut stderr(), opening, &gate.only)
        };
        let mut command = Command::start(&arguments.command).map_err(failed)?;
        let limits = Limits { owner: arguments.filter.owner(), ..Limits::default() };
        let traced = trace(&mut source, &mut report, &mut command, limits).await;
        let ending = command.end().await.map_err(failed)?;
        let summary = match (traced, ending) {
            (Ok(summary), _) => summary,
            (Err(error), Ending::Failed(status)) => {
                let _ = render::failure(&mut stderr(), &*error.cause);
                return Ok(Exit::CommandFailed(status));
            }
            (Err(error), Ending::Succeeded) => return Err(error),
        };
        let verdict = gate.judge(&summary.totals, &summary.losses);
        report.close(&summary);
        let _ = render::verdict(&mut stderr(), verdict);
        Ok(match ending {
            Ending::Failed(status) => Exit::CommandFailed(status),
            Ending::Succeeded if verdict.passed() => Exit::Ended,
            Ending::Succeeded => Exit::GateFailed,
        })
    })
}

fn failed(error: CommandError) -> Failure {
    Failure::new(error.exit(), error)
}

fn settings(arguments: &cli::Run) -> Result<Settings, Failure> {
    let filter = filter(&arguments.filter, Notices::None)?;
    let asked = Asked {
        notices: filter.notices,
        before_listener: arguments
            .filter
            .before_listener(arguments.before_listener, &arguments.only),
        accept_latency: arguments.latency,
        listen_calls: true,
    };
    let cli::Detail { rate, rows } = arguments.detail;
    let cli::Run { attach, stats, verbose, .. } = *arguments;
    Ok(Settings { filter, detail: rate, rows, asked, attach, stats, verbose })
}

async fn trace(
    source: &mut live::Live,
    report: &mut Report,
    command: &mut Command,
    limits: Limits,
) -> Result<render::Summary, Failure> {
    let traced = pipeline::run(source, report.sinks(), limits, command.ended()).await;
    traced.map_err(|error| match error {
        PipelineError::Source(error) => error.into(),
        PipelineError::Write(source) => ReportError::Write { name: report.name(), source }.into(),
    })
}
