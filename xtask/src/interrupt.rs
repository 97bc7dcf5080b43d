//! Ctrl-C and its relatives while guests run.
//!
//! A guest is a process of its own and must not outlive us, so while one runs these signals are
//! noted instead of killing. At all other times they do what they always do.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, anyhow};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// What 128 + SIGINT is to a shell.
pub(crate) const EXIT_STATUS: u8 = 130;

/// The error of whatever was cut short by a signal.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

struct Flags {
    /// No guest runs: signals take their default action.
    idle: Arc<AtomicBool>,
    interrupt: Arc<AtomicBool>,
    terminate: Arc<AtomicBool>,
    watchers: Mutex<usize>,
}

/// While one of these lives, signals are noted.
pub(crate) struct Watch(&'static Flags);

impl Watch {
    /// Starts noting.
    pub(crate) fn start() -> Result<Self> {
        static FLAGS: OnceLock<io::Result<Flags>> = OnceLock::new();
        let flags = FLAGS
            .get_or_init(register)
            .as_ref()
            .map_err(|error| anyhow!("{error}"))
            .context("failed to catch Ctrl-C")?;
        let mut watchers = flags.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        *watchers += 1;
        flags.idle.store(false, Ordering::SeqCst);
        Ok(Self(flags))
    }

    /// Whether Ctrl-C came and was not taken.
    pub(crate) fn interrupted(&self) -> bool {
        self.0.interrupt.load(Ordering::SeqCst)
    }

    /// Whether Ctrl-C came since the last call; for one guest alone, which it is passed on to.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.0.interrupt.swap(false, Ordering::SeqCst)
    }

    /// Whether a signal came that is not to be passed on to a guest.
    pub(crate) fn must_end(&self) -> bool {
        self.0.terminate.load(Ordering::SeqCst)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = self.0.watchers.lock().unwrap_or_else(PoisonError::into_inner);
        *watchers -= 1;
        self.0.idle.store(*watchers == 0, Ordering::SeqCst);
    }
}

fn register() -> io::Result<Flags> {
    let idle = Arc::new(AtomicBool::new(true));
    let interrupt = Arc::new(AtomicBool::new(false));
    let terminate = Arc::new(AtomicBool::new(false));
    for (signal, noted) in [(SIGINT, &interrupt), (SIGTERM, &terminate), (SIGHUP, &terminate)] {
        // In this order: actions run as they were registered.
        flag::register_conditional_default(signal, Arc::clone(&idle))?;
        flag::register(signal, Arc::clone(noted))?;
    }
    Ok(Flags { idle, interrupt, terminate, watchers: Mutex::new(0) })
}
