use std::collections::BTreeSet;

use ebpf_probes::Reason;

use super::{Exposition, METRICS};
use crate::metrics::{Identity, Place, Queues, Scrape};

fn place() -> Place {
    Place { listener: "[::]:80".to_owned(), netns: "4026531840".to_owned() }
}

fn scrape() -> Scrape {
    let identity = Identity {
        place: place(),
        comm: "a\"b\\c\nd{}".to_owned(),
        cgroup: "/system.slice/x.service".to_owned(),
        container: String::new(),
    };
    Scrape {
        drops: [((place(), Reason::AcceptQueueFullSyn), 911)].into(),
        notices: [((place(), Reason::ClientRecovered), 2)].into(),
        queues: [(place(), Queues { accept: Some((9, 8)), syn: None })].into(),
        owners: [identity].into(),
        unexplained: [((7, "ListenDrops"), 1)].into(),
        uncounted: 3,
        lost: 4,
        missed: 5,
        run_seconds: vec![("conn_request".to_owned(), 0.25)],
        folded: 6,
        object_sha256: "abcd",
    }
}

#[test]
fn the_older_format_is_as_prometheus_wants_it() {
    insta::assert_snapshot!(Exposition::Text.write(scrape()).unwrap());
}

#[test]
fn openmetrics_is_as_its_specification_wants_it() {
    insta::assert_snapshot!(Exposition::OpenMetrics.write(scrape()).unwrap());
}

/// Every sample of a text: its name and the names of its labels.
fn samples(text: &str) -> BTreeSet<(String, Vec<String>)> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let end = line.find(['{', ' ']).unwrap();
            let labels = line[end..].split("=\"").map(|it| it.rsplit(['{', ',']).next().unwrap());
            let mut labels: Vec<_> = labels.map(str::to_owned).collect();
            labels.pop();
            (line[..end].to_owned(), labels)
        })
        .collect()
}

#[test]
fn names_and_labels_are_those_that_are_listed() {
    let mut scrape = scrape();
    scrape.owners =
        scrape.owners.into_iter().map(|it| Identity { comm: "x".into(), ..it }).collect();
    scrape.queues = [(place(), Queues { accept: Some((9, 8)), syn: Some((1, 8)) })].into();
    let listed: BTreeSet<_> = METRICS
        .iter()
        .map(|it| (it.name.to_owned(), it.labels.iter().map(|&it| it.to_owned()).collect()))
        .collect();
    for format in [Exposition::Text, Exposition::OpenMetrics] {
        assert_eq!(samples(&format.write(scrape.clone()).unwrap()), listed);
    }
    for metric in METRICS {
        assert_eq!(metric.name.ends_with("_total"), metric.kind == "counter", "{}", metric.name);
        assert_eq!(metric.name.ends_with("_info"), metric.kind == "info", "{}", metric.name);
    }
}

#[test]
fn no_label_names_a_client_or_a_process() {
    for label in METRICS.iter().flat_map(|metric| metric.labels) {
        assert!(!["peer", "client", "pid", "cookie", "cmdline"].contains(label), "{label}");
    }
}

#[test]
fn a_reader_gets_what_it_accepts() {
    for (accept, format) in [
        ("", Exposition::Text),
        ("*/*", Exposition::Text),
        ("text/plain;version=0.0.4", Exposition::Text),
        ("application/openmetrics-text;version=1.0.0,*/*;q=0.1", Exposition::OpenMetrics),
        ("text/plain;q=0.5, application/openmetrics-text", Exposition::OpenMetrics),
        ("application/openmetrics-text;q=0,*/*", Exposition::Text),
        ("application/openmetrics-text; q=0", Exposition::Text),
        ("application/openmetrics-text;q=0.5", Exposition::OpenMetrics),
    ] {
        assert_eq!(Exposition::accepted(accept), format, "{accept}");
    }
}
