//! A line in the making, put together piece by piece.
//!
//! Under flood a line is written for every dropped packet. To put it together with `write!` or by
//! serde takes many times the instructions, more than all else that a drop costs here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use itoa::Integer;
use jiff::Timestamp;

/// The line. Its room serves for the next one.
#[derive(Debug, Default, Clone)]
pub(super) struct Draft(pub(super) Vec<u8>);

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Each number of an IPv4 address with the dot behind it, and how long that is.
static OCTETS: [([u8; 4], usize); 1 << 8] = octets();

const fn octets() -> [([u8; 4], usize); 1 << 8] {
    let mut all = [([0; 4], 0); 1 << 8];
    let mut octet = 0_u8;
    loop {
        let [hundreds, tens, ones] = [octet / 100, octet / 10 % 10, octet % 10];
        let [hundreds, tens, ones] = [b'0' + hundreds, b'0' + tens, b'0' + ones];
        all[octet as usize] = match octet {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            100.. => ([hundreds, tens, ones, b'.'], 4),
        };
        if octet == u8::MAX {
            return all;
        }
        octet += 1;
    }
}

impl Draft {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn number(&mut self, number: impl Integer) {
        self.text(itoa::Buffer::new().format(number));
    }

    /// As `Display` has it.
    pub(super) fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.ipv4(ip),
            IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
                Some(ip) => {
                    self.text("::ffff:");
                    self.ipv4(ip);
                }
                None => self.ipv6(ip),
            },
        }
    }

    fn ipv4(&mut self, ip: Ipv4Addr) {
        let mut text = [0; 16];
        let mut end = 0;
        for octet in ip.octets() {
            let (number, length) = OCTETS[usize::from(octet)];
            text[end..end + 4].copy_from_slice(&number);
            end += length;
        }
        self.bytes(&text[..end - 1]);
    }

    /// RFC 5952: the longest row of zeros is left out, the first of several.
    fn ipv6(&mut self, ip: Ipv6Addr) {
        let segments = ip.segments();
        let (mut start, mut len) = (8, 1);
        let mut zeros = 0;
        for (place, segment) in segments.into_iter().enumerate() {
            zeros = if segment == 0 { zeros + 1 } else { 0 };
            if zeros > len {
                (start, len) = (place + 1 - zeros, zeros);
            }
        }
        for (place, segment) in segments.into_iter().enumerate() {
            if place == start {
                self.text("::");
            } else if place < start || place >= start + len {
                if place != 0 && place != start + len {
                    self.byte(b':');
                }
                self.hexadecimal(segment);
            }
        }
    }

    fn hexadecimal(&mut self, number: u16) {
        let digits = (number.checked_ilog2().unwrap_or(0) / 4) + 1;
        for digit in (0..digits).rev() {
            self.byte(DIGITS[usize::from(number >> (digit * 4) & 0xf)]);
        }
    }
}

/// What a second is called, which is worked out only when another one begins.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    /// Since the epoch, rounded down.
    second: i64,
    called: String,
}

impl Clock {
    pub(super) const fn new() -> Self {
        Self { second: i64::MIN, called: String::new() }
    }

    /// What `call`, which is the same each time, makes of the second of this moment.
    pub(super) fn at(&mut self, time: Timestamp, call: impl FnOnce(Timestamp) -> String) -> &str {
        let second = time.as_second() - i64::from(time.subsec_nanosecond() < 0);
        if second != self.second {
            (self.second, self.called) = (second, call(time));
        }
        &self.called
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::{Clock, Draft};

    fn written(ip: IpAddr) -> String {
        let mut draft = Draft::new();
        draft.ip(ip);
        String::from_utf8(draft.0).unwrap()
    }

    proptest! {
        #[test]
        fn addresses_are_written_as_everywhere(ip: IpAddr, zeros: u8, last: u16) {
            prop_assert_eq!(written(ip), ip.to_string());
            let mut segments = [last; 8];
            for (place, segment) in segments.iter_mut().enumerate() {
                *segment *= u16::from(zeros >> place & 1);
            }
            let ip = IpAddr::V6(Ipv6Addr::from(segments));
            prop_assert_eq!(written(ip), ip.to_string());
        }
    }

    #[test]
    fn so_are_those_that_are_special() {
        for ip in ["::", "::1", "1::", "::ffff:192.0.2.1", "::192.0.2.1", "1:0:0:2:0:0:0:3"] {
            let ip: IpAddr = ip.parse().unwrap();
            assert_eq!(written(ip), ip.to_string());
        }
    }

    #[test]
    fn a_second_is_called_once_also_before_the_epoch() {
        let mut clock = Clock::new();
        let mut calls = 0;
        for (ns, floor) in [(-1, -1), (-999_999_999, -1), (0, 0), (999_999_999, 0), (-5, -1)] {
            let time = Timestamp::from_nanosecond(ns).unwrap();
            let called = clock.at(time, |_| {
                calls += 1;
                floor.to_string()
            });
            assert_eq!(called, floor.to_string());
        }
        assert_eq!(calls, 3);
    }
}
