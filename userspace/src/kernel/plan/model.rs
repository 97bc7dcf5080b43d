//! A small kernel to make plans for: all that the tables ask for, and ways to spoil it.

use std::collections::HashMap;

use crate::kernel::attach::Means;
use crate::kernel::btf::KernelBtf;
use crate::kernel::btf::blob::{Blob, VOID};
use crate::kernel::hooks::{self, Asked, When};
use crate::kernel::plan::Plan;

/// What differs from a recent kernel.
#[derive(Default, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is one difference, and goes by itself")]
pub(in crate::kernel) struct Model<'a> {
    /// Structs, members, functions and enumerators that it lacks.
    pub(in crate::kernel) without: &'a [&'a str],
    /// `inet_csk_reqsk_queue_hash_add` returns nothing, as in 5.10.
    pub(in crate::kernel) always_queues: bool,
    /// `tcp_v4_syn_recv_sock` takes so many more parameters, before its own.
    pub(in crate::kernel) more_before: usize,
    /// The width of `tcp_syncookies`.
    pub(in crate::kernel) int_sysctls: bool,
    /// The width of `sk_ack_backlog`.
    pub(in crate::kernel) long_queues: bool,
    /// Each function has a prototype of its own.
    pub(in crate::kernel) own_prototypes: bool,
}

impl Model<'_> {
    pub(in crate::kernel) fn plan(&self) -> Result<Plan, super::PlanError> {
        Plan::resolve(&self.btf(), Asked::EVERYTHING, &Means::kprobes(&[]))
    }

    pub(super) fn btf(&self) -> KernelBtf {
        let mut making = Making {
            blob: Blob::new(),
            without: self.without,
            made: Vec::new(),
            prototypes: (!self.own_prototypes).then(HashMap::new),
        };
        self.structs(&mut making);
        self.functions(&mut making);
        let bytes = making.blob.finish();
        KernelBtf::from_bytes(&bytes, "6.0-model", &Plan::wanted()).expect("the model is BTF")
    }

    fn structs(&self, making: &mut Making<'_>) {
        let (byte, half) = (making.blob.int("u8", 1), making.blob.int("u16", 2));
        let (int, long) = (making.blob.int("int", 4), making.blob.int("unsigned long", 8));
        let pointer = making.blob.pointer(VOID);
        let address = making.blob.structure("in6_addr", 16, &[("s6", long, 0)]);
        let atomic = making.blob.structure("", 4, &[("counter", int, 0)]);
        let atomic64 = making.blob.structure("", 8, &[("counter", long, 0)]);
        let possible_net = making.blob.structure("", 8, &[("net", pointer, 0)]);
        making.structure(
            "sock_common",
            &[
                ("skc_rcv_saddr", int),
                ("skc_num", half),
                ("skc_family", half),
                ("skc_net", possible_net),
                ("skc_v6_rcv_saddr", address),
                ("skc_cookie", atomic64),
                ("skc_daddr", int),
                ("skc_dport", half),
                ("skc_state", byte),
                ("skc_listener", pointer),
                ("skc_v6_daddr", address),
            ],
        );
        let queue = if self.long_queues { long } else { int };
        making.structure(
            "sock",
            &[
                ("sk_ack_backlog", queue),
                ("sk_max_ack_backlog", queue),
                ("sk_socket", pointer),
                ("sk_dst_cache", pointer),
                ("sk_protocol", half),
            ],
        );
        making.structure("tcp_sock", &[("ao_info", pointer)]);
        making.structure("tcp_request_sock", &[("rcv_isn", int), ("snt_isn", int)]);
        let fast = making.structure("", &[("qlen", int), ("max_qlen", int)]);
        let queue = making.structure(
            "",
            &[
                ("lock", int),
                ("qlen", atomic),
                ("young", atomic),
                ("fastopenq", fast),
                ("rskq_defer_accept", byte),
            ],
        );
        making.structure("inet_connection_sock", &[("icsk_accept_queue", queue)]);
        let socket =
            making.structure("socket", &[("state", int), ("file", pointer), ("sk", pointer)]);
        let inode = making.structure("inode", &[("i_mode", half), ("i_ino", long)]);
        making
            .structure("socket_alloc", &[("lead", long), ("socket", socket), ("vfs_inode", inode)]);
        making.structure("request_sock", &[("rsk_timer", pointer), ("sk", pointer)]);
        let refcount = making.blob.structure("", 4, &[("refs", atomic, 0)]);
        let ns = making.structure("", &[("ops", pointer), ("inum", int), ("__ns_ref", refcount)]);
        let mib = making.structure("", &[("ip_statistics", pointer), ("net_statistics", pointer)]);
        let core = making.structure("", &[("sysctl_somaxconn", int)]);
        let small = if self.int_sysctls { int } else { byte };
        let ipv4 = making.structure(
            "",
            &[
                ("sysctl_tcp_syncookies", small),
                ("sysctl_tcp_abort_on_overflow", small),
                ("sysctl_max_syn_backlog", int),
            ],
        );
        making.structure("net", &[("ns", ns), ("mib", mib), ("core", core), ("ipv4", ipv4)]);
        let headers = making.structure(
            "",
            &[("protocol", half), ("transport_header", half), ("network_header", half)],
        );
        let union = making.blob.union("", 8, &[("", headers, 0), ("headers", headers, 0)]);
        making.structure(
            "sk_buff",
            &[("len", int), ("", union), ("head", pointer), ("dev", pointer)],
        );
        making.structure("net_device", &[("nd_net", possible_net)]);
        making.structure("inet_sock", &[("pinet6", pointer), ("min_ttl", byte)]);
        making.structure("ipv6_pinfo", &[("min_hopcount", byte)]);
        making.structure("mptcp_sock", &[("token", int), ("first", pointer)]);
        Self::counters(making, pointer, int, long);
    }

    fn counters(making: &mut Making<'_>, pointer: u32, int: u32, long: u32) {
        let mibs = making.blob.array(long, 130);
        making.structure("linux_mib", &[("mibs", mibs)]);
        let pointers = making.blob.array(pointer, 0);
        let tail = making.structure("", &[("value", pointers), ("pptrs", pointers)]);
        making.structure("bpf_array", &[("map", long), ("elem_size", int), ("", tail)]);
        let counters = [
            ("EMBRYONICRSTS", 1),
            ("SYNCOOKIESFAILED", 4),
            ("LISTENOVERFLOWS", 20),
            ("LISTENDROPS", 21),
            ("PAWSESTABREJECTED", 27),
            ("TCPREQQFULLDROP", 75),
            ("TCPDEFERACCEPTDROP", 100),
            ("TSECRREJECTED", 101),
            ("TCPFASTOPENLISTENOVERFLOW", 102),
            ("SYNCOOKIESRECV", 3),
            ("TCPTIMEOUTS", 50),
        ];
        let names: Vec<_> =
            counters.iter().map(|(name, at)| (format!("LINUX_MIB_{name}"), *at)).collect();
        let kept: Vec<_> = names
            .iter()
            .filter(|(name, _)| making.has(name))
            .map(|(name, at)| (name.as_str(), *at))
            .collect();
        making.blob.enumeration("", &kept);
    }

    fn functions(&self, making: &mut Making<'_>) {
        let (truth, int) = (making.blob.bool(), making.blob.int("int", 4));
        let p = making.blob.pointer(VOID);
        making.function("tcp_conn_request", int, &["rsk_ops", "af_ops", "sk", "skb"]);
        making.function("tcp_v4_conn_request", int, &["sk", "skb"]);
        making.function("tcp_v6_conn_request", int, &["sk", "skb"]);
        let check = ["sk", "skb", "req", "fastopen", "req_stolen", "drop_reason"];
        making.function("tcp_check_req", p, &check);
        let mut child = vec!["more"; self.more_before];
        child.extend(["sk", "skb", "req", "dst", "req_unhash", "own_req", "opt_child_init"]);
        making.function("tcp_v4_syn_recv_sock", p, &child);
        making.function("tcp_v6_syn_recv_sock", p, &["sk", "skb", "req", "dst"]);
        making.function("tcp_syn_flood_action", truth, &["sk", "proto"]);
        making.function("inet_reqsk_alloc", p, &["ops", "sk_listener", "attach_listener"]);
        making.function("tcp_peer_is_proven", truth, &["req", "dst"]);
        let queues = if self.always_queues { VOID } else { truth };
        making.function("inet_csk_reqsk_queue_hash_add", queues, &["sk", "req"]);
        making.function("tcp_make_synack", p, &["sk", "dst", "req"]);
        making.function("tcp_create_openreq_child", p, &["sk", "req", "skb"]);
        making.function("inet6_csk_route_req", p, &["sk", "fl6"]);
        making.function("tcp_rtx_synack", int, &["sk", "req"]);
        making.function("save_args", VOID, &["m", "prog", "stack_size"]);
        Self::rest(making, truth, int);
    }

    /// Whatever else the table asks for, in its newest spelling.
    fn rest(making: &mut Making<'_>, truth: u32, int: u32) {
        for hook in hooks::all() {
            let returns = match hook.when {
                When::ReturnsBool => truth,
                When::ReturnsVoid => VOID,
                When::Always
                | When::WithoutCounters
                | When::Where(_)
                | When::IfPresent
                | When::Without(_)
                | When::Asked(_)
                | When::AskedIfPresent(_) => int,
            };
            // Several hooks can be on one function, and not each takes all of its arguments.
            let same = hooks::all().filter(|it| it.targets.first() == hook.targets.first());
            let mut parameters: Vec<&str> = Vec::new();
            for name in same
                .flat_map(|it| it.args.iter().chain(it.alone_args))
                .filter_map(|(_, names)| names.first())
            {
                if !parameters.contains(name) {
                    parameters.push(name);
                }
            }
            if let Some(target) = hook.targets.first() {
                making.function(target, returns, &parameters);
            }
        }
    }
}

