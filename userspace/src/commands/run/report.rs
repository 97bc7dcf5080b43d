//! Where the report goes, and as what.

use std::fs::File;
use std::io::{self, BufWriter, Write, stderr};
use std::path::Path;

use jiff::tz::TimeZone;

use crate::cli::{self, Format};
use crate::gate::Gate;
use crate::incident::Incident;
use crate::pipeline::Sinks;
use crate::render::{Github, Json, Junit, Markdown, Render, Summary, Text};
use crate::source::{Lost, Opening};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReportError {
    #[error("failed to create {name}")]
    Create { name: String, source: io::Error },
    #[error("failed to write to {name}")]
    Write { name: String, source: io::Error },
}

/// An open report.
pub(super) struct Report {
    /// The file; `None` is stderr.
    file: Option<String>,
    data: BufWriter<Box<dyn Write>>,
    render: Box<dyn Render>,
    status: io::Stderr,
}

impl Report {
    /// Opens it before anything runs: a report that cannot be written is known at once.
    pub(super) fn open(arguments: &cli::Run, gate: &Gate) -> Result<Self, ReportError> {
        let append = arguments.format == Format::Markdown;
        let file = arguments.output.as_deref();
        let data = match file {
            Some(path) => create(path, append)?,
            None => Box::new(stderr()),
        };
        let render: Box<dyn Render> = match arguments.format {
            Format::Text => Box::new(AtTheEnd::new(file.is_none() && colour())),
            Format::Json => Box::new(Json::default()),
            Format::Junit => Box::new(Junit::new(gate.clone())),
            Format::Github => Box::new(Github::new(gate.clone())),
            Format::Markdown => Box::new(Markdown::new(gate.clone())),
        };
        Ok(Self {
            file: file.map(|path| path.display().to_string()),
            data: BufWriter::with_capacity(1 << 16, data),
            render,
            status: stderr(),
        })
    }

    /// What to call the place that it goes to.
    pub(super) fn name(&self) -> String {
        self.file.clone().unwrap_or_else(|| "stderr".to_owned())
    }

    /// For the pipeline.
    pub(super) fn sinks(&mut self) -> Sinks<'_> {
        Sinks { render: &mut *self.render, data: &mut self.data, status: &mut self.status }
    }

    /// Tells people what the file tells: a log should say why the run failed.
    pub(super) fn close(&mut self, summary: &Summary) {
        if self.file.is_some() {
            // Nobody is told that stderr is gone.
            let _ = AtTheEnd::new(colour()).summary(&mut self.status, summary);
        }
    }
}

fn create(path: &Path, append: bool) -> Result<Box<dyn Write>, ReportError> {
    let mut options = File::options();
    // The page of a step may have other parts already.
    let options = if append { options.append(true) } else { options.write(true).truncate(true) };
    let file = options.create(true).open(path);
    let file =
        file.map_err(|source| ReportError::Create { name: path.display().to_string(), source });
    Ok(Box::new(file?))
}

fn colour() -> bool {
    anstream::AutoStream::choice(&stderr()) != anstream::ColorChoice::Never
}

/// Text, but for the lines of drops: they would stand between those of the command.
struct AtTheEnd(Text);

impl AtTheEnd {
    fn new(colour: bool) -> Self {
        Self(Text::new(TimeZone::system(), colour))
    }
}

impl Render for AtTheEnd {
    fn opening(&mut self, _: &mut dyn Write, _: &Opening) -> io::Result<()> {
        Ok(())
    }

    fn incident(&mut self, _: &mut dyn Write, _: &Incident) -> io::Result<()> {
        Ok(())
    }

    fn lost(&mut self, _: &mut dyn Write, _: &Lost) -> io::Result<()> {
        Ok(())
    }

    fn summary(&mut self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        self.0.summary(out, summary)
    }
}
