//! The kernel's own counters: which there are, and which a drop moves.
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
    /// `LINUX_MIB_SYNCOOKIESFAILED`
    SyncookiesFailed,
    /// `LINUX_MIB_TCPDEFERACCEPTDROP`
    TcpDeferAcceptDrop,
    /// `LINUX_MIB_PAWSESTABREJECTED`
    PawsEstab,
    /// `LINUX_MIB_EMBRYONICRSTS`
    EmbryonicRsts,
    /// `LINUX_MIB_TSECRREJECTED`, since about 6.15
    TsEcrRejected,
    /// `LINUX_MIB_TCPFASTOPENLISTENOVERFLOW`
    TcpFastOpenListenOverflow,
    /// `LINUX_MIB_SYNCOOKIESRECV`: a good cookie came
    SyncookiesRecv,
    /// `LINUX_MIB_TCPTIMEOUTS`: among others, a SYN-ACK was not answered in time
    TcpTimeouts,
}

impl Counter {
    /// Every counter, in the order of its slots.
    pub const ALL: &'static [Self] = &[
        Self::ListenOverflows,
        Self::ListenDrops,
        Self::TcpReqQFullDrop,
        Self::SyncookiesFailed,
        Self::TcpDeferAcceptDrop,
        Self::PawsEstab,
        Self::EmbryonicRsts,
        Self::TsEcrRejected,
        Self::TcpFastOpenListenOverflow,
        Self::SyncookiesRecv,
        Self::TcpTimeouts,
    ];
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
    /// Those that drops move, and of which books are kept. What goes well moves the others, too.
    pub const OF_DROPS: &'static [Self] = Self::ALL.split_at(Self::SyncookiesRecv as usize).0;

    /// The name in `/proc/net/netstat` and `nstat`, without the `TcpExt` prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ListenOverflows => "ListenOverflows",
            Self::ListenDrops => "ListenDrops",
            Self::TcpReqQFullDrop => "TCPReqQFullDrop",
            Self::SyncookiesFailed => "SyncookiesFailed",
            Self::TcpDeferAcceptDrop => "TCPDeferAcceptDrop",
            Self::PawsEstab => "PAWSEstab",
            Self::EmbryonicRsts => "EmbryonicRsts",
            Self::TsEcrRejected => "TSEcrRejected",
            Self::TcpFastOpenListenOverflow => "TCPFastOpenListenOverflow",
            Self::SyncookiesRecv => "SyncookiesRecv",
            Self::TcpTimeouts => "TCPTimeouts",
        }
    }

    /// The enumerator in the kernel's BTF that gives its index; indices differ between kernels.
    pub const fn enumerator(self) -> &'static str {
        match self {
            Self::ListenOverflows => "LINUX_MIB_LISTENOVERFLOWS",
            Self::ListenDrops => "LINUX_MIB_LISTENDROPS",
            Self::TcpReqQFullDrop => "LINUX_MIB_TCPREQQFULLDROP",
            Self::SyncookiesFailed => "LINUX_MIB_SYNCOOKIESFAILED",
            Self::TcpDeferAcceptDrop => "LINUX_MIB_TCPDEFERACCEPTDROP",
            Self::PawsEstab => "LINUX_MIB_PAWSESTABREJECTED",
            Self::EmbryonicRsts => "LINUX_MIB_EMBRYONICRSTS",
            Self::TsEcrRejected => "LINUX_MIB_TSECRREJECTED",
            Self::TcpFastOpenListenOverflow => "LINUX_MIB_TCPFASTOPENLISTENOVERFLOW",
            Self::SyncookiesRecv => "LINUX_MIB_SYNCOOKIESRECV",
            Self::TcpTimeouts => "LINUX_MIB_TCPTIMEOUTS",
        }
    }

    /// Whether only what listeners do moves it: packets of established connections move the others.
    pub const fn is_of_listeners(self) -> bool {
        !matches!(self, Self::PawsEstab | Self::TsEcrRejected | Self::TcpTimeouts)
    }

    /// Whether every kernel has it.
    pub const fn is_everywhere(self) -> bool {
        !matches!(self, Self::TsEcrRejected)
    }
}

const _: () = {
    let mut slot = 0;
    while slot < Counter::COUNT {
        assert!(Counter::ALL[slot] as usize == slot);
        slot += 1;
    }
    assert!(Counter::COUNT <= 16);
};

/// A set of counters, each of which one event moves by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(transparent)]
pub struct Counters(pub u16);

impl Counters {
    /// No counter.
    pub const NONE: Self = Self(0);

    /// These counters.
    #[must_use]
    pub const fn of(counters: &[Counter]) -> Self {
        let mut bits = 0;
        let mut nth = 0;
        while nth < counters.len() {
            bits |= 1 << counters[nth] as u16;
            nth += 1;
        }
        Self(bits)
    }

    /// Whether the counter is in the set.
    #[must_use]
    pub const fn has(self, counter: Counter) -> bool {
        self.0 & 1 << counter as u16 != 0
    }

    /// The set with this counter in it.
    #[must_use]
    pub const fn with(self, counter: Counter) -> Self {
        Self(self.0 | 1 << counter as u16)
    }

    /// Whether no counter is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}
