//! Arguments of `syndrop metrics`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::Filter;
use super::words::duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  syndrop metrics                           serve http://127.0.0.1:19435/metrics
  syndrop metrics --listen 10.0.0.1:19435   the same for a Prometheus elsewhere
  syndrop metrics -o /var/lib/node_exporter/textfile/syndrop.prom

What Prometheus needs in scrape_configs:
  - job_name: syndrop
    static_configs:
      - targets: ['localhost:19435']

Costs: the probes are those of `syndrop trace`, which run for packets of handshakes. A scrape \
reads the totals, the kernel's counters and every listener: some milliseconds, more with many \
network namespaces. docs/metrics.md lists the metrics and has rules for alerts.";

/// Arguments of `metrics`.
#[derive(Debug, Args)]
pub struct Metrics {
    /// Serve metrics here; a port alone is one of this machine's own
    ///
    /// Whoever can connect can read them: there is no password and no TLS.
    #[arg(
        short,
        long,
        value_name = "ADDR:PORT",
        value_parser = address,
        default_value = "127.0.0.1:19435"
    )]
    pub listen: SocketAddr,

    /// Serve nothing; write this file again and again, for node_exporter's textfile collector
    ///
    /// The file is replaced as a whole, and written once more at the end.
    #[arg(short, long, value_name = "FILE", conflicts_with = "listen")]
    pub output: Option<PathBuf>,

    /// How often to write the file
    #[arg(long, value_name = "D", value_parser = duration, default_value = "15s")]
    #[arg(requires = "output")]
    pub interval: Duration,

    /// Listeners with series of their own; the others are summed up as listener `other`
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub max_listeners: u32,

    /// Let the kernel measure how long the probes run; costs a little for every BPF program
    ///
    /// syndrop_bpf_run_seconds_total has it, by program. The kernel then reads the clock twice for
    /// each run of any BPF program of the machine. It takes CAP_SYS_ADMIN, unless
    /// kernel.bpf_stats_enabled is 1 already.
    #[arg(long)]
    pub stats: bool,

    /// Add drops before the listener's code; costs a probe on every incoming TCP packet
    #[arg(long)]
    pub before_listener: bool,

    /// Show what the probes say about themselves, on stderr
    #[arg(short, long)]
    pub verbose: bool,

    /// What is counted.
    #[command(flatten)]
    pub filter: Filter,
}

fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let port = || text.parse().ok().map(|port: u16| (Ipv4Addr::LOCALHOST, port).into());
    text.parse().ok().or_else(port).ok_or("write 127.0.0.1:19435, [::1]:19435 or a port")
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn a_port_alone_is_on_this_machine_only() {
        assert_eq!(address("9999").unwrap().to_string(), "127.0.0.1:9999");
        assert_eq!(address("[::]:9999").unwrap().to_string(), "[::]:9999");
        for text in ["", "localhost:1", "10.0.0.1", "65536", ":9999"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
