//! `syndrop replay`: a recording, through the same pipeline.

use std::fs::File;
use std::io::{Read, stdin};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::pin::pin;

use super::output::Output;
use super::{filter, runtime, stop};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::filter::Notices;
use crate::pipeline::Limits;
use crate::source::replay::{Replay, ReplayError};

/// The output would destroy the input.
#[derive(Debug, thiserror::Error)]
#[error("failed to replay {0} into itself; write to another file")]
struct Same(String);

pub(super) fn run(arguments: &cli::Replay) -> Result<Exit, Failure> {
    let filter = filter(&arguments.filter, Notices::All)?;
    let (name, reader) = open(&arguments.file, arguments.output.output.as_deref())?;
    let stop = stop::watch()?;
    runtime()?.block_on(async {
        let mut stop = pin!(stop);
        let count = arguments.output.count;
        let replay = tokio::select! {
            biased;
            () = &mut stop => return Ok(Exit::Ended),
            replay = Replay::open(&name, reader, filter, count) => replay,
        };
        let mut replay = replay?.of_owner(arguments.filter.owner());
        let output = Output::open(&arguments.output)?;
        output.run(&mut replay, Limits::default(), stop).await?;
        Ok(Exit::Ended)
    })
}

/// A recording and its name.
pub(super) type Recording = (String, Box<dyn Read + Send>);

pub(super) fn open(path: &Path, output: Option<&Path>) -> Result<Recording, Failure> {
    if path == Path::new("-") {
        return Ok(("stdin".to_owned(), Box::new(stdin())));
    }
    let name = path.display().to_string();
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?, file)));
    let (input, file) =
        opened.map_err(|source| ReplayError::Read { name: name.clone(), source })?;
    let same = output.and_then(|path| path.metadata().ok());
    if same.is_some_and(|output| (output.dev(), output.ino()) == (input.dev(), input.ino())) {
        return Err(Same(name).into());
    }
    Ok((name, Box::new(file)))
}
