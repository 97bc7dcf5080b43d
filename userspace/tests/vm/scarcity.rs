//! Too little memory for the options of sockets, so that none with a filter can be cloned.
//!
//! A connection is made as a clone of its listener, filter included, and what the filter takes is
//! tested anew against `optmem_max`. Nothing else of the machine's memory runs short by it.

use std::path::Path;

use anyhow::Result;

use crate::netns::Home;
use crate::sysctl;

const LIMIT: &str = "net.core.optmem_max";
const PATH: &str = "/proc/sys/net/core/optmem_max";
/// Less than the shortest filter takes.
const TOO_LITTLE: u32 = 16;

/// Memory is scarce as long as this lives.
#[derive(Debug)]
pub(crate) struct Scarcity {
    before: u32,
}

impl Scarcity {
    pub(crate) fn begin() -> Result<Self> {
        let before = there(|| sysctl::get(LIMIT))?;
        there(|| sysctl::set(LIMIT, TOO_LITTLE))?;
        Ok(Self { before })
    }
}

impl Drop for Scarcity {
    fn drop(&mut self) {
        if let Err(error) = there(|| sysctl::set(LIMIT, self.before)) {
            eprintln!("{error:#}");
        }
    }
}

/// The limit belongs to each network namespace, or, on older kernels, to the initial one only.
fn there<T: Send>(visit: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if Path::new(PATH).exists() { visit() } else { Home::of_the_machine()?.visit(visit) }
}
