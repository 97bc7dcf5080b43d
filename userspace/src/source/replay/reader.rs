//! Reads a recording line by line on a thread of its own.
//!
//! A recording may be a pipe that falls silent, and to wait for one must not keep anybody from
//! hearing Ctrl-C.

use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::super::{Lost, Opening};
use crate::incident::Incident;
use crate::ndjson::{Line, SCHEMA, SummaryLine};

/// Items that are handed over at once, and batches that may wait.
const BATCH: usize = 256;
const WAITING: usize = 8;
/// No line of a recording is nearly as long.
const LINE_MAX: usize = 1 << 20;
/// Damaged lines that are named one by one.
const NAMED: u64 = 5;

/// What a line turned out to be.
#[derive(Debug)]
pub(super) enum Item {
    Header(Box<Opening>),
    Drop(Box<Incident>),
    Lost(Lost),
    Summary(Box<SummaryLine<'static>>),
    /// A line is of no use.
    Damaged {
        line: u64,
        why: String,
    },
    /// Something is wrong with all of it.
    Note(String),
    /// The rest cannot be read.
    Failed(io::Error),
    /// The rest is of a version that is not known here.
    Schema(u32),
}

/// Starts to read. The channel ends with the recording.
pub(super) fn start(reader: impl Read + Send + 'static) -> Receiver<Vec<Item>> {
    let (to, from) = channel(WAITING);
    // Nobody waits for the thread: it may sit in a read that never returns.
    thread::spawn(move || Lines::new(reader, to).run());
    from
}

struct Lines<R> {
    reader: BufReader<R>,
    to: Sender<Vec<Item>>,
    batch: Vec<Item>,
    number: u64,
    damaged: u64,
    headers: u32,
    begun: bool,
    ended: bool,
}

impl<R: Read> Lines<R> {
    fn new(reader: R, to: Sender<Vec<Item>>) -> Self {
        let reader = BufReader::with_capacity(1 << 16, reader);
        Self {
            reader,
            to,
            batch: Vec::new(),
            number: 0,
            damaged: 0,
            headers: 0,
            begun: false,
            ended: false,
        }
    }

    fn run(mut self) {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut self.reader).take(LINE_MAX as u64 + 1).read_until(b'\n', &mut line);
            match read {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => {
                    self.batch.push(Item::Failed(error));
                    break;
                }
            }
            self.number += 1;
            if !self.line(&line) {
                break;
            }
            // A whole line that is here already can come along; one still to come may take long.
            let more = self.reader.buffer().contains(&b'\n') && self.batch.len() < BATCH;
            if !more && !self.hand_over() {
                return;
            }
        }
        self.conclude();
        self.hand_over();
    }

    /// Whether anybody still listens.
    fn hand_over(&mut self) -> bool {
        let batch = std::mem::take(&mut self.batch);
        batch.is_empty() || self.to.blocking_send(batch).is_ok()
    }

    /// Takes a line; false if no further one is to be read.
    fn line(&mut self, line: &[u8]) -> bool {
        if line.len() > LINE_MAX && !line.ends_with(b"\n") {
            if let Err(error) = self.reader.skip_until(b'\n') {
                self.batch.push(Item::Failed(error));
                return false;
            }
            self.damaged("it is longer than any line of a recording");
            return true;
        }
        if line.trim_ascii().is_empty() {
            return true;
        }
        match serde_json::from_slice::<Line<'static>>(line) {
            Ok(line) => self.parsed(line),
            Err(_) if !line.ends_with(b"\n") => {
                self.damaged("it is cut off");
                true
            }
            Err(error) => {
                self.damaged(&position_free(&error));
                true
            }
        }
    }

    fn parsed(&mut self, line: Line<'static>) -> bool {
        self.begun = true;
        match line {
            Line::Header(header) if header.schema > SCHEMA => {
                self.batch.push(Item::Schema(header.schema));
                return false;
            }
            Line::Header(_) if self.headers > 0 => {
                let note = "another recording begins here and is left out; replay it on its own";
                self.batch.push(Item::Note(format!("line {}: {note}", self.number)));
                return false;
            }
            Line::Header(header) => {
                self.headers += 1;
                self.batch.push(Item::Header(Box::new(header.into())));
            }
            Line::Drop(drop) | Line::Notice(drop) => match Incident::try_from(drop) {
                Ok(incident) => self.batch.push(Item::Drop(Box::new(incident))),
                Err(word) => self.damaged(&word.to_string()),
            },
            Line::Lost(lost) => {
                let (events, since) = (lost.events, lost.since.0);
                self.batch.push(Item::Lost(Lost { events, since }));
            }
            Line::Summary(summary) => {
                self.ended = true;
                self.batch.push(Item::Summary(Box::new(summary)));
            }
            // What an interval said is in the events and in the summary.
            Line::Interval(_) | Line::Other => {}
        }
        true
    }

    fn damaged(&mut self, why: &str) {
        self.damaged += 1;
        if self.damaged <= NAMED {
            self.batch.push(Item::Damaged { line: self.number, why: why.to_owned() });
        }
    }

    fn conclude(&mut self) {
        if self.damaged > NAMED {
            let more = self.damaged - NAMED;
            self.batch.push(Item::Note(format!("{more} more lines are left out")));
        }
        if self.begun && !self.ended {
            let note = "the end is missing: what the kernel counted is unknown";
            self.batch.push(Item::Note(note.to_owned()));
        }
    }
}

/// What is wrong, and in which column; the line within one line says nothing.
fn position_free(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((what, _)) => format!("{what} at column {}", error.column()),
        None => text,
    }
}
