use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, pending, ready};
use std::io::{self, ErrorKind, Write};
use std::rc::Rc;
use std::time::Duration;

use ebpf_probes::Reason;
use jiff::Timestamp;
use serde_json::Value;

use super::{Limits, PipelineError, Sinks, run};
use crate::decode::sample::syn_drop;
use crate::decode::{Bucket, SynDrop};
use crate::render::{Json, Summary};
use crate::source::{Event, Lost, Next, Occasion, Opening, Snapshot, Source, Total};

/// What a source does next.
enum Step {
    Yield(Vec<Event>),
    Fail,
    End,
}

/// A source that plays a script, then has nothing more to say.
#[derive(Default)]
struct Script {
    steps: VecDeque<Step>,
    opening: Opening,
    /// What is still in the ring when the end is near.
    rest: Vec<Event>,
    snapshot: Snapshot,
}

#[derive(Debug, thiserror::Error)]
#[error("failed to wait for events")]
struct Broken;

impl Source for Script {
    type Error = Broken;

    fn opening(&self) -> &Opening {
        &self.opening
    }

    async fn next(&mut self, into: &mut Vec<Event>) -> Result<Next, Broken> {
        match self.steps.pop_front() {
            Some(Step::Yield(events)) => into.extend(events),
            Some(Step::Fail) => return Err(Broken),
            Some(Step::End) => return Ok(Next::End),
            None => pending().await,
        }
        Ok(Next::More)
    }

    fn snapshot(&mut self, _: Occasion, into: &mut Vec<Event>) -> Result<Snapshot, Broken> {
        into.append(&mut self.rest);
        Ok(self.snapshot.clone())
    }
}

fn drops(count: usize) -> Vec<Event> {
    vec![Event::Drop(syn_drop()); count]
}

fn counted(count: u64) -> Snapshot {
    let SynDrop { listener, reason, stage, evidence, shown, .. } = syn_drop();
    let moves = reason.moves();
    let bucket = Bucket { listener, reason, stage, evidence, shown, moves };
    Snapshot { totals: vec![Total::whole(bucket, count)], ..Snapshot::default() }
}

fn script(steps: Vec<Step>) -> Script {
    Script { steps: steps.into(), snapshot: counted(9), ..Script::default() }
}

