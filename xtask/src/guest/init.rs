//! The life of a guest: set up, run the command of the plan, report, power off.

use std::ffi::CStr;
use std::fs::{self, File};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};
use boundary::frame::{Order, Report};
use boundary::plan::{self, Plan};
use rustix::process::{Resource, Rlimit, Signal, kill_process_group, setrlimit};
use rustix::system::{RebootCommand, finit_module, reboot, sethostname};

use crate::command::{self, Running};
use crate::filesystems;
use crate::loopback;
use crate::output;
use crate::port::Port;

const HOSTNAME: &[u8] = b"guest";
const BUSYBOX: &str = "/usr/bin/busybox";
/// After the packed programs, so that a real one wins over busybox's namesake.
const APPLETS: &str = "/usr/local/bin";
const PATH: &str = "/usr/sbin:/usr/bin:/usr/local/bin";
/// What `fs.nr_open` allows on a stock kernel; a listener's load needs a descriptor per client.
const MAX_FILES: u64 = 1 << 20;

/// PID 1: a return would be a kernel panic, so this powers off whatever happened.
pub(crate) fn run() -> ! {
    if let Err(error) = live() {
        // No port to report on: the console is all there is, and silence means failure there.
        eprintln!("guest: {error:#}");
    }
    power_off()
}

fn live() -> Result<()> {
    filesystems::mount_all()?;
    let plan = fs::read(plan::PATH).with_context(|| format!("failed to read {}", plan::PATH))?;
    let plan: Plan =
        serde_json::from_slice(&plan).with_context(|| format!("failed to parse {}", plan::PATH))?;
    // First the modules: on older kernels the port is one of them.
    let loaded = load(&plan.modules);
    let port = Arc::new(Port::open()?);
    match loaded.and_then(|()| work(&plan, &port)) {
        Ok(status) => port.report(&Report::Verdict(status)),
        Err(error) => port.report(&Report::Broken(format!("{error:#}"))),
    }
}

fn work(plan: &Plan, port: &Arc<Port>) -> Result<i32> {
    sethostname(HOSTNAME).context("failed to set the host name")?;
    let files = Rlimit { current: Some(MAX_FILES), maximum: Some(MAX_FILES) };
    setrlimit(Resource::Nofile, files).context("failed to raise the limit of open files")?;
    loopback::up().context("failed to bring lo up")?;
    install_applets()?;

    port.report(&Report::Ready)?;
    let mut command = Command::new(plan.argv.first().context("the plan has no command")?);
    command
        .args(&plan.argv[1..])
        .env_clear()
        .env("PATH", PATH)
        .env("HOME", "/root")
        .envs(plan.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/root");
    let running = command::start(command, plan.terminal, port)?;
    obey(Arc::clone(port), &running);
    let status = running.wait()?;
    output::send(port)?;
    Ok(status)
}

fn load(modules: &[String]) -> Result<()> {
    const NO_PARAMETERS: &CStr = c"";
    for path in modules {
        let file = File::open(path).with_context(|| format!("failed to open {path}"))?;
        finit_module(&file, NO_PARAMETERS, 0)
            .with_context(|| format!("failed to load the module {path}"))?;
    }
    Ok(())
}

fn install_applets() -> Result<()> {
    if fs::exists(BUSYBOX).unwrap_or(false) {
        let status = Command::new(BUSYBOX)
            .args(["--install", "-s", APPLETS])
            .status()
            .with_context(|| format!("failed to start {BUSYBOX}"))?;
        anyhow::ensure!(status.success(), "failed to install busybox's applets ({status})");
    }
    Ok(())
}

/// Passes the host's orders on, and ends the guest when the host has gone: a killed xtask leaves
/// no guest behind.
fn obey(port: Arc<Port>, running: &Running) {
    let group = running.group();
    thread::spawn(move || {
        while let Ok(Some(order)) = port.order() {
            match order {
                // A command that has just ended needs no signal.
                Order::Interrupt => drop(kill_process_group(group, Signal::INT)),
            }
        }
        power_off()
    });
}

fn power_off() -> ! {
    loop {
        if let Err(error) = reboot(RebootCommand::PowerOff) {
            eprintln!("guest: failed to power off: {error}");
        }
        // QEMU ends the guest at its leisure; PID 1 must not return meanwhile.
        thread::park();
    }
}
