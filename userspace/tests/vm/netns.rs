//! Network namespaces: each case has a fresh one, whose counters start at zero.
//!
//! A case is a process of its own (see `case.rs`), so its leader moves, as a container's does.
//! The way back to where it came from is kept for syndrop, which runs there as on a real host.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::panic::resume_unwind;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::{env, thread};

use anyhow::{Context, Result};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::inetdiag;
use crate::rtnetlink::{self, LOOPBACK};
use crate::sysctl;

const OWN: &str = "/proc/thread-self/ns/net";
const RESIDENT: &str = "SYNDROP_VM_RESIDENT";
const INITIAL: &str = "/proc/1/ns/net";

/// The namespaces that this process made.
static MADE: Mutex<Vec<Home>> = Mutex::new(Vec::new());

/// The network namespace that the process came from.
#[derive(Debug)]
pub(crate) struct Home(File);

impl Home {
    /// Where the calling thread is now.
    pub(crate) fn here() -> Result<Self> {
        Ok(Self(File::open(OWN).with_context(|| format!("failed to open {OWN}"))?))
    }

    /// The initial one, wherever this process is.
    pub(crate) fn of_the_machine() -> Result<Self> {
        Ok(Self(File::open(INITIAL).with_context(|| format!("failed to open {INITIAL}"))?))
    }

    /// Runs something there, on a thread of its own.
    pub(crate) fn visit<T: Send>(&self, visit: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let visitor = || {
            move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
                .context("failed to enter the initial network namespace")?;
            visit()
        };
        match thread::scope(|scope| scope.spawn(visitor).join()) {
            Ok(outcome) => outcome,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Moves the calling thread into a new network namespace with its loopback up.
pub(crate) fn enter_fresh() -> Result<()> {
    enter_fleeting()?;
    MADE.lock().unwrap_or_else(PoisonError::into_inner).push(Home::here()?);
    Ok(())
}

/// The same with one that ends as soon as nobody is there.
pub(crate) fn enter_fleeting() -> Result<()> {
    // SAFETY: file descriptors stay shared; only the network namespace is left.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
        .context("failed to make a network namespace; these tests run as root of a guest")?;
    rtnetlink::set_up(LOOPBACK)?;
    // The initial namespace's value is inherited, and some clients here have no route back.
    for scope in ["all", "default"] {
        sysctl::set(&format!("net.ipv4.conf.{scope}.rp_filter"), 0)?;
    }
    Ok(())
}

/// Destroys the half-open requests in the namespaces that this process made. The kernel would drop
/// those of a closed listener seconds later, when the next case watches.
pub(crate) fn sweep() -> Result<()> {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.iter().try_for_each(|namespace| namespace.visit(inetdiag::destroy_all_requests))
}

/// The inode number that names the calling thread's network namespace.
pub(crate) fn inode() -> Result<u64> {
    Ok(fs::metadata(OWN).with_context(|| format!("failed to look at {OWN}"))?.ino())
}

/// A process that lives in a namespace: what has no process and no name, nobody can find.
#[derive(Debug)]
pub(crate) struct Resident(Child);

impl Resident {
    /// One in the calling thread's namespace.
    pub(crate) fn settle() -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.env(RESIDENT, "").stdin(Stdio::piped());
        Ok(Self(command.spawn().context("failed to start a process for a namespace")?))
    }

    /// The whole life of such a process, if this is one: it ends with the one that started it.
    pub(crate) fn live() -> bool {
        let is_one = env::var_os(RESIDENT).is_some();
        if is_one {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
        }
        is_one
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
