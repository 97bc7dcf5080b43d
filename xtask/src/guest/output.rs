//! Sends the files that the command left for the host.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use boundary::frame::Report;
use boundary::plan::OUT_DIR;

use crate::port::Port;

const CHUNK: usize = 64 << 10;

/// Every file below [`OUT_DIR`], by its path relative to it.
pub(crate) fn send(port: &Port) -> Result<()> {
    send_directory(Path::new(OUT_DIR), port)
}

fn send_directory(directory: &Path, port: &Port) -> Result<()> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("failed to list {}", directory.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("failed to list {}", directory.display()))?.path();
        if path.is_dir() {
            send_directory(&path, port)?;
        } else {
            send_file(&path, port).with_context(|| format!("failed to send {}", path.display()))?;
        }
    }
    Ok(())
}

fn send_file(path: &Path, port: &Port) -> Result<()> {
    let name = path.strip_prefix(OUT_DIR)?.to_str().context("its name is not UTF-8")?;
    port.report(&Report::File(name.to_owned()))?;
    let mut file = File::open(path)?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = file.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        port.report(&Report::FileBytes(chunk[..length].to_vec()))?;
    }
}
