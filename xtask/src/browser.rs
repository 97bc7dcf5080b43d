//! A real browser without a screen: Debian's headless Chromium, unpacked and run on this machine.
//!
//! It has to be started by its own path, where it finds its data, so the machine's own loader
//! loads it, with the libraries of the same release beside it. Some 160 MB to fetch, once; the
//! whole browser would be 220 MB, Firefox as much as this and slower to start.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::programs::{self, Release, Tree};

const PACKAGES: &[&str] = &["chromium-headless-shell", "fonts-dejavu-core"];
const PROGRAM: &str = "usr/lib/chromium/chromium-headless-shell";
/// Where its libraries are; one has a directory of its own.
const LIBRARIES: [&str; 3] =
    ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/pulseaudio", "usr/lib"];

/// A page is a matter of a second.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// The browser, with a home of its own.
pub(crate) struct Browser {
    tree: Tree,
    home: TempDir,
}

/// What came of a page.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The document as it is after loading, as HTML.
    pub(crate) document: String,
    /// What was written to the console, errors of every kind included.
    pub(crate) console: Vec<String>,
    /// Every address of the network that was asked for.
    pub(crate) requests: Vec<String>,
}

impl Browser {
    /// Fetches it if need be.
    pub(crate) fn new() -> Result<Self> {
        let tree = programs::tree(PACKAGES, Release::Own)?;
        let home = tempfile::tempdir().context("failed to make a home for the browser")?;
        let fonts = format!(
            "<?xml version=\"1.0\"?><fontconfig><dir>{}</dir><cachedir>{}</cachedir></fontconfig>",
            tree.root.join("usr/share/fonts").display(),
            home.path().join("fonts").display(),
        );
        fs::write(home.path().join("fonts.conf"), fonts).context("failed to write fonts.conf")?;
        Ok(Self { tree, home })
    }

    /// Opens the page in a file, in a window so many pixels wide.
    pub(crate) fn visit(&self, page: &Path, width: u32, dark: bool) -> Result<Visit> {
        let path = |name: &str| self.home.path().join(name);
        let mut command = Command::new(self.tree.resolve(PROGRAM.as_ref())?);
        let libraries = LIBRARIES.map(|dir| self.tree.root.join(dir).display().to_string());
        command
            .env("LD_LIBRARY_PATH", libraries.join(":"))
            .env("FONTCONFIG_FILE", path("fonts.conf"))
            .env("HOME", self.home.path())
            .args([
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--hide-scrollbars",
                "--enable-logging=stderr",
            ])
            .arg(format!("--user-data-dir={}", path("profile").display()))
            .arg(format!("--log-net-log={}", path("net").display()))
            .arg(format!("--window-size={width},900"));
        if dark {
            command.arg("--blink-settings=preferredColorScheme=0");
        }
        command.arg("--virtual-time-budget=10000").arg("--dump-dom");
        command.arg(format!("file://{}", page.display()));
        // Files, because nobody reads pipes while the browser is waited for.
        let (out, err) = (path("stdout"), path("stderr"));
        let create = |path: &Path| File::create(path).context("failed to create a log");
        command.stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&err)?);
        let mut browser = command.spawn().context("failed to start Chromium")?;
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match browser.try_wait().context("failed to wait for Chromium")? {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    let _ = browser.kill();
                    let _ = browser.wait();
                    bail!("Chromium did not come to an end within {PATIENCE:?}");
                }
                None => thread::sleep(POLL),
            }
        };
        let log = read(&err)?;
        ensure!(status.success(), "Chromium ended with {status}: {log}");
        let net = read(&path("net"))?;
        // What it says without having looked at the network would be worth nothing.
        ensure!(net.contains("\"events\""), "Chromium kept no log of the network");
        Ok(Visit { document: read(&out)?, console: console(&log), requests: requests(&net) })
    }
}

fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let failed = || format!("failed to read {}", path.display());
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).with_context(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Lines like `[pid/date:INFO:CONSOLE:1] "text", source: file:///page (1)`.
fn console(log: &str) -> Vec<String> {
    log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect()
}

/// Addresses in the log of the network, apart from those of files and of pages inside of pages.
fn requests(net: &str) -> Vec<String> {
    let urls = net.split("\"url\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let remote =
        |url: &&str| !["file:", "data:", "about:", "chrome"].iter().any(|it| url.starts_with(it));
    let mut found: Vec<String> = urls.filter(remote).map(str::to_owned).collect();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::{console, requests};

    #[test]
    fn the_console_is_told_from_the_rest_of_the_log() {
        let log = "[1121/132740.6:ERROR:dbus/bus.cc:405] Failed to connect to the bus\n\
                   [1121/132740.8:INFO:CONSOLE:1] \"boo\", source: file:///t.html (1)\n";
        assert_eq!(console(log).len(), 1);
    }

    #[test]
    fn only_what_leaves_the_machine_is_a_request() {
        let net =
            r#"{"url":"file:///x"},{"url":"https://a.example/"},{"url":"https://a.example/"}"#;
        assert_eq!(requests(net), ["https://a.example/"]);
    }
}
