//! What tools that watch the kernel free packets (`kfree_skb`, `dropwatch`) can see of a reason,
//! and what the kernel calls it there.
//!
//! Names are those of `enum skb_drop_reason` (include/net/dropreason-core.h). Their numbers change
//! from kernel to kernel, so none is written down: they are looked up in the running kernel.

use ebpf_probes::Reason as R;
use ebpf_probes::{Reason, Stage};

/// What becomes of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is consumed like one that was of use.
    Consumed,
    /// It is freed as dropped, for this reason if the kernel is not older than the series.
    Dropped(&'static str, &'static str),
    /// No packet is freed for it, or whether one is depends.
    Unseen,
}

/// Where the kernel gives no better one (6.1 and later).
const UNSPECIFIED: Fate = Fate::Dropped("NOT_SPECIFIED", "6.1");

/// The fate of a reason's packet: what `tcp_rcv_state_process` (SYNs), `tcp_v4_rcv` and
/// `tcp_v6_rcv` (the third packet) and `cookie_v4_check` and `cookie_v6_check` do with it.
pub const fn of(reason: Reason) -> Fate {
    match reason {
        R::SynFin => Fate::Dropped("TCP_FLAGS", "6.1"),
        R::AckBadNumber
        | R::StrayAck
        | R::CookieAckNoOverflow
        | R::CookieAckInvalid
        | R::CookieAckTsBad => Fate::Dropped("TCP_FLAGS", "6.12"),
        R::AckPaws => Fate::Dropped("TCP_RFC7323_PAWS", "6.16"),
        R::AckTsecr => Fate::Dropped("TCP_RFC7323_TSECR", "6.16"),
        R::AckOutOfWindow | R::RstOutOfWindow => Fate::Dropped("TCP_OVERWINDOW", "6.16"),
        R::AcceptQueueFullAck
        | R::AcceptQueueFullAckRst
        | R::AckChildNomem
        | R::AckChildNoRoute
        | R::AckChildPortInherit
        | R::AckChildKey => Fate::Dropped("TCP_LISTEN_OVERFLOW", "6.16"),
        R::AckListenerGone => Fate::Dropped("NO_SOCKET", "6.1"),
        R::CookieAckNomem
        | R::CookieAckAcceptQueueFull
        | R::CookieAckChildFailed
        | R::CookieAckDupChild
        | R::CookieAckListenerClosing => Fate::Dropped("NO_SOCKET", "6.12"),
        R::CookieAckLsm => Fate::Dropped("SECURITY_HOOK", "6.12"),
        R::CookieAckNoRoute => Fate::Dropped("IP_OUTNOROUTES", "6.12"),
        R::PreXfrmPolicy => Fate::Dropped("XFRM_POLICY", "6.1"),
        R::PreSocketFilter => Fate::Dropped("SOCKET_FILTER", "6.1"),
        R::PreMinTtl => Fate::Dropped("TCP_MINTTL", "6.12"),
        R::PreCsum => Fate::Dropped("TCP_CSUM", "6.1"),
        R::PrePsp => Fate::Dropped("PSP_INPUT", "6.18"),
        R::PreTimewait => Fate::Dropped("TCP_RFC7323_TW_PAWS", "6.16"),
        R::SynRetransmitRatelimited
        | R::RstInexact
        | R::AckFlagMissing
        | R::AckDeferred
        | R::AckListenerClosing
        | R::AckMigrateNomem
        | R::RequestClientRst
        | R::RequestBadSyn => UNSPECIFIED,
        // Which one of many depends on what is wrong with the signature.
        R::PreMd5Ao => Fate::Unseen,
        other if other.is_notice() => Fate::Unseen,
        other => match other.stage() {
            Some(Stage::Syn) => Fate::Consumed,
            _ => Fate::Unseen,
        },
    }
}

/// Every name that there is, some more than once.
pub fn names() -> impl Iterator<Item = &'static str> {
    Reason::ALL.iter().filter_map(|&reason| match of(reason) {
        Fate::Dropped(name, _) => Some(name),
        Fate::Consumed | Fate::Unseen => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tool_sees_a_listener_refuse_a_syn() {
        for reason in [Reason::AcceptQueueFullSyn, Reason::SynQueueFull, Reason::SynBacklogReserved]
        {
            assert_eq!(of(reason), Fate::Consumed);
        }
    }

    #[test]
    fn names_are_spelt_as_the_kernel_spells_them() {
        for &reason in Reason::ALL {
            if let Fate::Dropped(name, series) = of(reason) {
                assert!(
                    name.chars().all(|c| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit())
                );
                let (major, minor) = series.split_once('.').unwrap();
                assert!(major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok(), "{series}");
            }
        }
    }
}
