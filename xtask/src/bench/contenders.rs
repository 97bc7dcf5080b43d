//! Who is measured: a row each for no tracer, for syndrop as it may be called, and for its peers.

mod peers;

use std::sync::LazyLock;

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    /// What it tells of a dropped SYN, and what not.
    pub(crate) note: &'static str,
    pub(crate) origin: Origin,
    /// What is typed.
    pub(crate) argv: &'static [&'static str],
    /// What it says once it traces; nothing for one that says nothing.
    pub(crate) ready: &'static str,
    /// What stands before and behind a number of lost events.
    pub(crate) lost: &'static [(&'static str, &'static str)],
    /// It never rests.
    pub(crate) restless: bool,
    /// The slow go through this part of the packets only.
    pub(crate) share: u32,
}

/// Where a program comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// There is none.
    Nothing,
    /// It is built here.
    Syndrop,
    /// A package of Debian's; the first word of `argv` is the program's path in it.
    Package(&'static str),
    /// The same, where the program is a script and needs more than libraries; and the kernel's
    /// headers.
    Scripts(&'static str),
    /// No package has it.
    Nowhere,
}

impl Contender {
    /// Whether it is the row that others are compared with.
    pub(crate) fn is_nothing(&self) -> bool {
        self.origin == Origin::Nothing
    }
}

const NOTHING: Contender = Contender {
    name: "none",
    note: "",
    origin: Origin::Nothing,
    argv: &[],
    ready: "",
    lost: &[],
    restless: false,
    share: 1,
};

const SYNDROP: Contender = Contender {
    origin: Origin::Syndrop,
    ready: "Tracing",
    lost: &[("", " events lost")],
    ..NOTHING
};

const OURS: &[Contender] = &[
    NOTHING,
    Contender {
        name: "syndrop",
        note: "every drop counted by branch and listener, up to 1000 a second of each told",
        argv: &["/usr/bin/syndrop", "trace"],
        ..SYNDROP
    },
    Contender {
        name: "syndrop --detail none",
        note: "every drop counted by branch and listener",
        argv: &["/usr/bin/syndrop", "trace", "--detail", "none"],
        ..SYNDROP
    },
    Contender {
        name: "syndrop --detail all",
        note: "every drop counted and told",
        argv: &["/usr/bin/syndrop", "trace", "--detail", "all"],
        ..SYNDROP
    },
    Contender {
        name: "syndrop --attach kprobe",
        note: "as the first, by kprobes and kretprobes alone",
        argv: &["/usr/bin/syndrop", "trace", "--attach", "kprobe"],
        ..SYNDROP
    },
    Contender {
        name: "syndrop --attach kprobe --detail all",
        note: "every drop counted and told, by kprobes and kretprobes alone",
        argv: &["/usr/bin/syndrop", "trace", "--attach", "kprobe", "--detail", "all"],
        ..SYNDROP
    },
];

/// The first is what the others are compared with.
pub(crate) static CONTENDERS: LazyLock<Vec<Contender>> =
    LazyLock::new(|| [OURS, peers::ROWS].concat());