/// A run, and what it wrote.
fn written(
    mut source: Script,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> (Result<Summary, PipelineError<Broken>>, Vec<Value>, String) {
    let (mut data, mut status) = (Vec::new(), Vec::new());
    let ended = into(&mut source, &mut data, &mut status, limits, stop);
    let lines = data.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let lines = lines.map(|line| serde_json::from_slice(line).unwrap()).collect();
    (ended, lines, String::from_utf8(status).unwrap())
}

fn into(
    source: &mut Script,
    data: &mut dyn Write,
    status: &mut dyn Write,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> Result<Summary, PipelineError<Broken>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(
        source,
        Sinks { render: &mut Json::default(), data, status },
        limits,
        stop,
    ))
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

#[test]
fn everything_comes_out_in_order_and_sums_up() {
    let lost = Event::Lost(Lost { events: 2, since: Timestamp::UNIX_EPOCH });
    let steps =
        vec![Step::Yield(drops(1)), Step::Yield(vec![lost]), Step::Yield(drops(1)), Step::End];
    let (ended, lines, status) = written(script(steps), Limits::default(), pending());
    assert_eq!(ended.unwrap().totals.count(), 9);
    assert_eq!(kinds(&lines), ["header", "drop", "lost", "drop", "summary"]);
    assert_eq!(lines[4]["drops"]["accept-queue-full-syn"], 9);
    assert_eq!(status, "");
}

#[test]
fn to_be_stopped_is_a_normal_end_that_still_shows_what_is_in_the_ring() {
    let source = Script { rest: drops(2), ..script(vec![Step::Yield(drops(5))]) };
    let (ended, lines, _) = written(source, Limits::default(), ready(()));
    assert_eq!(ended.unwrap().totals.count(), 9);
    assert_eq!(kinds(&lines), ["header", "drop", "drop", "summary"]);
}

#[test]
fn it_ends_when_its_time_is_over() {
    let steps = vec![Step::Yield(drops(1))];
    let limits = Limits { duration: Some(Duration::from_secs(3600)), ..Limits::default() };
    let (ended, lines, _) = written(script(steps), limits, pending());
    ended.unwrap();
    assert_eq!(kinds(&lines), ["header", "drop", "summary"]);
}

#[test]
fn it_says_on_the_way_how_it_stands() {
    let limits = Limits {
        duration: Some(Duration::from_secs(25)),
        interval: Some(Duration::from_secs(10)),
        ..Limits::default()
    };
    let source = Script { rest: drops(1), ..script(vec![Step::Yield(drops(1))]) };
    let (ended, lines, _) = written(source, limits, pending());
    ended.unwrap();
    // What is counted by then is told before.
    assert_eq!(kinds(&lines), ["header", "drop", "drop", "interval", "interval", "summary"]);
    assert_eq!(lines[3]["drops"]["accept-queue-full-syn"], 9);
}

#[test]
fn after_so_many_drops_it_ends() {
    let limits = Limits { count: Some(3), ..Limits::default() };
    let source =
        Script { rest: drops(7), ..script(vec![Step::Yield(drops(2)), Step::Yield(drops(2))]) };
    let (ended, lines, _) = written(source, limits, pending());
    ended.unwrap();
    assert_eq!(kinds(&lines), ["header", "drop", "drop", "drop", "summary"]);
}

#[test]
fn notices_are_no_drops_that_it_would_end_after() {
    let limits = Limits { count: Some(1), ..Limits::default() };
    let notice = SynDrop { reason: Reason::CookieSent, ..syn_drop() };
    let events = [vec![Event::Drop(notice); 3], drops(2)].concat();
    let (ended, lines, _) = written(script(vec![Step::Yield(events)]), limits, pending());
    ended.unwrap();
    assert_eq!(kinds(&lines), ["header", "notice", "notice", "notice", "drop", "summary"]);
}

#[test]
fn notes_go_to_the_other_output() {
    let note = Step::Yield(vec![Event::Note("line 3 is\nodd".into())]);
    let (_, lines, status) = written(script(vec![note, Step::End]), Limits::default(), pending());
    assert_eq!(kinds(&lines), ["header", "summary"]);
    assert_eq!(status, "syndrop: line 3 is\\nodd\n");
}

#[test]
fn what_came_before_a_failure_is_out() {
    let steps = vec![Step::Yield(drops(1)), Step::Fail];
    let (ended, lines, _) = written(script(steps), Limits::default(), pending());
    assert!(matches!(ended, Err(PipelineError::Source(Broken))));
    assert_eq!(kinds(&lines), ["header", "drop"]);
}

/// An output that takes so many lines, then fails.
struct Narrow {
    room: Rc<RefCell<usize>>,
    kind: ErrorKind,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.ends_with(b"\n") {
            let mut room = self.room.borrow_mut();
            *room = room.checked_sub(1).ok_or(self.kind)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn narrow(room: usize, kind: ErrorKind) -> Result<Summary, PipelineError<Broken>> {
    let mut data = Narrow { room: Rc::new(RefCell::new(room)), kind };
    let mut source = script(vec![Step::Yield(drops(3))]);
    into(&mut source, &mut data, &mut io::sink(), Limits::default(), pending())
}

#[test]
fn a_reader_that_went_away_is_a_normal_end() {
    for room in 0..4 {
        assert_eq!(narrow(room, ErrorKind::BrokenPipe).unwrap().totals.count(), 9);
    }
}

#[test]
fn a_full_disk_is_an_error() {
    for room in 0..4 {
        let error = narrow(room, ErrorKind::StorageFull).unwrap_err();
        assert!(
            matches!(error, PipelineError::Write(error) if error.kind() == ErrorKind::StorageFull)
        );
    }
}

#[test]
fn a_closed_stderr_stops_nothing() {
    let mut source = script(vec![Step::Yield(vec![Event::Note("hm".into())]), Step::End]);
    let mut closed = Narrow { room: Rc::default(), kind: ErrorKind::BrokenPipe };
    let ended = into(&mut source, &mut Vec::new(), &mut closed, Limits::default(), pending());
    assert_eq!(ended.unwrap().totals.count(), 9);
}
