use std::sync::Arc;
use std::time::Duration;

use super::{Belief, Listeners, Rule, SoFar, Table};
use crate::decode::{AcceptQueue, Listener, ListenerId, Sysctls};
use crate::enrich::{Holder, Membership, OwnedListener, Process};
use crate::latency::Quantiles;

fn rows() -> [OwnedListener; 3] {
    let sysctls = Sysctls {
        syncookies: Some(0),
        max_syn_backlog: Some(512),
        somaxconn: Some(128),
        abort_on_overflow: Some(0),
    };
    let bound = |bound: &str| ListenerId {
        sock: 1,
        inode: Some(42),
        netns: Some(7),
        bound: bound.parse().ok(),
    };
    let listener = |at: &str, len, limit, syn_len| Listener {
        id: bound(at),
        cookie: Some(u64::MAX),
        uid: Some(33),
        accept: Some(AcceptQueue { len, limit }),
        syn_len,
        syn_young: syn_len,
        sysctls,
    };
    let holder = |container: Option<String>| {
        let unit = Some("nginx.service".to_owned());
        let membership = Membership { unit, container, ..Membership::default() };
        let (comm, cmdline) = ("ng\u{1b}inx".to_owned(), vec!["nginx".to_owned()]);
        let first = Arc::new(Process { pid: 144, comm, cmdline, membership });
        Some(Holder { first, others: Vec::new(), pids: vec![144, 145, 146] })
    };
    let unknown = Listener {
        cookie: None,
        sysctls: Sysctls { syncookies: Some(1), ..Sysctls::default() },
        id: ListenerId { inode: Some(43), ..bound("[::]:8080") },
        ..listener("[::]:8080", 0, 4096, None)
    };
    [
        OwnedListener { listener: listener("0.0.0.0:80", 12, 11, Some(3)), holder: holder(None) },
        OwnedListener {
            listener: listener("10.0.0.1:443", 0, 128, Some(0)),
            holder: holder(Some("4f3e".repeat(16))),
        },
        OwnedListener { listener: unknown, holder: None },
    ]
}

fn written(format: Listeners, measured: bool) -> String {
    traced(format, measured, None)
}

