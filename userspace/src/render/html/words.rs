//! Numbers, times and names as the page writes them.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::decode::ListenerId;
use crate::incident::Owner;
use crate::render::Foreign;
use crate::totals::Number;

/// Digits of a container's id that are shown to people; engines accept them.
const SHORT_ID: usize = 12;

/// A count and what it counts.
pub(super) fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", digits(count))
}

/// A number in groups of three, which a line never breaks.
pub(super) fn digits(number: u64) -> String {
    let plain = number.to_string();
    let mut grouped = String::new();
    for (nth, digit) in plain.chars().enumerate() {
        if nth > 0 && (plain.len() - nth).is_multiple_of(3) && plain.len() > 4 {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// The same, where it may be a lower bound.
pub(super) fn at_least(number: Number) -> String {
    let prefix = if number.exact { "" } else { "\u{2265}\u{202f}" };
    format!("{prefix}{}", digits(number.count))
}

/// A part of a whole in percent; small ones are not rounded to nothing.
pub(super) fn share(part: u64, whole: u64) -> String {
    match part.saturating_mul(1000).checked_div(whole) {
        None => String::new(),
        Some(0) if part > 0 => "<\u{202f}0.1\u{202f}%".to_owned(),
        Some(1000) => "100\u{202f}%".to_owned(),
        Some(permille) => format!("{}.{}\u{202f}%", permille / 10, permille % 10),
    }
}

/// How long something took.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1}\u{202f}s", duration.as_secs_f64()),
        60..3600 => format!("{}\u{202f}min {:02}\u{202f}s", seconds / 60, seconds % 60),
        _ => format!("{}\u{202f}h {:02}\u{202f}min", seconds / 3600, seconds / 60 % 60),
    }
}

/// How wide a bar is.
pub(super) fn width(width: SignedDuration) -> String {
    match width.as_millis() {
        ms @ 0..1000 => format!("{ms}\u{202f}ms"),
        ms @ 1000..60_000 => format!("{}\u{202f}s", ms / 1000),
        ms @ 60_000..3_600_000 => format!("{}\u{202f}min", ms / 60_000),
        ms => format!("{}\u{202f}h", ms / 3_600_000),
    }
}

/// The time of a day, in UTC.
pub(super) fn clock(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

/// The same with tenths of a second, where bars are narrow.
pub(super) fn fine_clock(time: Timestamp, width: SignedDuration) -> String {
    let format = if width.as_millis() < 1000 { "%H:%M:%S%.2f" } else { "%H:%M:%S" };
    time.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

/// A day, in UTC.
pub(super) fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

/// The address that a listener is bound to.
pub(super) fn address(id: &ListenerId) -> String {
    id.bound.map_or_else(|| "an unknown listener".to_owned(), |bound| bound.to_string())
}

/// The process that holds a listener.
pub(super) fn process(owner: &Owner) -> String {
    match (&owner.comm, owner.pid) {
        (None, None) => "unknown".to_owned(),
        (Some(comm), Some(pid)) => format!("{}[{pid}]", Foreign(comm)),
        (Some(comm), None) => Foreign(comm).to_string(),
        (None, Some(pid)) => format!("pid {pid}"),
    }
}

/// Where that process runs, if anywhere in particular.
pub(super) fn place(owner: &Owner) -> Option<String> {
    let container = owner.container.as_deref().map(|id| {
        let short: String = id.chars().take(SHORT_ID).collect();
        format!("container {}", Foreign(&short))
    });
    let cgroup = || owner.cgroup.as_deref().filter(|path| *path != "/");
    container.or_else(|| cgroup().map(|path| Foreign(path).to_string()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{counted, digits, seconds, share};

    #[test]
    fn numbers_are_grouped_once_they_are_long() {
        let grouped = [0, 999, 1000, 9999, 10_000, 1_234_567].map(digits);
        let expected = ["0", "999", "1000", "9999", "10\u{202f}000", "1\u{202f}234\u{202f}567"];
        assert_eq!(grouped, expected);
        assert_eq!(
            (counted(1, "drop").as_str(), counted(2, "drop").as_str()),
            ("1 drop", "2 drops")
        );
    }

    #[test]
    fn a_small_share_is_not_nothing() {
        let shares = [(0, 10), (1, 3), (1, 10_000), (5, 5), (1, 0)].map(|(a, b)| share(a, b));
        assert_eq!(
            shares.map(|it| it.replace('\u{202f}', " ")),
            ["0.0 %", "33.3 %", "< 0.1 %", "100 %", ""]
        );
    }

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        let rows = [(0.04, "0.0 s"), (7.04, "7.0 s"), (95.0, "1 min 35 s"), (7260.0, "2 h 01 min")];
        for (duration, words) in rows {
            let written = seconds(Duration::from_secs_f64(duration));
            assert_eq!(written.replace('\u{202f}', " "), words);
        }
    }
}
