//! `syndrop trace`: the running kernel, live.

use std::future::Future;
use std::io::stderr;

use super::output::Output;
use super::{filter, runtime, stop};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::filter::Notices;
use crate::kernel::hooks::{self, Asked};
use crate::pipeline::Limits;
use crate::render;
use crate::source::{Settings, Source, live};

pub(super) fn run(arguments: &cli::Trace) -> Result<Exit, Failure> {
    let filter = filter(&arguments.filter, Notices::None)?;
    let before = |reason| hooks::BEFORE_LISTENER.contains(reason);
    let asked = Asked {
        notices: filter.notices,
        before_listener: arguments.before_listener || arguments.filter.reasons.iter().any(before),
    };
    let cli::Trace { attach, verbose, .. } = *arguments;
    let settings = Settings { filter, asked, attach, verbose };
    if arguments.verbose {
        render::diagnostics_to_stderr();
    }
    let stop = stop::watch()?;
    runtime()?.block_on(async {
        let source = live::open(&settings);
        let mut source = source.map_err(|error| Failure::new(error.exit(), error))?;
        trace(&mut source, arguments, stop).await
    })
}

async fn trace<S: Source>(
    source: &mut S,
    arguments: &cli::Trace,
    stop: impl Future<Output = ()>,
) -> Result<Exit, Failure> {
    let output = Output::open(&arguments.output)?;
    // Nobody is told that stderr is gone.
    let _ = render::ready(&mut stderr(), source.opening(), arguments.verbose);
    let limits = Limits { duration: arguments.duration, count: arguments.output.count };
    let drops = output.run(source, limits, stop).await?;
    Ok(if arguments.fail_on_drop && drops > 0 { Exit::GateFailed } else { Exit::Ended })
}
