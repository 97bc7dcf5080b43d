//! This guest's end of the virtio port to the host.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use boundary::frame::{Order, Report};
use boundary::plan::PORT;

const PORTS: &str = "/sys/class/virtio-ports";
/// The device announces its ports some time after its driver was loaded.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(10);

/// Both directions; reports from any thread, one at a time.
pub(crate) struct Port {
    reports: Mutex<File>,
    orders: Mutex<File>,
}

impl Port {
    /// Opens the port, waiting for the kernel to find it.
    pub(crate) fn open() -> Result<Self> {
        let deadline = Instant::now() + PATIENCE;
        let device = loop {
            if let Some(device) = find() {
                break device;
            }
            if Instant::now() > deadline {
                bail!(
                    "failed to find the virtio port {PORT}: does this kernel have virtio_console?"
                );
            }
            thread::sleep(POLL);
        };
        let open = || -> std::io::Result<(File, File)> {
            // A port can be open once only; the second descriptor is a copy of the first.
            let file = File::options().read(true).write(true).open(&device)?;
            Ok((file.try_clone()?, file))
        };
        let (reports, orders) =
            open().with_context(|| format!("failed to open {}", device.display()))?;
        Ok(Self { reports: Mutex::new(reports), orders: Mutex::new(orders) })
    }

    /// Sends one report; returns when the host has it.
    pub(crate) fn report(&self, report: &Report) -> Result<()> {
        let mut file = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        report.write_to(&mut *file).context("failed to report to the host")
    }

    /// Waits for the host's next order; `None` when the host has gone.
    pub(crate) fn order(&self) -> Result<Option<Order>> {
        let mut file = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        Order::read_from(&mut *file).context("failed to read the host's orders")
    }
}

fn find() -> Option<PathBuf> {
    // Absent until the driver is there, so every failure means "not yet".
    fs::read_dir(PORTS).ok()?.flatten().find_map(|entry| {
        let name = fs::read_to_string(entry.path().join("name")).ok()?;
        let device = Path::new("/dev").join(entry.file_name());
        (name.trim_end() == PORT && device.exists()).then_some(device)
    })
}
