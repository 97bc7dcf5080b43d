//! What a packet without a request passes that is no SYN, most often an ACK with a cookie.
//!
//! A kernel without `CONFIG_SYN_COOKIES` has none of these functions.

use ebpf_probes::{Arg, Milestone};

use super::Kind::{Entry, Return};
use super::When::{IfPresent, WithoutCounters};
use super::{Hook, RETURNED, SK, SKB, Same};

pub(super) const ROWS: &[Hook] = &[
    Hook {
        programs: &[("cookie_v4", Entry), ("cookie_v4_exit", Return)],
        targets: &["cookie_v4_check"],
        args: &[(Arg::CookieV4Sk, SK), (Arg::CookieV4Skb, SKB), (Arg::CookieV4Returned, RETURNED)],
        when: IfPresent,
        provides: &[Milestone::NumberRefused],
        costs: "dropped ACKs over IPv4 that carried a cookie, or belonged to nobody, are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("cookie_v6", Entry), ("cookie_v6_exit", Return)],
        same: Some(Same {
            program: "cookie_v6_exit_same",
            target: "cookie_v4_check",
            other: "cookie_v4_exit",
            map: "COOKIE_V4",
        }),
        targets: &["cookie_v6_check"],
        args: &[(Arg::CookieV6Sk, SK), (Arg::CookieV6Skb, SKB), (Arg::CookieV6Returned, RETURNED)],
        when: IfPresent,
        ipv6: true,
        costs: "dropped ACKs over IPv6 that carried a cookie, or belonged to nobody, are not seen",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("cookie_v4_checked_exit", Return)],
        targets: &["__cookie_v4_check"],
        args: &[(Arg::CookieV4CheckedReturned, RETURNED)],
        when: WithoutCounters,
        provides: &[Milestone::CookieChecked, Milestone::CookieInvalid],
        costs: "cookies over IPv4, wrong ones and none are not told from each other",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("cookie_v6_checked_exit", Return)],
        targets: &["__cookie_v6_check"],
        args: &[(Arg::CookieV6CheckedReturned, RETURNED)],
        when: WithoutCounters,
        ipv6: true,
        costs: "cookies over IPv6, wrong ones and none are not told from each other",
        ..Hook::USUAL
    },
    Hook {
        programs: &[("cookie_child", Entry)],
        targets: &["tcp_get_cookie_sock"],
        when: WithoutCounters,
        provides: &[Milestone::CookieChild],
        costs: "a cookie that met a queue of SMC's is not told from one without a route",
        ..Hook::USUAL
    },
];
