//! The kernel's types, read while the command line is still being understood.
//!
//! Of all that a trace needs before it can begin, this takes longest and waits for nothing else.

use std::panic::resume_unwind;
use std::thread::{self, JoinHandle};

use super::btf::BtfError;
use super::{KernelBtf, Plan};

/// Types that are being read, or will be when they are asked for.
#[derive(Debug, Default)]
pub struct Ahead(Option<JoinHandle<Result<KernelBtf, BtfError>>>);

impl Ahead {
    /// Begins to read them. Where no thread is to be had, nothing is lost but time.
    pub fn begin() -> Self {
        Self(thread::Builder::new().name("types".to_owned()).spawn(read).ok())
    }

    /// What was read.
    ///
    /// # Errors
    /// If the kernel has no type information, or none that can be read.
    pub fn types(self) -> Result<KernelBtf, BtfError> {
        match self.0 {
            Some(reading) => reading.join().unwrap_or_else(|panic| resume_unwind(panic)),
            None => read(),
        }
    }
}

fn read() -> Result<KernelBtf, BtfError> {
    KernelBtf::open(&Plan::wanted())
}
