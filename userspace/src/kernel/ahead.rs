//! What is learned of the kernel while the command line is still being understood: its types, and
//! what it knows of BPF.
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
        let types = thread::Builder::new().name("types".to_owned()).spawn(read).ok();
        // aya tries out what this kernel knows of BPF and keeps the answers, for which whoever asks
        // next waits.
        let _ = thread::Builder::new().name("features".to_owned()).spawn(|| {
            aya::features();
        });
        Self(types)
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
