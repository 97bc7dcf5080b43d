//! What a scenario is played on: a network namespace of its own with the settings, the link, the
//! clients and the listener that the row asks for.

use std::io;
use std::panic::resume_unwind;
use std::thread;

use anyhow::{Context, Result};
use libc::c_int;
use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::flow::Family;
use crate::listener::Listener;
use crate::netns::{self, Resident};
use crate::netstat::{Counters, Netstat};
use crate::peer::Peer;
use crate::provoke::Provoked;
use crate::report::Sysctls;
use crate::rig::Rig;
use crate::scenario::{Bound, Scenario};
use crate::sysctl;

const PORT: u16 = 8080;
/// Not the one where the guest's own work mostly runs.
pub(crate) const CPU: u32 = 1;

/// A namespace made for one scenario.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Keeps the namespace in sight when this process moves on to another.
    _resident: Resident,
    pub(crate) rig: Rig,
    pub(crate) netns: u64,
    pub(crate) sysctls: Sysctls,
}

/// A scenario that was played.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) provoked: Provoked,
    /// The counters that moved, read from the kernel.
    pub(crate) moved: Counters,
    /// `CLOCK_BOOTTIME` before and after, in ns.
    pub(crate) boot_ns: (u64, u64),
    pub(crate) cpu: u32,
}

impl Setting {
    /// Moves this process into a new namespace and sets the row's stage there.
    pub(crate) fn make(row: &Scenario, family: Family) -> Result<Self> {
        netns::enter_fresh()?;
        for (name, value) in row.sysctls {
            sysctl::set(&format!("net.ipv4.{name}"), *value)?;
        }
        let peer = Peer::new(0)?;
        let address = match (row.bound, family) {
            (Bound::Server, Family::V4 | Family::V6) => peer.link().server(family),
            (Bound::Server, Family::Mapped) | (Bound::Any, _) => family.any(),
        };
        let listener = Listener::of_kind(row.kind, family, address, PORT, row.backlog)?;
        Ok(Self {
            _resident: Resident::settle()?,
            rig: Rig::new(peer, listener, family),
            netns: netns::inode()?,
            sysctls: sysctls()?,
        })
    }

    /// Plays it, with all packets on one CPU.
    pub(crate) fn play(&mut self, row: &Scenario) -> Result<Played> {
        // On a thread of its own: what this one starts later is not to inherit the CPU.
        let turn = || {
            pin(CPU)?;
            let before = Netstat::read()?;
            let began = boot_ns()?;
            let provoked = self.provoke(row)?;
            let boot_ns = (began, boot_ns()?);
            let moved = Netstat::read()?.moved_since(&before);
            Ok(Played { provoked, moved, boot_ns, cpu: CPU })
        };
        match thread::scope(|scope| scope.spawn(turn).join()) {
            Ok(played) => played,
            Err(panic) => resume_unwind(panic),
        }
    }

    /// Only provokes the row's drops.
    pub(crate) fn provoke(&mut self, row: &Scenario) -> Result<Provoked> {
        (row.provoke)(&mut self.rig, row.count)
    }
}

/// The settings that syndrop reports, of the current namespace.
pub(crate) fn sysctls() -> Result<Sysctls> {
    Ok(Sysctls {
        syncookies: sysctl::get("net.ipv4.tcp_syncookies")?,
        max_syn_backlog: sysctl::get("net.ipv4.tcp_max_syn_backlog")?,
        somaxconn: sysctl::get("net.core.somaxconn")?,
        abort_on_overflow: sysctl::get("net.ipv4.tcp_abort_on_overflow")?,
    })
}

/// Keeps the calling thread on one CPU.
pub(crate) fn pin(cpu: u32) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(usize::try_from(cpu)?);
    sched_setaffinity(None, &set).with_context(|| format!("failed to move to CPU {cpu}"))
}

/// Nothing but the calling thread runs on its CPU, unless it waits, as long as this lives.
#[derive(Debug)]
pub(crate) struct First(());

impl First {
    pub(crate) fn begin() -> Result<Self> {
        schedule(libc::SCHED_FIFO, 1).context("failed to become first on a CPU")?;
        Ok(Self(()))
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if let Err(error) = schedule(libc::SCHED_OTHER, 0) {
            eprintln!("failed to be like others again: {error}");
        }
    }
}

fn schedule(policy: c_int, priority: c_int) -> io::Result<()> {
    // SAFETY: the kernel reads one `struct sched_param`, which is one integer, before it returns.
    let failed =
        unsafe { libc::syscall(libc::SYS_sched_setscheduler, 0, policy, &raw const priority) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The clock of `boot_ns` in an event.
fn boot_ns() -> Result<u64> {
    let now = clock_gettime(ClockId::Boottime);
    Ok(u64::try_from(now.tv_sec)? * 1_000_000_000 + u64::try_from(now.tv_nsec)?)
}
