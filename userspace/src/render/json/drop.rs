//! The line of a drop or a notice, of which there may be one for every packet.
//!
//! It is what serde makes of a `DropLine`, byte for byte, for a quarter of the instructions: names of
//! fields need no look at what in them is to be escaped.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Serializer;

use super::{Printable, seconds};
use crate::catalogue;
use crate::incident::Incident;
use crate::ndjson::Time;
use crate::render::draft::{Clock, Draft};

/// What stands behind the name of a field.
trait Value {
    fn write(self, line: &mut Draft);
}

/// A word of this program: nothing in it is to be escaped.
struct Word(&'static str);

impl Value for Word {
    fn write(self, line: &mut Draft) {
        line.byte(b'"');
        line.text(self.0);
        line.byte(b'"');
    }
}

impl Value for u32 {
    fn write(self, line: &mut Draft) {
        line.number(self);
    }
}

impl Value for u64 {
    fn write(self, line: &mut Draft) {
        line.number(self);
    }
}

/// What somebody else chose.
impl Value for &str {
    fn write(self, line: &mut Draft) {
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
        if self.bytes().all(plain) {
            line.byte(b'"');
            line.text(self);
            return line.byte(b'"');
        }
        // To write to memory never fails.
        _ = self.serialize(&mut Serializer::with_formatter(&mut line.0, Printable));
    }
}

impl Value for SocketAddr {
    fn write(self, line: &mut Draft) {
        line.text(r#"{"addr":""#);
        line.ip(self.ip());
        line.text(r#"","port":"#);
        line.number(self.port());
        line.byte(b'}');
    }
}

impl<V: Value> Value for Option<V> {
    fn write(self, line: &mut Draft) {
        match self {
            Some(value) => value.write(line),
            None => line.text("null"),
        }
    }
}

impl Draft {
    /// A field, given with all that stands before its value.
    fn field(&mut self, name: &str, value: impl Value) {
        self.text(name);
        value.write(self);
    }
}

/// Writes it. The clock is of nothing else.
pub(super) fn write(line: &mut Draft, clock: &mut Clock, incident: &Incident) {
    let Incident { time, drop, owner } = incident;
    let kind = if drop.reason.is_notice() { "notice" } else { "drop" };
    let entry = catalogue::of(drop.reason);
    line.field(r#"{"type":"#, Word(kind));
    line.text(r#","time":""#);
    // Up to the point.
    line.text(clock.at(*time, |time| {
        let mut called = Time(time).to_string();
        called.truncate(called.find('.').unwrap_or(called.len()));
        called
    }));
    line.byte(b'.');
    let part = time.subsec_nanosecond().rem_euclid(1_000_000_000);
    // Nine digits, whatever the first ones are.
    line.text(&itoa::Buffer::new().format(1_000_000_000 + part)[1..]);
    line.field(r#"Z","boot_ns":"#, drop.boot_ns);
    line.field(r#","reason":"#, Word(entry.slug));
    line.field(r#","stage":"#, Word(catalogue::stage(drop.stage)));
    line.field(r#","evidence":"#, Word(catalogue::evidence(drop.evidence)));
    line.field(r#","outcome":"#, entry.outcome.map(|id| Word(catalogue::outcome(id))));
    let family = drop.packet.map(|packet| Word(catalogue::family(packet.family)));
    line.field(r#","family":"#, family);
    line.field(r#","local":"#, drop.packet.map(|packet| packet.local));
    line.field(r#","peer":"#, drop.packet.map(|packet| packet.peer));
    let limit = drop.accept.map(|queue| queue.limit);
    line.field(r#","accept_queue":{"len":"#, drop.accept.map(|queue| queue.len));
    line.field(r#","limit":"#, limit);
    line.field(r#"},"syn_queue":{"len":"#, drop.syn_len);
    line.field(r#","young":"#, drop.syn_young);
    line.field(r#","limit":"#, limit);
    line.field(r#"},"sysctl":{"syncookies":"#, drop.sysctls.syncookies);
    line.field(r#","max_syn_backlog":"#, drop.sysctls.max_syn_backlog);
    line.field(r#","somaxconn":"#, drop.sysctls.somaxconn);
    line.field(r#","abort_on_overflow":"#, drop.sysctls.abort_on_overflow);
    line.field(r#"},"listener":{"netns":"#, drop.listener.netns);
    line.field(r#","inode":"#, drop.listener.inode);
    match drop.cookie {
        Some(cookie) => {
            line.field(r#","cookie":""#, cookie);
            line.byte(b'"');
        }
        None => line.text(r#","cookie":null"#),
    }
    line.field(r#","bound":"#, drop.listener.bound);
    line.field(r#","pid":"#, owner.pid);
    line.field(r#","comm":"#, owner.comm.as_deref());
    line.field(r#","cgroup":"#, owner.cgroup.as_deref());
    line.field(r#","container":"#, owner.container.as_deref());
    line.field(r#"},"function":"#, Word(drop.function.name()));
    line.field(r#","cpu":"#, drop.cpu);
    let ended = drop.reason.ends_refusal();
    line.field(r#","attempt":"#, drop.attempt.filter(|_| !ended));
    if ended && let Some(ns) = drop.refused_ns {
        line.text(r#","after_s":"#);
        line.text(&serde_json::json!(seconds(Duration::from_nanos(ns))).to_string());
    }
    if ended && let Some(attempts) = drop.attempt {
        line.field(r#","attempts":"#, attempts);
    }
    line.text("}\n");
}

#[cfg(test)]
mod tests;
