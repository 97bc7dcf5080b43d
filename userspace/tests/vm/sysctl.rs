//! Kernel settings by their dotted names; those under `net` belong to the network namespace of
//! the calling thread.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

fn path(name: &str) -> PathBuf {
    PathBuf::from("/proc/sys").join(name.replace('.', "/"))
}

/// Sets one.
pub(crate) fn set(name: &str, value: u32) -> Result<()> {
    fs::write(path(name), value.to_string())
        .with_context(|| format!("failed to set {name} to {value}"))
}

/// Reads one.
pub(crate) fn get(name: &str) -> Result<u32> {
    let text = fs::read_to_string(path(name)).with_context(|| format!("failed to read {name}"))?;
    text.trim().parse().with_context(|| format!("failed to read {name} from {text:?}"))
}

/// A setting of the whole machine, put back when this is dropped.
#[derive(Debug)]
pub(crate) struct Changed {
    name: &'static str,
    before: u32,
}

impl Changed {
    pub(crate) fn new(name: &'static str, value: u32) -> Result<Self> {
        let before = get(name)?;
        set(name, value)?;
        Ok(Self { name, before })
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        if let Err(error) = set(self.name, self.before) {
            eprintln!("{error:#}");
        }
    }
}
