//! Command lines that cannot be meant: exit code 2, and a message that names the word.

use anyhow::{Result, ensure};

use crate::case::Case;
use crate::process::{Process, command};

/// Arguments, and the word that is wrong.
const ROWS: &[(&str, &[&str], &str)] = &[
    ("port", &["trace", "--port", "70000"], "70000"),
    ("ports", &["trace", "--port", "80,http"], "http"),
    ("peer", &["trace", "--peer", "10.0.0.0/33"], "10.0.0.0/33"),
    ("local", &["trace", "--local", "fd09::/129"], "fd09::/129"),
    ("duration", &["trace", "--duration", "5parsecs"], "5parsecs"),
    ("count", &["trace", "--count", "some"], "some"),
    ("reason", &["trace", "--reason", "bad-luck"], "bad-luck"),
    ("families", &["trace", "-4", "-6"], "-6"),
    ("stage", &["trace", "--stage", "encore"], "encore"),
    ("option", &["trace", "--loud"], "--loud"),
    ("command", &["dance"], "dance"),
];

pub(crate) fn cases() -> Vec<Case> {
    let cases = ROWS.iter().map(|&(name, arguments, word)| {
        Case::new(format!("usage::{name}"), move || refuse(arguments, word))
    });
    cases.collect()
}

fn refuse(arguments: &[&str], word: &str) -> Result<()> {
    let ending = Process::start(command(arguments))?.wait()?;
    ending.ensure_code(2)?;
    ensure!(ending.stdout.is_empty(), "data without a run: {ending:?}");
    ensure!(ending.stderr.iter().any(|line| line.contains(word)), "no {word} in {ending:?}");
    Ok(())
}
