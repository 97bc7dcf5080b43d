//! The cells of a row, as text and as columns of text.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use ebpf_probes::Evidence;

use crate::catalogue::{self, Outcome};
use crate::decode::SynDrop;
use crate::render::draft::Draft;

/// As wide as the widest column.
const BLANKS: &str = "                                ";

/// A part of rows, which serves again where it would be the same: in a flood, most are.
#[derive(Debug)]
pub(super) struct Part<T> {
    of: Option<T>,
    text: Draft,
}

impl<T: PartialEq> Part<T> {
    pub(super) const fn new() -> Self {
        Self { of: None, text: Draft::new() }
    }

    /// What `write`, which is the same each time, makes of this.
    pub(super) fn of(&mut self, what: T, write: impl FnOnce(&mut Draft, &T)) -> &[u8] {
        if self.of.as_ref() != Some(&what) {
            self.text.clear();
            write(&mut self.text, &what);
            self.of = Some(what);
        }
        self.text.as_bytes()
    }
}

impl Draft {
    /// Fills what `write` leaves of so many columns. It writes ASCII.
    pub(super) fn column(&mut self, width: usize, write: impl FnOnce(&mut Self)) {
        let end = self.0.len() + width;
        write(self);
        self.text(&BLANKS[..end.saturating_sub(self.0.len())]);
    }

    /// What `write` writes, in this style.
    pub(super) fn styled(&mut self, style: Style, write: impl FnOnce(&mut Self)) {
        if style.is_plain() {
            return write(self);
        }
        // To write to memory never fails.
        _ = write!(self.0, "{style}");
        write(self);
        _ = write!(self.0, "{style:#}");
    }

    /// What stands behind the addresses, to the end of the row.
    pub(super) fn what(&mut self, drop: &SynDrop, colour: bool) {
        let entry = catalogue::of(drop.reason);
        let style = match entry.outcome {
            _ if !colour => Style::new(),
            _ if drop.reason.is_notice() => AnsiColor::Cyan.on_default(),
            Some(Outcome::Silent) => AnsiColor::Yellow.on_default(),
            Some(Outcome::Reset) => AnsiColor::Red.on_default(),
            Some(Outcome::SynAckAgain | Outcome::ChallengeAck) => AnsiColor::Green.on_default(),
            None => AnsiColor::Magenta.on_default(),
        };
        self.byte(b' ');
        self.styled(style, |row| row.column(28, |row| row.reason(drop, entry.slug)));
        self.byte(b' ');
        self.column(9, |row| row.accept_queue(drop));
        self.byte(b' ');
        self.syn_queue(drop);
        if drop.evidence == Evidence::Inferred {
            self.byte(b' ');
            self.text(catalogue::evidence(drop.evidence));
        }
        self.byte(b'\n');
    }

    /// An address and a port, or a dash where they are unknown.
    pub(super) fn address(&mut self, address: Option<SocketAddr>) {
        let Some(address) = address else { return self.byte(b'-') };
        if address.is_ipv6() {
            self.byte(b'[');
        }
        self.ip(address.ip());
        if address.is_ipv6() {
            self.byte(b']');
        }
        self.byte(b':');
        self.number(address.port());
    }

    /// [`reason()`]
    pub(super) fn reason(&mut self, drop: &SynDrop, slug: &str) {
        self.text(slug);
        if drop.reason.ends_refusal()
            && let Some(ns) = drop.refused_ns
        {
            _ = write!(self.0, " {:.1} s", Duration::from_nanos(ns).as_secs_f64());
        }
        if let Some(attempt @ 2..) = drop.attempt {
            self.text(" #");
            self.number(attempt);
        }
    }

    /// [`accept_queue()`], or a dash.
    pub(super) fn accept_queue(&mut self, drop: &SynDrop) {
        let Some(queue) = drop.accept else { return self.byte(b'-') };
        self.number(queue.len);
        self.byte(if queue.len > queue.limit { b'>' } else { b'/' });
        self.number(queue.limit);
    }

    /// [`syn_queue()`], or a dash.
    pub(super) fn syn_queue(&mut self, drop: &SynDrop) {
        let Some(len) = drop.syn_len else { return self.byte(b'-') };
        self.number(len);
        self.byte(b'/');
        match drop.accept {
            Some(queue) => self.number(queue.limit),
            None => self.byte(b'-'),
        }
    }
}

/// `65>64`: the accept queue of a drop, and how it stands to its limit.
pub(crate) fn accept_queue(drop: &SynDrop) -> Option<String> {
    drop.accept.map(|_| written(|row| row.accept_queue(drop)))
}

/// `4/64`: its SYN queue.
pub(crate) fn syn_queue(drop: &SynDrop) -> Option<String> {
    drop.syn_len.map(|_| written(|row| row.syn_queue(drop)))
}

/// The reason, the number of the attempt unless it is the first, and after how long it ended for
/// a client that had been refused.
pub(crate) fn reason(drop: &SynDrop, slug: &str) -> String {
    written(|row| row.reason(drop, slug))
}

fn written(write: impl FnOnce(&mut Draft)) -> String {
    let mut row = Draft::new();
    write(&mut row);
    String::from_utf8_lossy(&row.0).into_owned()
}
