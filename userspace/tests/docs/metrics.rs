//! `docs/metrics.md`: the metrics as a table, with rules and queries that use them.

use std::fmt::Write;

use syndrop::render::METRICS;

const INTRODUCTION: &str = "\
# Metrics

<!-- Derived from userspace/src/render/metrics.rs and userspace/tests/docs/metrics.rs; a test keeps
it fresh and says how to write it anew. -->

`syndrop metrics` serves `http://127.0.0.1:19435/metrics` to Prometheus, as OpenMetrics to readers
that ask for it and in the older text format to others; `/healthz` says `ok`. It runs until Ctrl-C
or SIGTERM and then ends with 0. With `-o FILE.prom` it serves nothing and replaces that file every
`--interval`, for node_exporter's textfile collector.

```yaml
scrape_configs:
  - job_name: syndrop
    static_configs:
      - targets: ['localhost:19435']
```

There is no password and no TLS: leave it on the loopback address, or put something in front of it.
Sixteen connections are served at a time; who has not sent a request after five seconds is hung up
on.

";

const RULES: &str = "
Counters begin with syndrop and are the kernel's own totals: exact, whatever becomes of single
events. They never go back while it runs. What Prometheus calls a *reset* is a restart of syndrop.

`listener` is the address and port that the socket is bound to, not the one in the packet; sockets
that share it (`SO_REUSEPORT`, an old and a new process) are one series, with the sum of their
lengths and of their limits. Clients, pids and cookies are never labels. There are series of
`--max-listeners` listeners (1000); the others are summed up as `listener=\"other\",netns=\"other\"`,
and `syndrop_folded_listeners` says how many these are. A listener that dropped something keeps its
series for good, another one as long as it is there. The five reasons for which a healthy
application's listener drops (full queues) have a series from the beginning, at 0, so that `rate()`
sees the first drop; other reasons appear with theirs.

Queues are read at the moment of the scrape: a queue that was full in between shows in the counters
only. `syndrop_unexplained_total` takes what is left over at two scrapes in a row, because the kernel
may count while it is read. Filters are those of `syndrop trace`; of listeners, those by port,
address, IP version and namespace apply to the queues, too.

## Costs

The probes are those of `syndrop trace`. A scrape reads the totals, the counters of each network
namespace that dropped something and every listener of every namespace: some milliseconds for a few
namespaces. Who holds a listener is found out every 30 seconds, or when there is a new one, by a walk
through `/proc`. `--stats` lets the kernel measure the probes (`syndrop_bpf_run_seconds_total`), which
costs every BPF program on the machine two looks at the clock per run; without it the series are
there only if `kernel.bpf_stats_enabled` is 1 anyway.

## Alerts

```yaml
groups:
  - name: syndrop
    rules:
      - alert: TcpConnectionsRefused
        expr: >
          sum by (instance, listener, netns, reason) (increase(syndrop_drops_total{
            reason=~'.*accept-queue-full.*|syn-queue-full|syn-backlog-reserved'}[5m])) > 0
        annotations:
          summary: '{{ $labels.listener }} refused {{ $value | humanize }} packets: {{ $labels.reason }}'
          description: 'syndrop explain {{ $labels.reason }} says what to do'
      - alert: AcceptQueueFills
        expr: syndrop_accept_queue_length > 0.8 * syndrop_accept_queue_limit
        for: 1m
        annotations:
          summary: '{{ $labels.listener }} does not accept fast enough'
      - alert: SynQueueFills
        expr: syndrop_syn_queue_length > 0.8 * syndrop_syn_queue_limit
        for: 1m
        annotations:
          summary: '{{ $labels.listener }} has many half-open connections'
      - alert: TcpDropsUnexplained
        expr: increase(syndrop_unexplained_total{counter='ListenDrops'}[15m]) > 0
        annotations:
          summary: 'the kernel refused connections that syndrop cannot name'
      - alert: SyndropIsBlind
        expr: >
          increase(syndrop_missed_probes_total[15m]) > 0
          or increase(syndrop_uncounted_drops_total[15m]) > 0
        annotations:
          summary: 'syndrop missed something: its totals are lower bounds'
```

Other reasons are often the doing of the other end, a scanner or a health check; they are worth a
graph rather than an alert. The accept queue refuses when it is *longer* than its limit; the rule fires before that.

## Grafana

Stacked bars of `sum by (reason) (rate(syndrop_drops_total{listener=\"$listener\"}[$__rate_interval]))`
beside `syndrop_accept_queue_length` with `syndrop_accept_queue_limit` as a second line tell most of
it; the variable is `label_values(syndrop_accept_queue_limit, listener)`. The owner's name joins by

```
sum by (instance, listener, netns) (rate(syndrop_drops_total[5m]))
  * on (instance, listener, netns) group_left (comm, container_id)
    (max by (instance, listener, netns, comm, container_id) (syndrop_listener_info))
```

where one process holds each listener.
";

/// The page.
pub(crate) fn markdown() -> String {
    let mut page = INTRODUCTION.to_owned();
    page += "| metric | type | labels | what it is |\n| --- | --- | --- | --- |\n";
    for metric in METRICS {
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = labels.join(", ");
        writeln!(page, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind, metric.help)
            .unwrap();
    }
    page + RULES
}
