//! One page about one recording: what was refused, when, whose it was, and what to do about it.
//!
//! The page is whole by itself: no script, nothing fetched, charts drawn as SVG here. It is built
//! in memory once all events are known; its size does not grow with their number.

use std::io::{self, Write};

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Foreign, Render, Summary};
use crate::incident::Incident;
use crate::report::Report;
use crate::source::{Lost, Opening};

mod advice;
mod charts;
mod clients;
mod facts;
mod listeners;
mod queues;
mod summary;
mod words;

/// Nothing may be fetched and nothing run, whatever a recording holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page, in the making.
#[derive(Debug)]
pub struct Html {
    command: String,
    narrowed: bool,
    opening: Opening,
    report: Report,
    notes: Vec<String>,
}

/// All that the parts of a page are made of.
struct Page<'a> {
    command: &'a str,
    narrowed: bool,
    opening: &'a Opening,
    report: &'a Report,
    notes: &'a [String],
    summary: &'a Summary,
}

impl Html {
    /// A page that says by which command it was made, and whether a filter of that hides drops.
    pub fn new(command: String, narrowed: bool) -> Self {
        Self {
            command,
            narrowed,
            opening: Opening::default(),
            report: Report::default(),
            notes: Vec::new(),
        }
    }
}

impl Render for Html {
    fn opening(&mut self, _: &mut dyn Write, opening: &Opening) -> io::Result<()> {
        self.opening = opening.clone();
        self.report = Report::new(opening.time);
        Ok(())
    }

    fn incident(&mut self, _: &mut dyn Write, incident: &Incident) -> io::Result<()> {
        self.report.add(incident);
        Ok(())
    }

    fn lost(&mut self, _: &mut dyn Write, lost: &Lost) -> io::Result<()> {
        self.report.lost(lost);
        Ok(())
    }

    fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }

    fn summary(&mut self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        let end = self.opening.time.and_then(|time| time.checked_add(summary.duration).ok());
        if let Some(end) = end.filter(|_| !summary.duration.is_zero()) {
            // What was quiet until the end belongs to the picture.
            self.report.timeline.at(end);
        }
        let Self { command, narrowed, opening, report, notes } = self;
        let page = Page { command, narrowed: *narrowed, opening, report, notes, summary };
        out.write_all(page.markup().into_string().as_bytes())
    }
}

impl Page<'_> {
    fn markup(&self) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    title { (self.title()) }
                    style { (PreEscaped(include_str!("html/style.css"))) }
                }
                body {
                    main {
                        (self.head())
                        (self.drops_over_time())
                        (self.queues_over_time())
                        (self.listeners())
                        (self.clients())
                        (self.advice())
                        (self.reconciliation())
                        (self.blind_spots())
                        (self.facts())
                    }
                }
            }
        }
    }

    /// A title that many such pages are told apart by.
    fn title(&self) -> String {
        let host = self.opening.host.as_deref().map(|host| format!(" on {}", Foreign(host)));
        format!("Refused TCP connections{}", host.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
