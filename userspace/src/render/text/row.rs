//! One row, put together piece by piece.
//!
//! Under flood a row is written for every dropped packet. To put it together with `write!` and
//! widths takes ten times the instructions, more than all else that a drop costs here.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anstyle::Style;
use itoa::Integer;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::decode::SynDrop;

/// A row in the making. Its room serves for the next one.
#[derive(Debug, Default)]
pub(super) struct Row(String);

/// As wide as the widest column.
const BLANKS: &str = "                                ";

impl Row {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn number(&mut self, number: impl Integer) {
        self.0.push_str(itoa::Buffer::new().format(number));
    }

    /// Fills what `write` leaves of so many columns. It writes ASCII.
    pub(super) fn column(&mut self, width: usize, write: impl FnOnce(&mut Self)) {
        let end = self.0.len() + width;
        write(self);
        self.0.push_str(&BLANKS[..end.saturating_sub(self.0.len())]);
    }

    /// What `write` writes, in this style.
    pub(super) fn styled(&mut self, style: Style, write: impl FnOnce(&mut Self)) {
        if style.is_plain() {
            return write(self);
        }
        // To write to a string never fails.
        _ = write!(self.0, "{style}");
        write(self);
        _ = write!(self.0, "{style:#}");
    }

    /// An address and a port, or a dash where they are unknown.
    pub(super) fn address(&mut self, address: Option<SocketAddr>) {
        let Some(address) = address else { return self.text("-") };
        match address.ip() {
            IpAddr::V4(ip) => {
                for (place, octet) in ip.octets().into_iter().enumerate() {
                    if place > 0 {
                        self.text(".");
                    }
                    self.number(octet);
                }
            }
            IpAddr::V6(ip) => _ = write!(self.0, "[{ip}]"),
        }
        self.text(":");
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
        let Some(queue) = drop.accept else { return self.text("-") };
        self.number(queue.len);
        self.text(if queue.len > queue.limit { ">" } else { "/" });
        self.number(queue.limit);
    }

    /// [`syn_queue()`], or a dash.
    pub(super) fn syn_queue(&mut self, drop: &SynDrop) {
        let Some(len) = drop.syn_len else { return self.text("-") };
        self.number(len);
        self.text("/");
        match drop.accept {
            Some(queue) => self.number(queue.limit),
            None => self.text("-"),
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

fn written(write: impl FnOnce(&mut Row)) -> String {
    let mut row = Row::new();
    write(&mut row);
    row.0
}

/// The time of day, which is worked out once a second.
#[derive(Debug)]
pub(super) struct Clock {
    /// Seconds since the epoch, rounded down, and what they are called.
    second: i64,
    called: String,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self { second: i64::MIN, called: String::new() }
    }

    /// `22:13:20` in this zone, which is the same with every call.
    pub(super) fn at(&mut self, time: Timestamp, zone: &TimeZone) -> &str {
        let second = time.as_second() - i64::from(time.subsec_nanosecond() < 0);
        if second != self.second {
            let time = zone.to_datetime(time).time();
            self.second = second;
            self.called = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        }
        &self.called
    }
}
