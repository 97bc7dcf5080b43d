use std::io::{self, Read};

use ebpf_probes::{Counter, Evidence, Filter, Reason};
use proptest::prelude::*;

use super::{Event, Next, Occasion, OwnerFilter, Replay, ReplayError, Snapshot, Source};
use crate::incident::Owner;

const HEADER: &str = r#"{"type":"header","schema":1,"syndrop":"0.1.0","kernel":"6.12.107","host":"web1","attach":"kprobe","time":"2026-11-20T11:12:48.000000000Z","probes":[],"unobservable":[],"inferred":["syn-queue-full"]}"#;
const LOST: &str = r#"{"type":"lost","events":12,"since":"2026-11-20T11:12:49.000000000Z"}"#;
const SUMMARY: &str = r#"{"type":"summary","duration_s":2.5,"drops":{"accept-queue-full-syn":4,"syn-queue-full":3},"clients":2,"by_listener":[{"local":{"addr":"0.0.0.0","port":80},"listener":{"netns":7,"inode":9,"bound":{"addr":"0.0.0.0","port":80}},"drops":{"accept-queue-full-syn":4,"syn-queue-full":3}}],"counters":[{"netns":7,"name":"ListenDrops","kernel":8,"explained":7},{"netns":7,"name":"Newer","kernel":1,"explained":1}],"lost_events":5,"sampled_out":1,"missed_probes":2}"#;

fn drop_line(reason: &str, port: u16) -> String {
    format!(
        r#"{{"type":"drop","time":"2026-11-20T11:12:50.250000000Z","boot_ns":1,"reason":"{reason}","stage":"syn","evidence":"observed","outcome":"silent","family":"ipv4","local":{{"addr":"10.0.0.1","port":{port}}},"peer":{{"addr":"10.0.0.7","port":999}},"listener":{{"netns":7,"inode":9,"cookie":"77","bound":{{"addr":"0.0.0.0","port":80}},"pid":3,"comm":"nginx"}},"function":"tcp_conn_request","cpu":1,"of_a_later_version":[1]}}"#
    )
}

fn filter(port: u16) -> Filter {
    let mut filter = Filter::ALL;
    (filter.ports[0], filter.ports_len) = (port, 1);
    filter
}

/// Everything that a recording yields.
fn replay(
    recording: impl Read + Send + 'static,
    filter: Filter,
) -> Result<(Replay, Vec<Event>, Snapshot), ReplayError> {
    replay_up_to(recording, filter, None)
}

fn replay_up_to(
    recording: impl Read + Send + 'static,
    filter: Filter,
    count: Option<u64>,
) -> Result<(Replay, Vec<Event>, Snapshot), ReplayError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut replay = Replay::open("rec", recording, filter, count).await?;
        let mut events = Vec::new();
        while replay.next(&mut events).await? == Next::More {}
        let snapshot = replay.snapshot(Occasion::End, &mut events)?;
        Ok((replay, events, snapshot))
    })
}

fn lines(lines: &[&str]) -> io::Cursor<String> {
    io::Cursor::new(lines.join("\n") + "\n")
}

fn notes(events: &[Event]) -> Vec<&str> {
    fn note(event: &Event) -> Option<&str> {
        match event {
            Event::Note(note) => Some(note),
            _ => None,
        }
    }
    events.iter().filter_map(note).collect()
}

fn counts(snapshot: &Snapshot) -> Vec<(Reason, bool, u64)> {
    let row = |it: &super::Total| (it.bucket.reason, it.bucket.shown, it.count);
    let mut rows: Vec<_> = snapshot.totals.iter().map(row).collect();
    rows.sort_unstable();
    rows
}