struct Making<'a> {
    blob: Blob,
    without: &'a [&'a str],
    made: Vec<String>,
    /// By what they return and take, if functions share them.
    prototypes: Option<HashMap<(u32, Vec<String>), u32>>,
}

impl Making<'_> {
    fn has(&self, name: &str) -> bool {
        !self.without.contains(&name)
    }

    /// Members lie 16 bytes apart, whatever their width.
    fn structure(&mut self, name: &str, members: &[(&str, u32)]) -> u32 {
        let name = if self.has(name) { name } else { "renamed" };
        let members: Vec<_> = members
            .iter()
            .zip(0..)
            .filter(|((member, _), _)| self.has(member))
            .map(|(&(member, kind), nth)| (member, kind, nth * 128))
            .collect();
        self.blob.structure(name, 256, &members)
    }

    fn function(&mut self, name: &str, returns: u32, parameters: &[&str]) {
        if self.has(name) && !self.made.iter().any(|made| made == name) {
            self.made.push(name.to_owned());
            let parameters: Vec<_> = parameters.iter().map(|&name| (name, 1)).collect();
            let Some(prototypes) = &mut self.prototypes else {
                self.blob.function(name, returns, &parameters);
                return;
            };
            let names = parameters.iter().map(|&(name, _)| name.to_owned()).collect();
            let prototype = *prototypes
                .entry((returns, names))
                .or_insert_with(|| self.blob.prototype(returns, &parameters));
            self.blob.function_of(name, prototype);
        }
    }
}
