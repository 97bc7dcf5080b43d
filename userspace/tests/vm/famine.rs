//! No free memory for as long as one call of one kernel function takes.
//!
//! The packet is held where the function begins until the kernel was told to keep all memory for
//! itself (`vm.min_free_kbytes`), and where it returns until it was told that it need not: see
//! `hold.rs`. Requests come out of a slab of their own, which must first be full.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

use crate::flow::Family;
use crate::hold::{Hold, with_other_cpu};
use crate::setting::First;

const RESERVE: &str = "/proc/sys/vm/min_free_kbytes";
/// More than any guest has, in KiB.
const ALL: &str = "67108864";

/// A kernel function that can be left without memory.
#[derive(Debug)]
pub(crate) struct Famine {
    begin: Hold,
    end: Hold,
    reserve: File,
    before: String,
}

impl Famine {
    pub(crate) fn at(function: &'static str) -> Result<Self> {
        let before = fs::read_to_string(RESERVE);
        let before = before.with_context(|| format!("failed to read {RESERVE}"))?;
        let reserve = File::options().write(true).open(RESERVE);
        let reserve = reserve.with_context(|| format!("failed to open {RESERVE}"))?;
        let (begin, end) = (Hold::at(function)?, Hold::after(function)?);
        // As long as what is written first, whose memory it can have.
        let before = format!("{:>width$}", before.trim(), width = ALL.len());
        Ok(Self { begin, end, reserve, before })
    }

    /// Sends a packet that comes to the function.
    pub(crate) fn during(&self, send: impl FnOnce() -> Result<()>) -> Result<()> {
        self.begin.arm();
        self.end.arm();
        let act = || {
            // Whoever else ran now might want memory, and be killed for it.
            let _first = First::begin()?;
            self.keep(&self.before)?;
            let famine = self.begin.stop(|| self.keep(ALL));
            let plenty = self.end.stop(|| self.keep(&self.before));
            famine.and(plenty)
        };
        let send = || {
            let _first = First::begin()?;
            send()
        };
        with_other_cpu(send, act)
    }

    fn keep(&self, kib: &str) -> Result<()> {
        let written = self.reserve.write_at(kib.as_bytes(), 0);
        written.map(drop).with_context(|| format!("failed to set {RESERVE}"))
    }
}

impl Drop for Famine {
    fn drop(&mut self) {
        // Nothing can go on without memory, whatever went wrong.
        if let Err(error) = self.keep(&self.before) {
            eprintln!("{error:#}");
        }
    }
}

/// How many requests the kernel has room for without more memory, once it has given up what it
/// does not need.
pub(crate) fn ready_requests(family: Family) -> Result<usize> {
    let slab = match family {
        Family::V4 | Family::Mapped => "/sys/kernel/slab/request_sock_TCP",
        Family::V6 => "/sys/kernel/slab/request_sock_TCPv6",
    };
    let path = format!("{slab}/shrink");
    fs::write(&path, "1").with_context(|| format!("failed to write {path}"))?;
    let read = |file: &str| -> Result<usize> {
        let path = format!("{slab}/{file}");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        let number = text.split_whitespace().next().unwrap_or_default();
        number.parse().with_context(|| format!("{path} says {text:?}"))
    };
    Ok(read("total_objects")?.saturating_sub(read("objects")?))
}
