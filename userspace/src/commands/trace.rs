//! `syndrop trace`: the running kernel, live.

use std::future::Future;
use std::io::stderr;

use super::output::Output;
use super::{filter, runtime, stop};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::filter::Notices;
use crate::kernel::Ahead;
use crate::kernel::hooks::Asked;
use crate::pipeline::Limits;
use crate::render;
use crate::source::{Settings, Source, live};

/// It would never end.
#[derive(Debug, thiserror::Error)]
#[error("failed to count drops with --detail none: none is told then; leave one of the two out")]
struct NoneToCount;

pub(super) fn run(arguments: &cli::Trace, types: Ahead) -> Result<Exit, Failure> {
    if arguments.detail.rate == 0 && arguments.output.count.is_some() {
        return Err(NoneToCount.into());
    }
    let filter = filter(&arguments.filter, Notices::None)?;
    let asked = Asked {
        notices: filter.notices,
        before_listener: arguments.filter.before_listener(arguments.before_listener, &[]),
        accept_latency: arguments.latency,
        listen_calls: true,
    };
    let settings = Settings {
        filter,
        detail: arguments.detail.rate,
        rows: arguments.detail.rows,
        asked,
        attach: arguments.attach,
        stats: arguments.stats,
        verbose: arguments.verbose,
    };
    if arguments.verbose {
        render::diagnostics_to_stderr();
    }
    let stop = stop::watch()?;
    runtime()?.block_on(async {
        let source = live::open(&settings, types);
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
    let owner = arguments.filter.owner();
    let limits = Limits {
        duration: arguments.duration,
        count: arguments.output.count,
        interval: arguments.interval,
        owner,
    };
    let drops = output.run(source, limits, stop).await?;
    Ok(if arguments.fail_on_drop && drops > 0 { Exit::GateFailed } else { Exit::Ended })
}