#[test]
fn a_whole_recording_tells_all_that_it_was_told() {
    let drop = drop_line("accept-queue-full-syn", 80);
    let (replay, events, snapshot) =
        replay(lines(&[HEADER, &drop, LOST, &drop, SUMMARY]), Filter::ALL).unwrap();
    assert_eq!(replay.opening().kernel.as_deref(), Some("6.12.107"));
    let [Event::Recorded(first), Event::Lost(lost), Event::Recorded(_)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(first.time.to_string(), "2026-11-20T11:12:50.25Z");
    assert_eq!(first.drop.cookie, Some(77));
    assert_eq!((first.owner.pid, first.owner.comm.as_deref()), (Some(3), Some("nginx")));
    assert_eq!(lost.events, 12);
    assert_eq!(snapshot.duration.as_millis(), 2500);
    let losses = snapshot.losses;
    assert_eq!((losses.events(), losses.probes(), losses.sampled_out), (5, 2, 1));
    assert_eq!(snapshot.counters.len(), 1, "a counter of a later version is left out");
    assert_eq!(snapshot.counters[0].counter, Counter::ListenDrops);
    assert_eq!((snapshot.counters[0].kernel, snapshot.counters[0].explained), (Some(8), Some(7)));
}

#[test]
fn drops_without_event_are_taken_from_the_summary() {
    let drop = drop_line("accept-queue-full-syn", 80);
    let (_, _, snapshot) = replay(lines(&[HEADER, &drop, SUMMARY]), Filter::ALL).unwrap();
    let sum = |reason, evidence| {
        let same =
            |it: &&super::Total| (it.bucket.reason, it.bucket.evidence) == (reason, evidence);
        snapshot.totals.iter().filter(same).map(|it| it.count).sum::<u64>()
    };
    assert_eq!(sum(Reason::AcceptQueueFullSyn, Evidence::Observed), 4);
    assert_eq!(sum(Reason::SynQueueFull, Evidence::Inferred), 3);
}

#[test]
fn a_filter_hides_and_says_what_it_could_not_judge() {
    let drops = [80, 81].map(|port| drop_line("accept-queue-full-syn", port));
    let recording = lines(&[HEADER, &drops[0], &drops[1], SUMMARY]);
    let (_, events, snapshot) = replay(recording, filter(81)).unwrap();
    let reason = Reason::AcceptQueueFullSyn;
    assert_eq!(counts(&snapshot), [(reason, false, 1), (reason, true, 1)]);
    assert_eq!(events.iter().filter(|it| matches!(it, Event::Recorded(_))).count(), 1);
    assert!(
        matches!(notes(&events)[..], [note] if note.contains("5 drops") && note.contains("lower"))
    );
}

#[test]
fn after_so_many_drops_nothing_more_is_counted() {
    let drops = [81, 80, 81, 81].map(|port| drop_line("accept-queue-full-syn", port));
    let recording = lines(&[HEADER, &drops[0], &drops[1], &drops[2], &drops[3], SUMMARY]);
    let (_, events, snapshot) = replay_up_to(recording, filter(81), Some(2)).unwrap();
    let reason = Reason::AcceptQueueFullSyn;
    assert_eq!(counts(&snapshot), [(reason, false, 1), (reason, true, 2)]);
    assert_eq!(events.len(), 2);
    assert!(snapshot.counters.is_empty());
}

/// What `--reason` would ask for.
fn only(reasons: u64, notices: u64) -> Filter {
    Filter { reasons, notices, ..Filter::ALL }
}

#[test]
fn notices_are_narrowed_and_never_end_it() {
    let drop = drop_line("syn-queue-full", 80);
    let notice = |reason| drop_line(reason, 80).replace("\"drop\"", "\"notice\"");
    let (sent, gone) = (notice("cookie-sent"), notice("client-gone"));
    let recording = || lines(&[HEADER, &sent, &gone, &drop, &sent, &drop]);
    let count = |filter, up_to| {
        let (_, events, snapshot) = replay_up_to(recording(), filter, up_to).unwrap();
        let shown = snapshot.totals.iter().filter(|it| it.bucket.shown);
        let recorded = events.iter().filter(|it| matches!(it, Event::Recorded(_))).count();
        (recorded, shown.map(|it| it.count).sum::<u64>())
    };
    assert_eq!(count(Filter::ALL, None), (2, 2), "no notice is shown that nobody asked for");
    assert_eq!(count(only(u64::MAX, u64::MAX), None), (5, 5));
    assert_eq!(count(only(0, 1), None), (2, 2), "the first notice is cookie-sent");
    assert_eq!(count(only(u64::MAX, u64::MAX), Some(1)), (3, 3), "one drop, two notices before");
}

#[test]
fn notices_without_event_are_taken_from_the_summary() {
    let notices = r#""notices":{"cookie-sent":9,"of-a-later-version":1},"lost_events""#;
    let summary = SUMMARY.replace("\"lost_events\"", notices);
    let sent = drop_line("cookie-sent", 80).replace("\"drop\"", "\"notice\"");
    let recording = || lines(&[HEADER, &sent, &summary]);
    let shown = |filter| {
        let (_, _, snapshot) = replay(recording(), filter).unwrap();
        let of = |it: &&super::Total| it.bucket.reason == Reason::CookieSent && it.bucket.shown;
        snapshot.totals.iter().filter(of).map(|it| it.count).sum::<u64>()
    };
    assert_eq!(shown(only(u64::MAX, u64::MAX)), 9);
    assert_eq!(shown(Filter::ALL), 0);
}

#[test]
fn a_cut_recording_gives_what_is_whole() {
    let drop = drop_line("syn-queue-full", 80);
    let cut = format!("{HEADER}\n{drop}\n{}", &drop[..200]);
    let (_, events, snapshot) = replay(io::Cursor::new(cut), Filter::ALL).unwrap();
    assert_eq!(counts(&snapshot), [(Reason::SynQueueFull, true, 1)]);
    assert_eq!(snapshot.duration.as_millis(), 2250);
    assert!(snapshot.counters.is_empty());
    let notes = notes(&events);
    assert_eq!(notes[0], "rec: line 3 is left out: it is cut off");
    assert!(notes[1].contains("end is missing"), "{notes:?}");
}

#[test]
fn damaged_lines_are_named_and_the_rest_is_replayed() {
    let drop = drop_line("syn-queue-full", 80);
    let unknown = drop_line("later-reason", 80);
    let other = r#"{"type":"histogram","of":"a later version"}"#;
    let long = format!("\"{}\"", "x".repeat(1 << 20));
    let recording =
        lines(&[HEADER, "\u{0}\u{1}", "", &drop, &unknown, other, "[1]", &long, &drop, SUMMARY]);
    let (_, events, snapshot) = replay(recording, Filter::ALL).unwrap();
    assert!(counts(&snapshot).contains(&(Reason::SynQueueFull, true, 2)));
    let notes = notes(&events);
    let starts: Vec<_> = notes.iter().map(|note| &note[..11]).collect();
    assert_eq!(starts, ["rec: line 2", "rec: line 5", "rec: line 7", "rec: line 8"]);
    assert!(notes[1].contains("\"later-reason\" is no reason"), "{notes:?}");
}

#[test]
fn only_so_many_damaged_lines_are_named() {
    let mut recording = vec![HEADER];
    recording.extend(["?"; 30]);
    let (_, events, _) = replay(lines(&recording), Filter::ALL).unwrap();
    let notes = notes(&events);
    assert_eq!(notes.len(), 7, "{notes:?}");
    assert_eq!(notes[5], "rec: 25 more lines are left out");
}

#[test]
fn drops_without_header_are_replayed_too() {
    let drop = drop_line("syn-queue-full", 80);
    let (replay, events, _) = replay(lines(&["?", &drop]), Filter::ALL).unwrap();
    assert_eq!(replay.opening().kernel, None);
    assert!(notes(&events)[0].contains("beginning is missing"));
    assert!(events.iter().any(|event| matches!(event, Event::Recorded(_))));
}

#[test]
fn a_second_recording_in_the_same_file_is_left_out() {
    let drop = drop_line("syn-queue-full", 80);
    let (_, events, snapshot) =
        replay(lines(&[HEADER, &drop, SUMMARY, HEADER, &drop]), filter(80)).unwrap();
    assert_eq!(counts(&snapshot), [(Reason::SynQueueFull, true, 1)]);
    assert!(notes(&events)[0].starts_with("rec: line 4: another recording"));
}

#[test]
fn what_is_no_recording_is_refused() {
    let refused =
        |text: &str| replay(io::Cursor::new(text.to_owned()), Filter::ALL).unwrap_err().to_string();
    assert!(refused("").contains("it is empty"));
    let message = refused("#!/bin/sh\necho\n");
    assert!(message.contains("no recording") && message.contains("line 1"), "{message}");
    let later = HEADER.replace("\"schema\":1", "\"schema\":2");
    assert!(refused(&later).contains("schema 2"));
}

#[test]
fn a_failing_disk_is_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let drop = drop_line("syn-queue-full", 80);
    let recording = lines(&[HEADER, &drop]).chain(Broken);
    assert!(matches!(replay(recording, Filter::ALL), Err(ReplayError::Read { .. })));
}

