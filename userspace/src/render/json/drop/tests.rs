use std::net::{IpAddr, SocketAddr};

use ebpf_probes::{Evidence, Function, Milestones, Reason, Stage};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use serde_json::Serializer;

use super::Printable;
use crate::decode::sample::syn_drop;
use crate::decode::{AcceptQueue, Family, ListenerId, Packet, SynDrop, Sysctls};
use crate::incident::{Incident, Owner};
use crate::ndjson::Line;
use crate::render::{Json, Render};

fn address() -> impl Strategy<Value = SocketAddr> {
    any::<(IpAddr, u16)>().prop_map(SocketAddr::from)
}

prop_compose! {
    fn listener()(
        inode: Option<u64>,
        netns: Option<u32>,
        bound in proptest::option::of(address()),
    ) -> ListenerId {
        ListenerId { sock: 0, inode, netns, bound }
    }
}

prop_compose! {
    fn owner()(
        pid: Option<u32>,
        comm: Option<String>,
        cgroup in proptest::option::of("[ -~]{0,16}"),
        container: Option<String>,
    ) -> Owner {
        Owner { pid, comm, cgroup, container }
    }
}

prop_compose! {
    fn packet()(v6: bool, local in address(), peer in address()) -> Packet {
        Packet { family: if v6 { Family::V6 } else { Family::V4 }, local, peer }
    }
}

prop_compose! {
    fn queues()(
        accept: Option<(u32, u32)>,
        syn: (Option<u32>, Option<u32>),
        sysctls: [Option<u32>; 4],
    ) -> SynDrop {
        SynDrop {
            accept: accept.map(|(len, limit)| AcceptQueue { len, limit }),
            syn_len: syn.0,
            syn_young: syn.1,
            sysctls: Sysctls {
                syncookies: sysctls[0],
                max_syn_backlog: sysctls[1],
                somaxconn: sysctls[2],
                abort_on_overflow: sysctls[3],
            },
            ..syn_drop()
        }
    }
}

prop_compose! {
    fn incident()(
        // Up to the year 2255, from 1653 on.
        ns in -10_000_000_000_000_000_000_i128..9_000_000_000_000_000_000,
        numbers: (u64, Option<u64>, u32, Option<u32>),
        // A recording has milliseconds of it.
        refused_ms: Option<u32>,
        reason in select(Reason::ALL),
        stage in select(Stage::ALL),
        evidence in select(Evidence::ALL),
        function in select(Function::ALL),
        packet in proptest::option::of(packet()),
        listener in listener(),
        owner in owner(),
        queues in queues(),
    ) -> Incident {
        let (boot_ns, cookie, cpu, attempt) = numbers;
        let refused_ns = refused_ms.map(|ms| u64::from(ms) * 1_000_000);
        let drop = SynDrop {
            boot_ns, reason, stage, evidence, function, milestones: Milestones::default(), packet,
            listener, cookie, cpu, attempt, shown: true,
            refused_ns: refused_ns.filter(|_| reason.ends_refusal()),
            ..queues
        };
        Incident { time: Timestamp::from_nanosecond(ns).unwrap(), drop, owner: owner.into() }
    }
}

proptest! {
    #[test]
    fn a_line_is_what_serde_makes_of_it_and_says_all_of_the_incident(
        incidents in prop::collection::vec(incident(), 1..4),
    ) {
        let mut json = Json::default();
        for incident in incidents {
            let mut line = Vec::new();
            json.incident(&mut line, &incident).unwrap();
            let read: Line = serde_json::from_slice(&line).unwrap();
            let mut again = Vec::new();
            read.serialize(&mut Serializer::with_formatter(&mut again, Printable)).unwrap();
            again.push(b'\n');
            prop_assert_eq!(String::from_utf8(line).unwrap(), String::from_utf8(again).unwrap());
            let is_notice = matches!(read, Line::Notice(_));
            prop_assert_eq!(is_notice, incident.drop.reason.is_notice());
            let (Line::Drop(read) | Line::Notice(read)) = read else { unreachable!() };
            prop_assert_eq!(Incident::try_from(read).unwrap(), incident);
        }
    }
}
