//! The kernel's own counters that the probes watch from entry to exit.
//!
//! They are `LINUX_MIB_*` slots of `net->mib.net_statistics`, one array per CPU. Softirqs are off
//! while a listener's code runs, so what moved on this CPU between entry and exit of a function
//! was moved by that very call.

/// A TcpExt counter, by the name that `nstat` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Counter {
    /// `LINUX_MIB_LISTENOVERFLOWS`
    ListenOverflows,
    /// `LINUX_MIB_LISTENDROPS`
    ListenDrops,
    /// `LINUX_MIB_TCPREQQFULLDROP`
    TcpReqQFullDrop,
}

impl Counter {
    /// Every counter, in the order of its slots.
    pub const ALL: &'static [Self] =
        &[Self::ListenOverflows, Self::ListenDrops, Self::TcpReqQFullDrop];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The name in `/proc/net/netstat` and `nstat`, without the `TcpExt` prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListenOverflows => "ListenOverflows",
            Self::ListenDrops => "ListenDrops",
            Self::TcpReqQFullDrop => "TCPReqQFullDrop",
        }
    }

    /// The enumerator in the kernel's BTF that gives its index; indices differ between kernels.
    pub const fn enumerator(self) -> &'static str {
        match self {
            Self::ListenOverflows => "LINUX_MIB_LISTENOVERFLOWS",
            Self::ListenDrops => "LINUX_MIB_LISTENDROPS",
            Self::TcpReqQFullDrop => "LINUX_MIB_TCPREQQFULLDROP",
        }
    }
}

const _: () = {
    let mut slot = 0;
    while slot < Counter::COUNT {
        assert!(Counter::ALL[slot] as usize == slot);
        slot += 1;
    }
};
