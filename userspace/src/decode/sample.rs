//! A drop for tests of the rooms behind: a SYN of 192.0.2.9 that met the full accept queue of
//! 10.0.0.1:80. Each test changes what it is about.

use ebpf_probes::{Evidence, Function, Milestones, Reason, Stage};

use super::{AcceptQueue, Family, ListenerId, Packet, SynDrop, Sysctls};

/// The drop.
pub(crate) fn syn_drop() -> SynDrop {
    SynDrop {
        boot_ns: 0,
        reason: Reason::AcceptQueueFullSyn,
        stage: Stage::Syn,
        evidence: Evidence::Observed,
        function: Function::TcpConnRequest,
        milestones: Milestones::default(),
        packet: Some(packet("10.0.0.1:80", "192.0.2.9:1024")),
        listener: ListenerId { sock: 1, inode: Some(1), netns: Some(7), bound: None },
        cookie: None,
        accept: Some(AcceptQueue { len: 9, limit: 8 }),
        syn_len: None,
        syn_young: None,
        sysctls: Sysctls::default(),
        cpu: 0,
        attempt: None,
        refused_ns: None,
        shown: true,
    }
}

/// A packet of the IP version that its local address has.
pub(crate) fn packet(local: &str, peer: &str) -> Packet {
    let (local, peer): (std::net::SocketAddr, _) = (local.parse().unwrap(), peer.parse().unwrap());
    Packet { family: if local.is_ipv4() { Family::V4 } else { Family::V6 }, local, peer }
}
