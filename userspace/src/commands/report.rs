//! `syndrop report`: a recording, through the same pipeline, as one page.

use std::env;
use std::fs;
use std::io::{self, Write, stdout};
use std::path::Path;
use std::pin::pin;

use super::output::{OutputError, printed};
use super::{filter, replay, runtime, stop};
use crate::cli;
use crate::exit::{Exit, Failure};
use crate::filter::{Notices, shows_every_drop};
use crate::pipeline::{self, Limits, PipelineError, Sinks};
use crate::render::Html;
use crate::source::replay::Replay;

pub(super) fn run(arguments: &cli::Report) -> Result<Exit, Failure> {
    let filter = filter(&arguments.filter, Notices::All)?;
    let path = arguments.output.as_deref().filter(|path| *path != Path::new("-"));
    let (name, reader) = replay::open(&arguments.file, path)?;
    let stop = stop::watch()?;
    let page = runtime()?.block_on(async {
        let mut stop = pin!(stop);
        let replay = tokio::select! {
            biased;
            () = &mut stop => return Ok(None),
            replay = Replay::open(&name, reader, filter, None) => replay,
        };
        let owner = arguments.filter.owner();
        let narrowed = !shows_every_drop(&filter) || !owner.is_any();
        let mut page = Vec::new();
        let mut html = Html::new(command(), narrowed);
        let sinks = Sinks { render: &mut html, data: &mut page, status: &mut io::stderr() };
        match pipeline::run(&mut replay?.of_owner(owner), sinks, Limits::default(), stop).await {
            Ok(_) => Ok::<_, Failure>(Some(page)),
            Err(PipelineError::Source(error)) => Err(error.into()),
            Err(PipelineError::Write(error)) => Err(error.into()),
        }
    })?;
    // A page of nothing would replace one that somebody still wants.
    let Some(page) = page else { return Ok(Exit::Ended) };
    match path {
        None => printed(stdout().write_all(&page).and_then(|()| stdout().flush()))?,
        Some(path) => fs::write(path, page)
            .map_err(|source| OutputError::Write { name: path.display().to_string(), source })?,
    }
    Ok(Exit::Ended)
}

/// The command line, as a shell would take it again.
fn command() -> String {
    let words = env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    let words: Vec<_> = ["syndrop".to_owned()].into_iter().chain(words).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./,:=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_that_a_shell_would_split_are_quoted() {
        for (word, written) in
            [("-P", "-P"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''"), ("$x", "'$x'")]
        {
            assert_eq!(quoted(word), written);
        }
    }
}
