//! Licences, sources and duplicates of all dependencies, checked by cargo-deny without a network,
//! once they are there.
//!
//! Its fourth check, advisories, needs a database that is fetched anew each time; a test must not
//! depend on that.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::host::visible;
use crate::{artifact, bpf, cache, command, toolchain};

const VERSION: &str = "0.20.2";

/// Holds the dependencies against `deny.toml`.
pub(crate) fn check() -> Result<()> {
    let mut fetch = artifact::cargo();
    // It wants to see those of other systems too, which no build here has asked for.
    visible(fetch.args(["fetch", "--locked", "--quiet"]))?;
    let mut command = Command::new(program()?);
    command.current_dir(bpf::workspace());
    // All features: the command line tool's own view of the tree is the default features only.
    command.args(["--offline", "--all-features", "check", "--hide-inclusion-graph"]);
    visible(command.args(["licenses", "bans", "sources"]))
}

fn program() -> Result<PathBuf> {
    if let Some(installed) = toolchain::on_path("cargo-deny") {
        let version = command::read(Command::new(&installed).arg("--version"));
        if version.is_ok_and(|text| text.trim_end().ends_with(VERSION)) {
            return Ok(installed);
        }
    }
    let entry = cache::entry(&format!("cargo-deny/{VERSION}"), |directory| {
        eprintln!("building cargo-deny {VERSION} (some two minutes)");
        let target = directory.join("target");
        let mut install = artifact::cargo();
        // Unoptimised: it is built more often than it has much to do.
        install.args(["install", "cargo-deny", "--locked", "--debug", "--version", VERSION]);
        install.arg("--root").arg(directory).arg("--target-dir").arg(&target);
        command::read(&mut install)?;
        cache::remove(&target)
    });
    Ok(entry.context("failed to build cargo-deny")?.join("bin/cargo-deny"))
}
