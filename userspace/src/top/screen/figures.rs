//! Numbers, bars and trends in so many columns.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ratatui::text::Span;

use super::theme::Glyphs;

/// The text in at most so many columns.
pub(super) fn fit(text: &str, width: usize, glyphs: Glyphs) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = columns(c.encode_utf8(&mut [0; 4]));
        if used + wide + 1 > width {
            break;
        }
        kept.push(c);
        used += wide;
    }
    if width > 0 {
        kept.push(glyphs.ellipsis());
    }
    kept
}

/// The text in exactly so many columns, at the left of them.
pub(super) fn left(text: &str, width: usize, glyphs: Glyphs) -> String {
    let text = fit(text, width, glyphs);
    let missing = width.saturating_sub(columns(&text));
    text + &" ".repeat(missing)
}

/// The same at the right of them.
pub(super) fn right(text: &str, width: usize, glyphs: Glyphs) -> String {
    let text = fit(text, width, glyphs);
    let missing = width.saturating_sub(columns(&text));
    " ".repeat(missing) + &text
}

/// How many columns a text takes.
pub(super) fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

/// How many, exactly up to seven digits.
pub(super) fn count(count: u64) -> String {
    match count {
        0..10_000_000 => count.to_string(),
        10_000_000..10_000_000_000 => format!("{}M", count / 1_000_000),
        _ => format!("{}G", count / 1_000_000_000),
    }
}

/// How many a second, in at most six columns; nothing where there are none.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        0.0 => "-".to_owned(),
        ..1000.0 => format!("{rate:.1}"),
        ..1_000_000.0 => format!("{:.1}k", rate / 1e3),
        _ => format!("{:.1}M", rate / 1e6),
    }
}

/// So long, in three digits or so.
pub(super) fn latency(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..1e-6 => format!("{:.0} ns", seconds * 1e9),
        ..1e-3 => format!("{:.0} us", seconds * 1e6),
        ..1.0 => format!("{:.1} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

/// Hours, minutes and seconds.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// The time of the day.
pub(super) fn clock(time: Timestamp, zone: &TimeZone) -> String {
    let time = zone.to_datetime(time).time();
    format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

/// A bar that is so full, from 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a screen has few columns"
)]
pub(super) fn bar(fill: f64, width: usize, glyphs: Glyphs) -> String {
    let signs = glyphs.widths();
    let steps = signs.len() - 1;
    let all = (fill.clamp(0.0, 1.0) * (width * steps) as f64).floor() as usize;
    // Something is more than nothing.
    let all = if fill > 0.0 { all.max(1) } else { all };
    (0..width).map(|column| signs[all.saturating_sub(column * steps).min(steps)]).collect()
}

/// The latest intervals, the latest at the right; the highest of them is all of the height.
pub(super) fn trend(
    counts: impl ExactSizeIterator<Item = u64> + Clone,
    width: usize,
    glyphs: Glyphs,
) -> String {
    let signs = glyphs.heights();
    let steps = signs.len() as u64 - 1;
    let highest = counts.clone().max().unwrap_or(0).max(1);
    let missing = width.saturating_sub(counts.len());
    let height = |count: u64| {
        // Rounded up: something is more than nothing.
        let step = (u128::from(count) * u128::from(steps)).div_ceil(u128::from(highest));
        signs[usize::try_from(step).unwrap_or(0)]
    };
    std::iter::repeat_n(' ', missing).chain(counts.map(height)).collect()
}

/// The text in lines of at most so many columns, divided where words end.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Glyphs, bar, count, fit, latency, left, rate, right, span, trend, wrap};

    const UNICODE: Glyphs = Glyphs::Unicode;

    #[test]
    fn text_fits_by_columns_and_not_by_characters() {
        assert_eq!(fit("nginx", 5, UNICODE), "nginx");
        assert_eq!(fit("nginx", 4, UNICODE), "ngi…");
        assert_eq!(fit("名前空間", 5, UNICODE), "名前…");
        assert_eq!(fit("名前", 2, Glyphs::Ascii), "~");
        assert_eq!(fit("x", 0, UNICODE), "");
        assert_eq!(left("名", 3, UNICODE), "名 ");
        assert_eq!(right("7", 3, UNICODE), "  7");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([count(9_999_999), count(12_345_678)], ["9999999", "12M"]);
        assert_eq!([rate(0.0), rate(0.5), rate(999.0)], ["-", "0.5", "999.0"]);
        assert_eq!([rate(1234.0), rate(2.5e6)], ["1.2k", "2.5M"]);
        assert_eq!(latency(Duration::from_nanos(525)), "525 ns");
        let latencies = [70, 1500, 2_000_000].map(|us| latency(Duration::from_micros(us)));
        assert_eq!(latencies, ["70 us", "1.5 ms", "2.0 s"]);
        assert_eq!([59, 3600].map(|s| span(Duration::from_secs(s))), ["0:59", "1:00:00"]);
    }

    #[test]
    fn a_bar_is_as_long_as_the_queue_is_full() {
        assert_eq!(bar(0.0, 4, UNICODE), "░░░░");
        assert_eq!(bar(0.0001, 4, UNICODE), "▏░░░");
        assert_eq!(bar(0.625, 4, UNICODE), "██▌░");
        assert_eq!(bar(0.999, 2, UNICODE), "█▉");
        assert_eq!(bar(7.0, 4, UNICODE), "████");
        assert_eq!(bar(0.5, 4, Glyphs::Ascii), "##..");
    }

    #[test]
    fn a_trend_ends_at_the_right_and_fills_the_height() {
        let of = |counts: &[u64], width, glyphs| trend(counts.iter().copied(), width, glyphs);
        assert_eq!(of(&[], 3, UNICODE), "   ");
        assert_eq!(of(&[0, 1, 1000], 5, UNICODE), "   ▁█");
        assert_eq!(of(&[u64::MAX, 1], 2, UNICODE), "█▁");
        assert_eq!(of(&[4, 8], 2, Glyphs::Ascii), "=@");
    }

    #[test]
    fn lines_end_where_words_end() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("incomprehensible", 4), ["incomprehensible"]);
        assert!(wrap("", 4).is_empty());
    }
}
