//! What the limits of a listener come from, and when its SYN queue begins to refuse.
//!
//! One number limits both queues: the backlog given to `listen()`, or `somaxconn` if that was
//! lower at that moment. Without cookies a second limit bites: the last quarter of
//! `tcp_max_syn_backlog` is kept for clients that the kernel knows (`tcp_conn_request`).

use ebpf_probes::Reason;

use crate::decode::Listener;
use crate::kernel::syn_queue::Rule;

/// What set the limit of both queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetBy {
    /// The backlog given to `listen()`: it is lower than `somaxconn`.
    Backlog,
    /// `somaxconn`: what was given to `listen()` is as much or more, how much nobody can tell.
    Somaxconn,
}

/// What set the limit; `None` if it is above `somaxconn`, which then was lowered later, or unknown.
/// `asked` is what was given to `listen()`, where the call was seen: then it is certain.
pub fn set_by(listener: &Listener, asked: Option<u32>) -> Option<SetBy> {
    let limit = listener.accept?.limit;
    if let Some(asked) = asked {
        return Some(if asked > limit { SetBy::Somaxconn } else { SetBy::Backlog });
    }
    let somaxconn = listener.sysctls.somaxconn?;
    match limit.cmp(&somaxconn) {
        std::cmp::Ordering::Less => Some(SetBy::Backlog),
        std::cmp::Ordering::Equal => Some(SetBy::Somaxconn),
        std::cmp::Ordering::Greater => None,
    }
}

/// Whether the application asked for more than it got; `None` where only its call could tell.
pub fn clipped(listener: &Listener, asked: Option<u32>) -> Option<bool> {
    match asked {
        Some(asked) => Some(asked > listener.accept?.limit),
        None => (set_by(listener, None)? == SetBy::Backlog).then_some(false),
    }
}

/// The first SYN that a SYN queue refuses, while the accept queue is not full and clients are not
/// known to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstDrop {
    /// None: a client that does not fit gets a cookie.
    Never,
    /// The one that comes while so many requests wait.
    At {
        /// How many wait.
        len: u32,
        /// What refuses it.
        reason: Reason,
    },
}

/// Which SYN is refused first, by this rule of the kernel. `None` if a setting is unknown.
pub fn first_syn_dropped(listener: &Listener, rule: Rule) -> Option<FirstDrop> {
    if listener.sysctls.syncookies? != 0 {
        return Some(FirstDrop::Never);
    }
    let limit = listener.accept?.limit;
    let full = match rule {
        Rule::AtLimit => limit,
        Rule::AboveLimit => limit.saturating_add(1),
    };
    let backlog = listener.sysctls.max_syn_backlog?;
    let reserved = (backlog - (backlog >> 2)).saturating_add(1);
    // The kernel looks at the queue's own limit first.
    Some(if full <= reserved {
        FirstDrop::At { len: full, reason: Reason::SynQueueFull }
    } else {
        FirstDrop::At { len: reserved, reason: Reason::SynBacklogReserved }
    })
}

#[cfg(test)]
mod tests {
    use ebpf_probes::Reason::{self, SynBacklogReserved, SynQueueFull};

    use super::{FirstDrop, SetBy, clipped, first_syn_dropped, set_by};
    use crate::decode::{AcceptQueue, Listener, ListenerId, Sysctls};
    use crate::kernel::syn_queue::Rule;

    fn listener(limit: u32, sysctls: Sysctls) -> Listener {
        Listener {
            id: ListenerId { sock: 1, inode: None, netns: None, bound: None },
            cookie: None,
            uid: None,
            accept: Some(AcceptQueue { len: 0, limit }),
            syn_len: None,
            syn_young: None,
            sysctls,
        }
    }

    fn without_cookies(limit: u32, backlog: u32) -> Listener {
        let sysctls = Sysctls { syncookies: Some(0), max_syn_backlog: Some(backlog), ..SYSCTLS };
        listener(limit, sysctls)
    }

