//! Where the data goes, and in which format.

use std::fs::File;
use std::future::Future;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;

use jiff::tz::TimeZone;

use crate::cli;
use crate::exit::Failure;
use crate::pipeline::{self, Limits, PipelineError, Sinks};
use crate::render::{Json, Render, Text};
use crate::source::Source;

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum OutputError {
    #[error("failed to create {name}")]
    Create { name: String, source: io::Error },
    #[error("failed to write to {name}")]
    Write { name: String, source: io::Error },
}

/// An open output.
pub(super) struct Output {
    name: String,
    data: BufWriter<Box<dyn Write>>,
    render: Box<dyn Render>,
}

impl Output {
    /// Opens it as the command line says.
    pub(super) fn open(arguments: &cli::Output) -> Result<Self, Failure> {
        let (name, data, colour) = match &arguments.output {
            Some(path) => (path.display().to_string(), create(path)?, false),
            None => ("stdout".to_owned(), Box::new(io::stdout()) as Box<dyn Write>, colour()),
        };
        let render: Box<dyn Render> = if arguments.json {
            Box::new(Json::default())
        } else {
            Box::new(Text::new(TimeZone::system(), colour))
        };
        Ok(Self { name, data: BufWriter::with_capacity(1 << 16, data), render })
    }

    /// Runs the pipeline into it; says how many drops there were.
    pub(super) async fn run<S: Source>(
        mut self,
        source: &mut S,
        limits: Limits,
        stop: impl Future<Output = ()>,
    ) -> Result<u64, Failure> {
        let sinks =
            Sinks { render: &mut *self.render, data: &mut self.data, status: &mut io::stderr() };
        match pipeline::run(source, sinks, limits, stop).await {
            Ok(summary) => Ok(summary.totals.count()),
            Err(PipelineError::Source(error)) => Err(error.into()),
            Err(PipelineError::Write(source)) => {
                Err(OutputError::Write { name: self.name, source }.into())
            }
        }
    }
}

/// What was written to stdout at once. That nobody reads it any more is no failure.
pub(super) fn printed(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(source) if source.kind() != ErrorKind::BrokenPipe => {
            Err(OutputError::Write { name: "stdout".to_owned(), source }.into())
        }
        _ => Ok(()),
    }
}

pub(super) fn create(path: &Path) -> Result<Box<dyn Write>, OutputError> {
    let file = File::create(path);
    let file =
        file.map_err(|source| OutputError::Create { name: path.display().to_string(), source });
    Ok(Box::new(file?))
}

/// Only a terminal gets colours, and only if the user has nothing against them.
pub(super) fn colour() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}
