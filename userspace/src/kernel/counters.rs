//! The kernel's own TcpExt counters, as `/proc/net/netstat` shows them.
//!
//! They are what the totals are held against at the end: each network namespace has its own set,
//! 64 bits wide, that only ever grows.

use std::fmt;

use ebpf_probes::Counter;

/// The counters of drops of one network namespace at one moment, or how far they moved between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpExt([u64; Counter::OF_DROPS.len()]);

/// Why a text is not `/proc/net/netstat` as we know it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetstatError {
    /// It has no line of names, or no line of values after it.
    #[error("failed to find the TcpExt lines in /proc/net/netstat")]
    NoTcpExt,
    /// The two lines do not belong together.
    #[error(
        "failed to read the TcpExt lines in /proc/net/netstat: {values} values for {names} names"
    )]
    Uneven {
        /// How many names there are.
        names: usize,
        /// How many values.
        values: usize,
    },
    /// A counter is not in it.
    #[error("failed to find the counter {0} in /proc/net/netstat")]
    Missing(&'static str),
    /// What stands in a counter's place is no number.
    #[error("failed to read the counter {name} in /proc/net/netstat: {value:?} is no number")]
    NoNumber {
        /// The counter.
        name: &'static str,
        /// What was found.
        value: String,
    },
}

impl TcpExt {
    /// Reads the text of a `/proc/net/netstat`: a line of names, then a line of as many values.
    ///
    /// # Errors
    /// If it is cut short or holds something else.
    pub fn parse(netstat: &str) -> Result<Self, NetstatError> {
        let mut lines = netstat.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
        let mut words = || Some(lines.next()?.split_ascii_whitespace().collect::<Vec<_>>());
        let names = words().ok_or(NetstatError::NoTcpExt)?;
        let values = words().ok_or(NetstatError::NoTcpExt)?;
        if names.len() != values.len() {
            return Err(NetstatError::Uneven { names: names.len(), values: values.len() });
        }
        let mut counters = Self::default();
        for &counter in Counter::OF_DROPS {
            let name = counter.name();
            let nth = match names.iter().position(|known| *known == name) {
                Some(nth) => nth,
                // What a kernel does not count has not moved.
                None if !counter.is_everywhere() => continue,
                None => return Err(NetstatError::Missing(name)),
            };
            counters.0[counter as usize] = values[nth]
                .parse()
                .map_err(|_| NetstatError::NoNumber { name, value: values[nth].to_owned() })?;
        }
        Ok(counters)
    }

    /// The value of one; 0 of one that is not of drops.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or_default()
    }

    /// How far each moved since an earlier moment. `None` if one went back: these are then not
    /// the counters of the same namespace.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        let mut moved = Self::default();
        for (moved, (now, then)) in moved.0.iter_mut().zip(self.0.iter().zip(&earlier.0)) {
            *moved = now.checked_sub(*then)?;
        }
        Some(moved)
    }
}

impl From<[u64; Counter::OF_DROPS.len()]> for TcpExt {
    /// In the order of [`Counter::OF_DROPS`].
    fn from(values: [u64; Counter::OF_DROPS.len()]) -> Self {
        Self(values)
    }
}

impl fmt::Display for TcpExt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, &counter) in Counter::OF_DROPS.iter().enumerate() {
            let space = if nth == 0 { "" } else { " " };
            write!(f, "{space}{}={}", counter.name(), self.get(counter))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ebpf_probes::Counter;
    use proptest::prelude::*;

    use super::{NetstatError, TcpExt};

    const NETSTAT: &str = "\
TcpExt: TCPFastOpenListenOverflow SyncookiesFailed EmbryonicRsts PAWSEstab TCPDeferAcceptDrop \
ListenOverflows ListenDrops TCPAbortFailed TCPReqQFullDrop TCPRetransFail
TcpExt: 9 5 1 2 3 911 18446744073709551615 0 42 7
IpExt: InNoRoutes InTruncatedPkts
IpExt: 1 2
";

    #[test]
    fn values_are_found_below_their_names() {
        let counters = TcpExt::parse(NETSTAT).unwrap();
        assert_eq!(counters.get(Counter::ListenOverflows), 911);
        assert_eq!(counters.get(Counter::ListenDrops), u64::MAX);
        assert_eq!(counters.get(Counter::TcpReqQFullDrop), 42);
        assert_eq!(counters.get(Counter::TsEcrRejected), 0, "not on every kernel");
    }

    #[test]
    fn other_groups_may_come_first() {
        let (tcp, ip) = NETSTAT.split_at(NETSTAT.find("IpExt").unwrap());
        assert_eq!(TcpExt::parse(&format!("{ip}{tcp}")), TcpExt::parse(NETSTAT));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = |text: &str| TcpExt::parse(text).unwrap_err();
        assert_eq!(error(""), NetstatError::NoTcpExt);
        assert_eq!(error("TcpExt: ListenOverflows\n"), NetstatError::NoTcpExt);
        let renamed = NETSTAT.replace("ListenDrops", "ListenLosses");
        assert_eq!(error(&renamed), NetstatError::Missing("ListenDrops"));
        let short = NETSTAT.replace(" 0 42 7", "");
        assert_eq!(error(&short), NetstatError::Uneven { names: 10, values: 7 });
        let negative = NETSTAT.replace(" 911 ", " -911 ");
        let value = "-911".to_owned();
        assert_eq!(error(&negative), NetstatError::NoNumber { name: "ListenOverflows", value });
    }

    #[test]
    fn what_goes_back_is_not_the_same_namespace() {
        let counted = |first, second, third| TcpExt([first, second, third, 0, 0, 0, 0, 0, 0]);
        let (early, late) = (counted(5, 7, 0), counted(6, 7, 2));
        assert_eq!(late.since(&early), Some(counted(1, 0, 2)));
        assert_eq!(early.since(&late), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(TcpExt: )?[A-Za-z0-9 :\n]{0,80}") {
            let _ = TcpExt::parse(&text);
        }

        #[test]
        fn a_cut_gives_no_number_that_was_not_there(end in 0..NETSTAT.len()) {
            let cut = &NETSTAT[..end];
            if let Ok(counters) = TcpExt::parse(cut) {
                prop_assert_eq!(counters, TcpExt::parse(NETSTAT).unwrap());
            }
        }
    }
}
