//! Who is measured: a row each for no tracer, for syndrop as it may be called, and for its peers.

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) origin: Origin,
    /// What is typed.
    pub(crate) argv: &'static [&'static str],
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// What it says once it traces.
    pub(crate) ready: &'static str,
    /// What stands before and behind a number of lost events.
    pub(crate) lost: &'static [(&'static str, &'static str)],
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
}

impl Contender {
    /// Whether it is the row that others are compared with.
    pub(crate) fn is_nothing(&self) -> bool {
        self.origin == Origin::Nothing
    }
}

const NOTHING: Contender = Contender {
    name: "none",
    origin: Origin::Nothing,
    argv: &[],
    env: &[],
    ready: "",
    lost: &[],
    share: 1,
};

const SYNDROP: Contender = Contender {
    origin: Origin::Syndrop,
    ready: "Tracing",
    lost: &[("", " events lost")],
    ..NOTHING
};

/// The first is what the others are compared with.
pub(crate) const CONTENDERS: &[Contender] = &[
    NOTHING,
    Contender { name: "syndrop", argv: &["syndrop", "trace"], ..SYNDROP },
    Contender {
        name: "syndrop, totals only",
        argv: &["syndrop", "trace", "--detail", "none"],
        ..SYNDROP
    },
    Contender {
        name: "syndrop, every drop told",
        argv: &["syndrop", "trace", "--detail", "all"],
        ..SYNDROP
    },
];
