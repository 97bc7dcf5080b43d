//! Every metric: what it is called, counts, and is told apart by.

/// A metric: its name, what it counts, and what its series are told apart by.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// As it is read, suffix included.
    pub name: &'static str,
    /// `counter`, `gauge` or `info`.
    pub kind: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it is.
    pub help: &'static str,
}

/// Every metric, in the order in which they are written.
pub const METRICS: &[Described] = &[
    Described {
        name: "syndrop_drops_total",
        kind: "counter",
        labels: &["listener", "netns", "reason"],
        help: "Packets of handshakes that the kernel refused at a listener",
    },
    Described {
        name: "syndrop_notices_total",
        kind: "counter",
        labels: &["listener", "netns", "reason"],
        help: "Events that are no drops, as far as --notices asks for them",
    },
    Described {
        name: "syndrop_accept_queue_length",
        kind: "gauge",
        labels: &["listener", "netns"],
        help: "Finished connections that wait for accept()",
    },
    Described {
        name: "syndrop_accept_queue_limit",
        kind: "gauge",
        labels: &["listener", "netns"],
        help: "Limit of the accept queue; the kernel refuses when the length is greater",
    },
    Described {
        name: "syndrop_syn_queue_length",
        kind: "gauge",
        labels: &["listener", "netns"],
        help: "Half-open connections",
    },
    Described {
        name: "syndrop_syn_queue_limit",
        kind: "gauge",
        labels: &["listener", "netns"],
        help: "Limit of the SYN queue",
    },
    Described {
        name: "syndrop_unexplained_total",
        kind: "counter",
        labels: &["netns", "counter"],
        help: "What a TcpExt counter of the kernel counted and no drop explains",
    },
    Described {
        name: "syndrop_lost_events_total",
        kind: "counter",
        labels: &[],
        help: "Events that did not get through to userspace; the totals have them",
    },
    Described {
        name: "syndrop_uncounted_drops_total",
        kind: "counter",
        labels: &[],
        help: "Drops that found no room in the table of totals",
    },
    Described {
        name: "syndrop_missed_probes_total",
        kind: "counter",
        labels: &[],
        help: "Calls of probes from which nothing could be learned",
    },
    Described {
        name: "syndrop_folded_listeners",
        kind: "gauge",
        labels: &[],
        help: "Listeners beyond --max-listeners, which are summed up as listener other",
    },
    Described {
        name: "syndrop_bpf_run_seconds_total",
        kind: "counter",
        labels: &["program"],
        help: "Time that the kernel spent in each probe; only where it measures that (--stats)",
    },
    Described {
        name: "syndrop_listener_info",
        kind: "info",
        labels: &["listener", "netns", "comm", "cgroup", "container_id"],
        help: "Who holds a listener",
    },
    Described {
        name: "syndrop_build_info",
        kind: "info",
        labels: &["version", "object_sha256"],
        help: "Version of syndrop and digest of its BPF object",
    },
];
