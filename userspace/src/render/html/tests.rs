use std::net::SocketAddr;

use ebpf_probes::Reason;
use jiff::SignedDuration;

use super::Html;
use crate::decode::sample::{packet, syn_drop};
use crate::decode::{AcceptQueue, SynDrop};
use crate::incident::{Incident, Owner};
use crate::render::sample::{healthy, opening, summary};
use crate::render::{Render, Summary};
use crate::source::{Losses, Lost, Opening};

/// Some drops of both listeners of the sample, and what became of a client.
fn incidents() -> Vec<Incident> {
    let begin = opening().time.unwrap();
    let summary = summary();
    let incident = |seconds: i64, listener: usize, reason: Reason, len: u32| {
        let listener = &summary.totals.by_listener[listener];
        let local: SocketAddr = listener.id.bound.unwrap();
        let drop = SynDrop {
            reason,
            listener: listener.id,
            packet: Some(packet(&local.to_string(), "192.0.2.7:40000")),
            accept: Some(AcceptQueue { len, limit: 5 }),
            syn_len: Some(2),
            attempt: Some(2),
            refused_ns: (reason == Reason::ClientRecovered).then_some(3_000_000_000),
            ..syn_drop()
        };
        let time = begin.checked_add(SignedDuration::from_secs(seconds)).unwrap();
        Incident { time, drop, owner: listener.owner.clone().into() }
    };
    vec![
        incident(2, 0, Reason::AcceptQueueFullSyn, 6),
        incident(2, 0, Reason::AcceptQueueFullAck, 6),
        incident(3, 1, Reason::AcceptQueueFullSyn, 6),
        incident(5, 0, Reason::ClientRecovered, 1),
    ]
}

fn page(opening: &Opening, incidents: &[Incident], summary: &Summary) -> String {
    let (mut html, mut out) = (Html::new("syndrop report x".to_owned(), false), Vec::new());
    html.opening(&mut out, opening).unwrap();
    for incident in incidents {
        html.incident(&mut out, incident).unwrap();
    }
    if !incidents.is_empty() {
        let since = incidents[0].time;
        html.lost(&mut out, &Lost { events: 3, since }).unwrap();
        html.note("line 7 is left out: it is cut off <script>");
    }
    assert!(out.is_empty(), "a page comes in one piece");
    html.summary(&mut out, summary).unwrap();
    String::from_utf8(out).unwrap()
}

/// One element a line, without the style.
fn outline(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    format!("{head}{body}").replace("><", ">\n<")
}

#[test]
fn an_incident_is_told_from_head_to_foot() {
    let summary = Summary {
        losses: Losses { ring_full: 3, clients_unfollowed: 1, ..Losses::default() },
        ..summary()
    };
    insta::assert_snapshot!(outline(&page(&opening(), &incidents(), &summary)));
}

#[test]
fn a_quiet_recording_has_a_short_page() {
    insta::assert_snapshot!(outline(&page(&opening(), &[], &healthy())));
}

#[test]
fn what_others_chose_is_text_and_nothing_else() {
    let evil = "<script>alert(1)</script>\"'&\u{202e}\u{1b}[31m</style></title>";
    let opening = Opening {
        host: Some(evil.into()),
        kernel: Some(evil.into()),
        version: Some(evil.into()),
        attach: Some(evil.into()),
        ..opening()
    };
    let mut summary = summary();
    let owner = Owner {
        pid: None,
        comm: Some(evil.into()),
        cgroup: Some(evil.into()),
        container: Some(evil.into()),
    };
    for listener in &mut summary.totals.by_listener {
        listener.owner = owner.clone();
    }
    let mut incidents = incidents();
    for incident in &mut incidents {
        incident.owner = owner.clone().into();
    }
    let page = page(&opening, &incidents, &summary);
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;"));
    assert!(!page.contains("<script"));
    assert!(!page.contains(['\u{1b}', '\u{202e}']));
    for tag in ["style", "title"] {
        // A chart's bars have titles, too, which end as often as they begin.
        let [begin, end] = [format!("<{tag}>"), format!("</{tag}>")];
        assert_eq!(page.matches(&begin).count(), page.matches(&end).count(), "{tag}");
    }
}

#[test]
fn nothing_is_fetched_and_nothing_runs() {
    let page = page(&opening(), &incidents(), &summary());
    for word in
        ["http:", "https:", "src=", "url(", "@import", "<link", "<script", "onload", "javascript:"]
    {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn a_recording_without_its_ends_has_a_page() {
    let cut = Summary { counters: Vec::new(), ..summary() };
    let page = page(&Opening::default(), &incidents(), &cut);
    assert!(page.contains("not known") && page.contains("not in this recording"));
}