    const SYSCTLS: Sysctls = Sysctls {
        syncookies: Some(1),
        max_syn_backlog: Some(512),
        somaxconn: Some(4096),
        abort_on_overflow: Some(0),
    };

    #[test]
    fn the_lower_of_backlog_and_somaxconn_set_the_limit() {
        let set_by = |listener: &Listener| set_by(listener, None);
        assert_eq!(set_by(&listener(511, SYSCTLS)), Some(SetBy::Backlog));
        assert_eq!(set_by(&listener(4096, SYSCTLS)), Some(SetBy::Somaxconn));
        assert_eq!(set_by(&listener(4097, SYSCTLS)), None);
        assert_eq!(set_by(&listener(511, Sysctls::default())), None);
        assert_eq!(set_by(&Listener { accept: None, ..listener(511, SYSCTLS) }), None);
    }

    #[test]
    fn a_call_that_was_seen_says_whether_it_was_clipped() {
        let known = |limit, asked| {
            let listener = listener(limit, SYSCTLS);
            (set_by(&listener, asked), clipped(&listener, asked))
        };
        assert_eq!(known(4096, None), (Some(SetBy::Somaxconn), None));
        assert_eq!(known(4096, Some(4096)), (Some(SetBy::Backlog), Some(false)));
        assert_eq!(known(4096, Some(8192)), (Some(SetBy::Somaxconn), Some(true)));
        assert_eq!(known(511, None), (Some(SetBy::Backlog), Some(false)));
        // The setting was changed since.
        assert_eq!(known(128, Some(u32::MAX)), (Some(SetBy::Somaxconn), Some(true)));
        assert_eq!(known(8192, Some(8192)), (Some(SetBy::Backlog), Some(false)));
    }

    #[test]
    fn the_first_drop_is_where_kernels_were_seen_to_drop() {
        // Limit, tcp_max_syn_backlog, then length and reason by each rule, as observed.
        type Row = (u32, u32, (u32, Reason), (u32, Reason));
        let rows: [Row; 14] = [
            (1024, 128, (97, SynBacklogReserved), (97, SynBacklogReserved)),
            (128, 118, (90, SynBacklogReserved), (90, SynBacklogReserved)),
            (128, 108, (82, SynBacklogReserved), (82, SynBacklogReserved)),
            (3, 2, (3, SynQueueFull), (3, SynBacklogReserved)),
            (128, 512, (128, SynQueueFull), (129, SynQueueFull)),
            (128, 342, (128, SynQueueFull), (129, SynQueueFull)),
            (128, 340, (128, SynQueueFull), (129, SynQueueFull)),
            (128, 338, (128, SynQueueFull), (129, SynQueueFull)),
            (0, 512, (0, SynQueueFull), (1, SynQueueFull)),
            (8, 512, (8, SynQueueFull), (9, SynQueueFull)),
            (128, 1, (2, SynBacklogReserved), (2, SynBacklogReserved)),
            (128, 7, (7, SynBacklogReserved), (7, SynBacklogReserved)),
            (64, 85, (64, SynQueueFull), (65, SynQueueFull)),
            (
                u32::MAX,
                u32::MAX,
                (3_221_225_473, SynBacklogReserved),
                (3_221_225_473, SynBacklogReserved),
            ),
        ];
        for (limit, backlog, at_limit, above) in rows {
            let listener = without_cookies(limit, backlog);
            for (rule, (len, reason)) in [(Rule::AtLimit, at_limit), (Rule::AboveLimit, above)] {
                let first = first_syn_dropped(&listener, rule);
                assert_eq!(first, Some(FirstDrop::At { len, reason }), "{limit}, {backlog}");
            }
        }
    }

    #[test]
    fn with_cookies_nothing_is_refused() {
        let first = first_syn_dropped(&listener(0, SYSCTLS), Rule::AtLimit);
        assert_eq!(first, Some(FirstDrop::Never));
    }

    #[test]
    fn without_the_settings_nothing_is_said() {
        let unknown = listener(8, Sysctls::default());
        assert_eq!(first_syn_dropped(&unknown, Rule::AboveLimit), None);
    }
}