fn traced(format: Listeners, measured: bool, so_far: Option<&SoFar>) -> String {
    let belief = Belief { rule: Rule::AboveLimit, measured };
    let time = "2026-11-20T11:12:48Z".parse().unwrap();
    let mut out = Vec::new();
    format.write(&mut out, &Table { time, rows: &rows(), belief, so_far }).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn text_is_a_table() {
    let text = Listeners::Text { colour: false, netns: false };
    insta::assert_snapshot!(written(text, true), @r#"
    LISTENER      ACCEPT-Q  SYN-Q   YOUNG  SET BY     FIRST DROP          OWNER
    0.0.0.0:80    12>11     3/11    3      backlog    12 syn-queue-full   ng\u{1b}inx[144] +2 nginx.service
    10.0.0.1:443  0/128     0/128   0      somaxconn  129 syn-queue-full  ng\u{1b}inx[144] +2 container 4f3e4f3e4f3e
    [::]:8080     0/4096    -/4096  -      -          never, cookies      -
    "#);
}

#[test]
fn both_lengths_are_shown_where_the_rule_is_not_known() {
    let lines = written(Listeners::Text { colour: false, netns: true }, false);
    assert!(lines.starts_with("NETNS  LISTENER"), "{lines}");
    assert!(lines.contains(" 11 or 12 syn-queue-full "), "{lines}");
}

#[test]
fn what_tracing_told_has_columns_of_its_own() {
    let waited = Quantiles {
        accepted: 5,
        p50: Duration::from_micros(40),
        p90: Duration::from_millis(2),
        p99: Duration::from_millis(30),
        max: Duration::from_secs(1),
    };
    let key = (1, Some(42));
    let mut so_far = SoFar::default();
    so_far.drops.insert(key, 7);
    so_far.backlogs.0.insert(key, 8192);
    so_far.waited = Some([(key, waited)].into());
    let text = Listeners::Text { colour: false, netns: false };
    insta::assert_snapshot!(traced(text, true, Some(&so_far)), @r#"
    LISTENER      ACCEPT-Q  SYN-Q   YOUNG  SET BY        FIRST DROP          DROPS  WAIT P50  P90     P99     MAX    OWNER
    0.0.0.0:80    12>11     3/11    3      clipped 8192  12 syn-queue-full   7      40.0us    2.00ms  30.0ms  1.00s  ng\u{1b}inx[144] +2 nginx.service
    10.0.0.1:443  0/128     0/128   0      clipped 8192  129 syn-queue-full  7      40.0us    2.00ms  30.0ms  1.00s  ng\u{1b}inx[144] +2 container 4f3e4f3e4f3e
    [::]:8080     0/4096    -/4096  -      -             never, cookies      0      -         -       -       -      -
    "#);
    let json = traced(Listeners::Json, true, Some(&so_far));
    for expected in [
        r#""set_by":"somaxconn","asked":8192,"clipped":true,"#,
        r#""drops":7,"#,
        r#""accept_latency":{"accepted":5,"p50_s":0.00004,"p90_s":0.002,"p99_s":0.03,"max_s":1.0}"#,
    ] {
        assert!(json.contains(expected), "{json}");
    }
}

#[test]
fn json_is_a_line_for_each() {
    insta::assert_snapshot!(written(Listeners::Json, true), @r#"
    {"type":"listener","time":"2026-11-20T11:12:48.000000000Z","netns":7,"inode":42,"cookie":"18446744073709551615","bound":{"addr":"0.0.0.0","port":80},"accept_queue":{"len":12,"limit":11},"syn_queue":{"len":3,"young":3,"limit":11},"limit":{"set_by":"backlog","asked":11,"clipped":false,"somaxconn":128,"max_syn_backlog":512,"syncookies":0},"first_syn_dropped":{"at":12,"reason":"syn-queue-full","rule":">","evidence":"measured"},"owner":{"pid":144,"comm":"ng\u001binx","cmdline":["nginx"],"cgroup":null,"unit":"nginx.service","container":null,"pod":null,"pids":[144,145,146],"uid":33},"drops":null,"accept_latency":null}
    {"type":"listener","time":"2026-11-20T11:12:48.000000000Z","netns":7,"inode":42,"cookie":"18446744073709551615","bound":{"addr":"10.0.0.1","port":443},"accept_queue":{"len":0,"limit":128},"syn_queue":{"len":0,"young":0,"limit":128},"limit":{"set_by":"somaxconn","asked":null,"clipped":null,"somaxconn":128,"max_syn_backlog":512,"syncookies":0},"first_syn_dropped":{"at":129,"reason":"syn-queue-full","rule":">","evidence":"measured"},"owner":{"pid":144,"comm":"ng\u001binx","cmdline":["nginx"],"cgroup":null,"unit":"nginx.service","container":"4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e4f3e","pod":null,"pids":[144,145,146],"uid":33},"drops":null,"accept_latency":null}
    {"type":"listener","time":"2026-11-20T11:12:48.000000000Z","netns":7,"inode":43,"cookie":null,"bound":{"addr":"::","port":8080},"accept_queue":{"len":0,"limit":4096},"syn_queue":{"len":null,"young":null,"limit":4096},"limit":{"set_by":null,"asked":null,"clipped":null,"somaxconn":null,"max_syn_backlog":null,"syncookies":1},"first_syn_dropped":{"at":null,"reason":null,"rule":">","evidence":"measured"},"owner":{"pid":null,"comm":null,"cmdline":null,"cgroup":null,"unit":null,"container":null,"pod":null,"pids":null,"uid":33},"drops":null,"accept_latency":null}
    "#);
}
