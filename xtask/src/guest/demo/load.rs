//! The clients of the demonstration: wrk, whose connections come at once.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::server::PORT;

/// A running wrk.
pub(crate) struct Load(Child);

impl Load {
    /// Opens `clients` connections at once and sends requests on them for this time, which starts
    /// when a first connection of its own was accepted.
    pub(crate) fn start(clients: u32, time: Duration) -> Result<Self> {
        let wrk = Command::new("wrk")
            .args(["-t", "1", "-c", &clients.to_string()])
            .args(["-d", &format!("{}s", time.as_secs())])
            .arg(format!("http://127.0.0.1:{PORT}/"))
            .stdout(Stdio::piped())
            .spawn()
            .context("failed to start wrk")?;
        Ok(Self(wrk))
    }

    /// Waits for its end; a line that says how the clients fared.
    pub(crate) fn finish(self) -> Result<String> {
        let output = self.0.wait_with_output().context("failed to wait for wrk")?;
        ensure!(output.status.success(), "wrk ended with {}", output.status);
        Ok(report(&String::from_utf8_lossy(&output.stdout)))
    }
}

/// The lines of wrk's report that say how many requests were answered and how many were not.
fn report(text: &str) -> String {
    let kept = text.lines().map(str::trim);
    let kept =
        kept.filter(|line| line.contains(" requests in ") || line.starts_with("Socket errors"));
    kept.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_one_line() {
        let text = "Running 3s test @ http://127.0.0.1:80/\n  1 threads and 20 connections\n\
                    \x20 6158 requests in 3.02s, 0.97MB read\n\
                    \x20 Socket errors: connect 0, read 0, write 0, timeout 12\nRequests/sec: 2039.07\n";
        let expected = "6158 requests in 3.02s, 0.97MB read; \
                        Socket errors: connect 0, read 0, write 0, timeout 12";
        assert_eq!(report(text), expected);
    }
}
