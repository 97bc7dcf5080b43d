//! No free memory at one moment of one handshake: the kernel is told to keep all that it has for
//! itself (`vm.min_free_kbytes`), so that whoever cannot wait for memory gets none.
//!
//! Requests come out of a slab of their own, which has first to run out of those it keeps ready.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};

use crate::flow::Family;
use crate::hold::Hold;
use crate::netns::Resident;

const RESERVE: &str = "/proc/sys/vm/min_free_kbytes";
/// More than the guest has, in KiB.
const ALL: &[u8] = b"67108864";

/// More than can be needed.
const VICTIMS: usize = 6;

/// A kernel function that can be left without memory.
#[derive(Debug)]
pub(crate) struct Famine {
    hold: Hold,
    reserve: File,
    before: Vec<u8>,
    _victims: Vec<Resident>,
}

impl Famine {
    pub(crate) fn at(function: &'static str) -> Result<Self> {
        let before = fs::read(RESERVE).with_context(|| format!("failed to read {RESERVE}"))?;
        let reserve = File::options().write(true).open(RESERVE);
        let reserve = reserve.with_context(|| format!("failed to open {RESERVE}"))?;
        // They come first: one that is still starting would itself need memory.
        let victims = (0..VICTIMS).map(|_| offering()).collect::<Result<_>>()?;
        Ok(Self { hold: Hold::at(function)?, reserve, before, _victims: victims })
    }

    /// Sends a packet; from where it comes to the function until all is done with it there is no
    /// free memory. Neither hand may need any in between.
    pub(crate) fn during(&self, send: impl FnOnce() -> Result<()>) -> Result<()> {
        let send = || {
            let outcome = send();
            self.write(&self.before)?;
            outcome
        };
        self.hold.meanwhile(send, || self.write(ALL))
    }

    fn write(&self, kib: &[u8]) -> Result<()> {
        self.reserve.write_at(kib, 0).map(drop).with_context(|| format!("failed to set {RESERVE}"))
    }
}

impl Drop for Famine {
    fn drop(&mut self) {
        // Nothing can go on without memory, whatever went wrong.
        if let Err(error) = self.write(&self.before) {
            eprintln!("{error:#}");
        }
    }
}

/// A process that the kernel ends before all others if somebody else needs memory just then; on a
/// busy machine that is syndrop, which tells of the drop.
fn offering() -> Result<Resident> {
    let victim = Resident::settle()?;
    victim.offer()?;
    Ok(victim)
}

/// How many requests of this family the kernel keeps ready, after it was told to keep few.
pub(crate) fn ready_requests(family: Family) -> Result<usize> {
    let slab = match family {
        Family::V4 => "/sys/kernel/slab/request_sock_TCP",
        Family::V6 | Family::Mapped => "/sys/kernel/slab/request_sock_TCPv6",
    };
    let read = |file: &str| -> Result<usize> {
        let path = format!("{slab}/{file}");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {path}"))?;
        let number = text.split_whitespace().next().unwrap_or_default();
        number.parse().with_context(|| format!("{path} says {text:?}"))
    };
    let path = format!("{slab}/shrink");
    fs::write(&path, "1").with_context(|| format!("failed to write {path}"))?;
    Ok(read("total_objects")?.saturating_sub(read("objects")?))
}
