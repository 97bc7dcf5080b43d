//! `cargo xtask demo`: one command from a bare machine to a kernel that refuses connections.
//!
//! What happens in the guest is told by the guest itself (`guest demo`); here it is only built,
//! fetched, packed and booted, each with a line that says so.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::artifact;
use crate::cli::Demo;
use crate::machine::{Machine, OnInterrupt, Pace, Progress};
use crate::outfit::{self, Outfit};
use crate::programs::{self, Release};
use crate::qemu::Qemu;

/// Twice what it takes on two busy cores.
const LIMIT: Duration = Duration::from_secs(180);
const MEMORY_MIB: u32 = 1024;

const PACKAGES: &[&str] = &["iproute2", "nginx", "wrk"];
const PROGRAMS: &[&str] = &["/usr/sbin/nginx", "/usr/bin/wrk", "/usr/bin/ss", "/usr/sbin/tc"];

const WHAT_NEXT: &str = "
What to try next:
  cargo xtask demo --kernel 7.3    the same on another kernel
  cargo xtask vm                   a shell in such a guest, with syndrop, ss and nstat
  cargo xtask test                 every test, on five kernels
  sudo target/release/syndrop      on this machine, live, where you are root";

/// Shows it; the result is the guest's verdict.
pub(crate) fn run(options: &Demo) -> Result<i32> {
    // The compiler and the network are not in each other's way.
    let (kernel, qemu, syndrop) = thread::scope(|scope| {
        eprintln!("building syndrop, fetching a kernel, QEMU, nginx and wrk");
        let syndrop = scope.spawn(artifact::syndrop);
        let kernel = options.kernel.provide();
        let qemu = Qemu::provide();
        // Only to have them by the time they are packed; that says what is wrong if something is.
        let _ = [PACKAGES, outfit::PACKAGES].map(|names| programs::tree(names, Release::Own));
        let syndrop = syndrop.join().map_err(|_| anyhow!("the build panicked"));
        anyhow::Ok((kernel?, qemu?, syndrop??))
    })?;

    eprintln!("packing the guest");
    let mut outfit = Outfit::new(&kernel)?;
    outfit.own_program(&syndrop, "syndrop")?;
    outfit.programs(PACKAGES, PROGRAMS)?;
    if io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none() {
        outfit.variable("CLICOLOR_FORCE", "1");
    }
    let initramfs = outfit.seal(&["guest", "demo"])?;
    let machine = Machine {
        qemu: &qemu,
        image: &kernel.image,
        initramfs: initramfs.path(),
        memory_mib: MEMORY_MIB,
        limit: Some(LIMIT),
        interactive: false,
        on_interrupt: OnInterrupt::End,
        pace: Pace::Real,
    };
    let status = machine.run(&mut |progress| {
        match progress {
            Progress::Booting => eprintln!("booting Linux {}", kernel.release),
            Progress::Ready(time) => eprintln!("up after {:.1} s", time.as_secs_f64()),
            Progress::Stdout(bytes) => print(io::stdout(), &bytes)?,
            Progress::Stderr(bytes) => print(io::stderr(), &bytes)?,
            Progress::File(_) | Progress::FileBytes(_) => {}
        }
        Ok(())
    })?;
    if status == 0 {
        eprintln!("{WHAT_NEXT}");
    }
    Ok(status)
}

fn print(mut to: impl Write, bytes: &[u8]) -> Result<()> {
    to.write_all(bytes).and_then(|()| to.flush()).context("failed to print the guest's output")
}
