//! The cells of a row, as text and as columns of text.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use anstyle::Style;

use crate::decode::SynDrop;
use crate::render::draft::Draft;

/// As wide as the widest column.
const BLANKS: &str = "                                ";

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
