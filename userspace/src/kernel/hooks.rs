//! Which kernel functions are watched, by which programs, for what.
//!
//! One row per hook: the programs of the object that belong to it, the functions that it may be
//! (spellings newest first), which arguments they take by which names, and what is known once
//! it is attached. Which milestone proves what is not said here but by the decision tables of
//! the contract; `costs` says in words what is lost without the row.

use ebpf_probes::{Arg, Milestone, Reason};

use super::fields::Need;

/// Which end of a function a program runs at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// When it is entered.
    Entry,
    /// When it has returned.
    Return,
}

/// On which kernels a hook makes sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// On all.
    Always,
    /// Where the function returns a `bool`.
    ReturnsBool,
    /// Where the function returns nothing.
    ReturnsVoid,
    /// Where the probes cannot read the kernel's counters.
    WithoutCounters,
    /// Where the kernel has this struct: without it nothing can pass the function.
    Where(&'static str),
    /// Where the function exists: without it nothing like it is done.
    IfPresent,
    /// Where none of these functions exists, which do the same.
    Without(&'static [&'static str]),
    /// On all, where this was asked for.
    Asked(Extra),
    /// Where the function exists and this was asked for.
    AskedIfPresent(Extra),
}

/// What can be asked for that is no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// How long connections wait for `accept()`.
    AcceptLatency,
    /// What is given to `listen()`.
    ListenCalls,
}

/// What the user asked for beyond drops by a listener's own code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// One bit per notice, counted from [`Reason::FIRST_NOTICE`].
    pub notices: u64,
    /// Whether drops before the listener's code are wanted.
    pub before_listener: bool,
    /// Whether connections are timed until they are accepted.
    pub accept_latency: bool,
    /// Whether calls of `listen()` are noted.
    pub listen_calls: bool,
}

impl Asked {
    /// All there is.
    pub const EVERYTHING: Self =
        Self { notices: u64::MAX, before_listener: true, accept_latency: true, listen_calls: true };

    /// Whether such events are wanted.
    pub fn wants(&self, reason: Reason) -> bool {
        match (reason as u16).checked_sub(Reason::FIRST_NOTICE) {
            Some(bit) => self.notices >> bit & 1 != 0,
            None => self.before_listener || !BEFORE_LISTENER.contains(&reason),
        }
    }
}

impl Asked {
    const fn wants_extra(self, extra: Extra) -> bool {
        match extra {
            Extra::AcceptLatency => self.accept_latency,
            Extra::ListenCalls => self.listen_calls,
        }
    }
}

/// Drops before the listener's code, and two that only a hook on nearly every packet shows.
pub const BEFORE_LISTENER: &[Reason] = &[
    Reason::SynAuthOptionBad,
    Reason::SynFin,
    Reason::PreXfrmPolicy,
    Reason::PreMd5Ao,
    Reason::PreSocketFilter,
    Reason::PreMinTtl,
    Reason::PreCsum,
    Reason::PrePsp,
    Reason::PreTimewait,
];

/// An argument and the names that prototypes give it, newest first; or what is returned.
pub type Argument = (Arg, &'static [&'static str]);

/// A short program that goes on with that of another function: to verify and to translate one of
/// those that tell of drops takes the kernel long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Same {
    /// The short one.
    pub program: &'static str,
    /// The other function.
    pub target: &'static str,
    /// The program that is hooked to its return.
    pub other: &'static str,
    /// The map in which the short one finds that.
    pub map: &'static str,
}

/// A row of [`HOOKS`].
#[derive(Debug)]
pub struct Hook {
    /// The programs in the object. They are attached all or none.
    pub programs: &'static [(&'static str, Kind)],
    /// The one program that does for all of them, where fentry and fexit are to be had of all
    /// functions that have one.
    pub alone: Option<(&'static str, Kind)>,
    /// What that one takes besides; where it is not to be had, none goes alone.
    pub alone_args: &'static [Argument],
    /// Whether that one takes nothing but what the function returned, which each kind of probe has.
    pub alone_returned: bool,
    /// What does for the one at the return instead, where both functions have one prototype.
    pub same: Option<Same>,
    /// The only functions that call this one. Where each that there is has its return hooked, that
    /// does for this one's.
    pub callers: &'static [&'static str],
    /// The function, newest spelling first.
    pub targets: &'static [&'static str],
    /// The arguments that the programs take.
    pub args: &'static [Argument],
    /// Whether syndrop can do without. Of the mandatory rows of one function, one is enough.
    pub need: Need,
    /// On which kernels it makes sense.
    pub when: When,
    /// Whether the function is IPv6's: a kernel without IPv6 lacks it and loses nothing.
    pub ipv6: bool,
    /// Whether its one program opens a call, which the return of another row's function closes.
    pub opens: bool,
    /// The events that alone need it; without any of them asked for it is not attached. Empty if
    /// it is always needed.
    pub only_for: &'static [Reason],
    /// What is seen through it.
    pub provides: &'static [Milestone],
    /// What is lost without it.
    pub costs: &'static str,
}

impl Hook {
    /// What most rows that only add precision have in common.
    const USUAL: Self = Self {
        programs: &[],
        alone: None,
        alone_args: &[],
        alone_returned: false,
        same: None,
        callers: &[],
        targets: &[],
        args: &[],
        need: Need::Optional,
        when: When::Always,
        ipv6: false,
        opens: false,
        only_for: &[],
        provides: &[],
        costs: "",
    };

    /// Whether it only tells that the function was passed: to judge a call takes both its ends.
    pub const fn is_milestone(&self) -> bool {
        self.programs.len() == 1 && !self.opens
    }

    /// Whether anything that was asked for needs it.
    pub fn is_needed(&self, asked: Asked) -> bool {
        match self.when {
            When::Asked(extra) | When::AskedIfPresent(extra) => asked.wants_extra(extra),
            _ => {
                self.only_for.is_empty() || self.only_for.iter().any(|&reason| asked.wants(reason))
            }
        }
    }
}

mod ack;
mod application;
mod before;
mod cookie;
mod request;
mod syn;

const SK: &[&str] = &["sk"];
const SKB: &[&str] = &["skb"];

/// Stands for what the function returns: a word that no parameter can be named by.
pub(super) const RETURNED: &[&str] = &["return"];

const TABLES: &[&[Hook]] =
    &[syn::ROWS, ack::ROWS, cookie::ROWS, request::ROWS, before::ROWS, application::ROWS];

/// Every hook.
pub fn all() -> impl Iterator<Item = &'static Hook> {
    TABLES.iter().copied().flatten()
}

/// The names of all functions that the table asks for.
pub fn targets() -> impl Iterator<Item = &'static str> {
    all().flat_map(|hook| hook.targets).copied()
}

/// The names of all structs whose presence decides about a hook.
pub fn structures() -> impl Iterator<Item = &'static str> {
    all().filter_map(|hook| match hook.when {
        When::Where(structure) => Some(structure),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use ebpf_probes::Arg;

    use super::all;

    #[test]
    fn every_argument_has_a_row_of_its_own() {
        // One forgotten would be read from register 255.
        let args: HashSet<Arg> = all()
            .flat_map(|hook| hook.args.iter().chain(hook.alone_args))
            .map(|&(arg, _)| arg)
            .collect();
        assert_eq!(args.len(), Arg::COUNT);
    }
}
