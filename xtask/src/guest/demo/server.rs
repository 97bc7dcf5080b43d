//! The server of the demonstration: nginx, as Debian ships it, with a small backlog.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

pub(crate) const PORT: u16 = 80;
pub(crate) const BACKLOG: u32 = 64;

const CONFIG: &str = "/tmp/nginx.conf";
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// nginx's master and two workers.
pub(crate) struct Server {
    master: Child,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start() -> Result<Self> {
        // Where Debian's build keeps its log and its temporary files, whatever the configuration.
        for directory in ["/var/log/nginx", "/var/lib/nginx"] {
            fs::create_dir_all(directory)
                .with_context(|| format!("failed to create {directory}"))?;
        }
        fs::write(CONFIG, config()).with_context(|| format!("failed to write {CONFIG}"))?;
        let master =
            Command::new("nginx").args(["-c", CONFIG]).spawn().context("failed to start nginx")?;
        let server = Self { master };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).is_err()
            || server.workers()?.len() < 2
        {
            if Instant::now() > deadline {
                bail!("nginx does not answer on port {PORT}");
            }
            thread::sleep(POLL);
        }
        Ok(server)
    }

    /// Stops the workers as a debugger or an overcommitted machine would.
    pub(crate) fn stop(&self) -> Result<()> {
        self.signal(Signal::STOP).context("failed to stop nginx's workers")
    }

    /// Lets the workers go on.
    pub(crate) fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT).context("failed to let nginx's workers go on")
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        for worker in self.workers()? {
            kill_process(worker, signal)?;
        }
        Ok(())
    }

    fn workers(&self) -> Result<Vec<Pid>> {
        let entries = fs::read_dir("/proc").context("failed to list /proc")?;
        let master = self.master.id().to_string();
        let workers = entries.flatten().filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the name in parentheses: state, then parent.
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
            (parent == master).then(|| Pid::from_raw(pid))?
        });
        Ok(workers.collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if nginx has ended already.
        let _ = self.master.kill();
        let _ = self.master.wait();
    }
}

fn config() -> String {
    format!(
        "daemon off;\n\
         worker_processes 2;\n\
         pid /run/nginx.pid;\n\
         error_log stderr error;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         \x20 access_log off;\n\
         \x20 server {{\n\
         \x20   listen {PORT} backlog={BACKLOG};\n\
         \x20   location / {{ return 200 \"it works\\n\"; }}\n\
         \x20 }}\n\
         }}\n"
    )
}
