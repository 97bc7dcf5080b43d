//! Words of the command line that clap has no parser for.

use std::net::IpAddr;
use std::time::Duration;

use ebpf_probes::Config;
use ipnet::IpNet;
use jiff::SignedDuration;

/// A duration of some length: bare seconds, or with units.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().map(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let with_units = || text.parse::<SignedDuration>().ok().and_then(|it| it.try_into().ok());
    let duration = seconds.unwrap_or_else(with_units);
    let duration = duration.ok_or("write seconds, or 10s, 1m30s, 1.5h")?;
    if duration.is_zero() { Err("it must not be zero") } else { Ok(duration) }
}

/// Events a second: all of them, `N/s`, or none.
pub(super) fn detail(text: &str) -> Result<u64, &'static str> {
    match text {
        "all" => Ok(Config::ALL_DETAIL),
        "none" => Ok(0),
        rate => rate
            .strip_suffix("/s")
            .and_then(|rate| rate.parse().ok())
            .filter(|&rate| rate > 0 && rate < Config::ALL_DETAIL)
            .ok_or("write all, none, or a number of events a second as in 1000/s"),
    }
}

/// A network, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "write 10.0.0.0/8, 2001:db8::/32 or an address")
}

/// Bytes of a process's name that the kernel keeps (`TASK_COMM_LEN`, less the zero at its end).
const COMM_MAX: usize = 15;

/// The name of a process.
pub(super) fn comm(text: &str) -> Result<String, &'static str> {
    match text.len() {
        0 => Err("write the name that `ps -o comm` shows"),
        1..=COMM_MAX => Ok(text.to_owned()),
        _ => Err("the kernel keeps only the first 15 bytes of a name: write those"),
    }
}

#[cfg(test)]
mod tests {
    use ebpf_probes::Config;

    use super::{comm, detail, duration, network};

    #[test]
    fn a_name_is_as_long_as_the_kernel_keeps_it() {
        assert!(comm("systemd-resolve").is_ok());
        assert!(comm("systemd-resolved").is_err() && comm("").is_err());
    }

    #[test]
    fn detail_is_all_or_none_or_a_rate() {
        assert_eq!(detail("all"), Ok(Config::ALL_DETAIL));
        assert_eq!((detail("1/s"), detail("1000/s"), detail("none")), (Ok(1), Ok(1000), Ok(0)));
        for text in ["", "1000", "0/s", "-1/s", "1/m", "ALL", "18446744073709551615/s"] {
            assert!(detail(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_have_units_or_are_seconds() {
        let rows = [("10", 10_000), ("0.25", 250), ("10s", 10_000), ("1m30s", 90_000)];
        for (text, milliseconds) in rows.into_iter().chain([("1.5h", 5_400_000), ("PT5S", 5_000)]) {
            assert_eq!(duration(text).unwrap().as_millis(), milliseconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "ten", "-5", "-5s", "5x", "nan", "inf", "1e300", "1 day", "0", "0s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn networks_may_be_single_addresses() {
        for (text, full) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("192.0.2.9", "192.0.2.9/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), full);
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "::1/129", "fe80::1%eth0"] {
            assert!(network(text).is_err(), "{text}");
        }
    }
}
