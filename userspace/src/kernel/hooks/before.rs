//! What a packet passes before the listener's own code. All of it is attached on demand only: much
//! of it is passed by every packet.

use ebpf_probes::{Arg, Milestone, Reason};

use super::Kind::{Entry, Return};
use super::When::Without;
use super::{BEFORE_LISTENER, Hook, RETURNED, SK, SKB};

/// What most rows have in common.
const USUAL: Hook = Hook { only_for: BEFORE_LISTENER, ..Hook::USUAL };

/// Told within `tcp_v4_rcv` and `tcp_v6_rcv`: all but SYNs with FIN.
const RECEIVED: &[Reason] = &[
    Reason::PreXfrmPolicy,
    Reason::PreMd5Ao,
    Reason::PreSocketFilter,
    Reason::PreMinTtl,
    Reason::PreCsum,
    Reason::PreTimewait,
];

pub(super) const ROWS: &[Hook] = &[
    Hook {
        programs: &[("v4_received", Entry), ("v4_received_exit", Return)],
        targets: &["tcp_v4_rcv"],
        args: &[(Arg::V4ReceivedSkb, SKB)],
        only_for: RECEIVED,
        costs: "drops before the listener are not seen over IPv4",
        ..USUAL
    },
    Hook {
        programs: &[("v6_received", Entry), ("v6_received_exit", Return)],
        targets: &["tcp_v6_rcv"],
        args: &[(Arg::V6ReceivedSkb, SKB)],
        ipv6: true,
        only_for: RECEIVED,
        costs: "drops before the listener are not seen over IPv6",
        ..USUAL
    },
    Hook {
        programs: &[("filter_entered", Entry), ("filter_entered_exit", Return)],
        targets: &["sk_filter_trim_cap"],
        args: &[(Arg::FilterSk, SK), (Arg::FilterSkb, SKB), (Arg::FilterEnteredReturned, RETURNED)],
        only_for: &[Reason::PreSocketFilter],
        provides: &[Milestone::FilterRefused],
        costs: "packets that a filter refuses are not seen",
        ..USUAL
    },
    Hook {
        programs: &[("policy_entered", Entry), ("policy_entered_exit", Return)],
        targets: &["__xfrm_policy_check"],
        args: &[(Arg::PolicySk, SK), (Arg::PolicySkb, SKB), (Arg::PolicyEnteredReturned, RETURNED)],
        // A kernel without IPsec has no policy that could refuse.
        when: super::When::IfPresent,
        only_for: &[Reason::PreXfrmPolicy],
        provides: &[Milestone::PolicyRefused],
        costs: "packets that an IPsec policy refuses are not seen",
        ..USUAL
    },
    // One for both families since 5.19, with TCP-AO since 6.7.
    Hook {
        programs: &[("signature_entered", Entry), ("signature_entered_exit", Return)],
        targets: &["tcp_inbound_hash", "tcp_inbound_md5_hash", "tcp_v4_inbound_md5_hash"],
        args: &[
            (Arg::SignatureSk, SK),
            (Arg::SignatureSkb, SKB),
            (Arg::SignatureEnteredReturned, RETURNED),
        ],
        only_for: &[Reason::PreMd5Ao],
        provides: &[Milestone::SignatureRefused],
        costs: "packets with a wrong TCP signature are not seen",
        ..USUAL
    },
    Hook {
        programs: &[("v6_signature_entered", Entry), ("v6_signature_entered_exit", Return)],
        targets: &["tcp_v6_inbound_md5_hash"],
        args: &[
            (Arg::V6SignatureSk, SK),
            (Arg::V6SignatureSkb, SKB),
            (Arg::V6SignatureEnteredReturned, RETURNED),
        ],
        when: Without(&["tcp_inbound_hash", "tcp_inbound_md5_hash"]),
        ipv6: true,
        only_for: &[Reason::PreMd5Ao],
        costs: "packets with a wrong TCP signature are not seen over IPv6",
        ..USUAL
    },
    Hook {
        programs: &[("v4_listener_found_exit", Return)],
        targets: &["__inet_lookup_listener"],
        args: &[(Arg::V4ListenerFoundReturned, RETURNED)],
        only_for: &[Reason::PreMinTtl],
        costs: "packets with too low a TTL are not seen over IPv4",
        ..USUAL
    },
    Hook {
        programs: &[("v6_listener_found_exit", Return)],
        targets: &["inet6_lookup_listener"],
        args: &[(Arg::V6ListenerFoundReturned, RETURNED)],
        ipv6: true,
        only_for: &[Reason::PreMinTtl],
        costs: "packets with too low a hop limit are not seen over IPv6",
        ..USUAL
    },
    Hook {
        programs: &[("checksum_exit", Return)],
        targets: &["__skb_checksum_complete"],
        args: &[(Arg::ChecksumReturned, RETURNED)],
        only_for: &[Reason::PreCsum],
        costs: "SYNs with a wrong checksum are not seen",
        ..USUAL
    },
    Hook {
        programs: &[("timewait_exit", Return)],
        targets: &["tcp_timewait_state_process"],
        args: &[(Arg::TimewaitReturned, RETURNED)],
        only_for: &[Reason::PreTimewait],
        costs: "SYNs to connections in TIME_WAIT are not seen",
        ..USUAL
    },
    Hook {
        programs: &[("state_entered", Entry)],
        targets: &["tcp_rcv_state_process"],
        args: &[(Arg::StateSk, SK), (Arg::StateSkb, SKB)],
        only_for: &[Reason::SynFin],
        costs: "SYNs with FIN are not seen",
        ..USUAL
    },
];