#[test]
fn a_filter_by_owner_judges_events_and_what_has_none() {
    let other = drop_line("accept-queue-full-syn", 80)
        .replace(r#""inode":9"#, r#""inode":8"#)
        .replace("nginx", "redis");
    let with_owner = SUMMARY.replace(r#""inode":9,"#, r#""inode":9,"pid":3,"comm":"nginx","#);
    let drop = drop_line("accept-queue-full-syn", 80);
    let filtered = |comm: &str| {
        let recording = lines(&[HEADER, &drop, &other, &with_owner]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let wanted = OwnerFilter { pid: None, comm: Some(comm.to_owned()) };
            let replay = Replay::open("rec", recording, Filter::ALL, None).await.unwrap();
            let (mut replay, mut events) = (replay.of_owner(wanted), Vec::new());
            while replay.next(&mut events).await.unwrap() == Next::More {}
            let snapshot = replay.snapshot(Occasion::End, &mut events).unwrap();
            let shown = snapshot.totals.iter().filter(|total| total.bucket.shown);
            (notes(&events).len(), shown.map(|total| total.count).sum::<u64>())
        })
    };
    assert_eq!(filtered("nginx"), (0, 7));
    assert_eq!(filtered("redis"), (0, 1));
    assert_eq!(filtered("sshd"), (0, 0));
}

/// A recording with a line of each kind.
fn recorded() -> Vec<u8> {
    let interval = SUMMARY.replace("summary", "interval");
    let drop = drop_line("accept-queue-full-syn", 80);
    lines(&[HEADER, &drop, LOST, &interval, &drop, SUMMARY]).into_inner().into_bytes()
}

/// Everything that is done with a recording, numbers added up included.
fn survives(bytes: Vec<u8>) {
    if let Ok((_, _, snapshot)) = replay(io::Cursor::new(bytes), Filter::ALL) {
        let _ = crate::reconcile::reconcile(&snapshot);
        let totals = crate::totals::Tally::default().totals(&snapshot, |_| Owner::default());
        let _ = (totals.count(), snapshot.losses.events(), snapshot.losses.probes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_damage_is_survived(
        at in 0..recorded().len(), with: u8, more in 0..recorded().len(), noise: Vec<u8>,
    ) {
        let mut bytes = recorded();
        bytes[at] = with;
        bytes.splice(more..more, noise.iter().copied());
        survives(bytes);
        survives(noise);
    }

    #[test]
    fn any_number_is_survived(nth in 0..200_usize, number: u64) {
        let text = String::from_utf8(recorded()).unwrap();
        let digits: Vec<_> = text.match_indices(|c: char| c.is_ascii_digit()).collect();
        let (at, _) = digits[nth * digits.len() / 200];
        let end = text[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
        survives([&text[..at], &number.to_string(), &text[at + end..]].concat().into_bytes());
    }
}

#[test]
fn numbers_that_do_not_add_up_are_survived() {
    let text = String::from_utf8(recorded()).unwrap();
    for (count, most) in [("\":4", u64::MAX), ("\":3", u64::MAX), ("\"events\":12", u64::MAX)] {
        let name = count.split(':').next().unwrap();
        survives(text.replace(count, &format!("{name}:{most}")).repeat(2).into_bytes());
    }
    let all = text.replace("\":4", &format!("\":{}", u64::MAX));
    let all = all.replace("\":3", &format!("\":{}", u64::MAX));
    let all = all.replace("\":5", &format!("\":{}", u64::MAX));
    survives(
        all.replace("\":12", &format!("\":{}", u64::MAX)).replace("\":2}", "\":7}").into_bytes(),
    );
    let twice = LOST.replace("12", &u64::MAX.to_string());
    survives(lines(&[HEADER, &twice, &twice]).into_inner().into_bytes());
}
