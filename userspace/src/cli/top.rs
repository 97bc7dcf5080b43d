//! Arguments of `top`.

use std::time::Duration;

use clap::Args;

use super::Filter;
use super::words::duration;
use crate::top::SortBy;

/// To look more often than this would be to look at nothing else.
const SHORTEST: Duration = Duration::from_millis(100);

pub(super) const EXAMPLES: &str = "\
Examples:
  sudo syndrop top                   every listener, most drops first
  sudo syndrop top -P 80,443 -i 5s   two ports, a look every five seconds
  sudo syndrop top --sort rate       what drops most just now first

Keys: q quits, ? tells the others. stdout must be a terminal; colours are left out where NO_COLOR \
is set.

Exit status: 0 ended by q, a signal, or a terminal that went away, 2 usage or could not run, 69 this kernel cannot do it, 77 not permitted.";

/// Arguments of `top`.
#[derive(Debug, Args)]
pub struct Top {
    /// Look this often: seconds, or 500ms, 2s
    #[arg(short, long, value_name = "D", value_parser = interval, default_value = "1s")]
    pub interval: Duration,

    /// Sort by drops, rate, accept-queue, syn-queue, address, or owner
    #[arg(long, value_name = "KEY", value_enum, default_value_t, hide_possible_values = true)]
    pub sort: SortBy,

    /// Add drops before the listener's code; costs a probe on every incoming TCP packet
    #[arg(long)]
    pub before_listener: bool,

    /// Let the kernel measure how long the probes run; costs a little for every BPF program
    ///
    /// A line of the head says how often they run, for how long, and what share of a CPU that is.
    /// The kernel then reads the clock twice for each run of any BPF program of the machine. It
    /// takes CAP_SYS_ADMIN, unless kernel.bpf_stats_enabled is 1 already.
    #[arg(long)]
    pub stats: bool,

    /// What is shown.
    #[command(flatten)]
    pub filter: Filter,
}

fn interval(text: &str) -> Result<Duration, &'static str> {
    duration(text).and_then(|it| if it < SHORTEST { Err("at least 100ms") } else { Ok(it) })
}

#[cfg(test)]
mod tests {
    use super::interval;

    #[test]
    fn nobody_looks_all_the_time() {
        assert!(interval("100ms").is_ok() && interval("2").is_ok());
        assert!(interval("0.05").is_err() && interval("never").is_err());
    }
}
