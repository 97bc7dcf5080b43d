//! From the kernel's time since boot to the time on the wall.

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, Timespec, clock_gettime};

/// Differences below are what reading two clocks one after the other costs, and the slewing of
/// NTP; to follow them would let the times of two drops change their order.
const STEP_NS: i128 = 1_000_000;

/// The distance between `CLOCK_BOOTTIME` and `CLOCK_REALTIME`.
#[derive(Debug)]
pub(super) struct WallClock {
    offset_ns: i128,
}

impl Default for WallClock {
    fn default() -> Self {
        Self { offset_ns: offset() }
    }
}

impl WallClock {
    /// Follows the wall clock where somebody set it.
    pub(super) fn refresh(&mut self) {
        self.follow(offset());
    }

    fn follow(&mut self, offset_ns: i128) {
        if (offset_ns - self.offset_ns).abs() >= STEP_NS {
            self.offset_ns = offset_ns;
        }
    }

    /// The wall clock's time of a moment since boot.
    pub(super) fn at(&self, boot_ns: u64) -> Timestamp {
        let ns = self.offset_ns + i128::from(boot_ns);
        // To divide a number of 128 bits takes long, and until 2262 there is no need to.
        let time = match i64::try_from(ns) {
            Ok(ns) => Timestamp::from_duration(SignedDuration::from_nanos(ns)),
            Err(_) => Timestamp::from_nanosecond(ns),
        };
        time.unwrap_or(Timestamp::MAX)
    }
}

fn offset() -> i128 {
    nanoseconds(clock_gettime(ClockId::Realtime)) - nanoseconds(clock_gettime(ClockId::Boottime))
}

fn nanoseconds(time: Timespec) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

#[cfg(test)]
mod tests {
    use super::{STEP_NS, WallClock};

    #[test]
    fn a_moment_since_boot_is_that_far_from_the_offset() {
        let clock = WallClock { offset_ns: 1_700_000_000_000_000_000 };
        let time = clock.at(86_400_123_456_789);
        assert_eq!(time.to_string(), "2023-11-15T22:13:20.123456789Z");
    }

    #[test]
    fn steps_are_followed_and_jitter_is_not() {
        let mut clock = WallClock { offset_ns: 0 };
        clock.follow(STEP_NS - 1);
        assert_eq!(clock.offset_ns, 0);
        clock.follow(-STEP_NS);
        assert_eq!(clock.offset_ns, -STEP_NS);
    }

    #[test]
    fn no_moment_is_too_far() {
        assert!(WallClock::default().at(u64::MAX) > WallClock::default().at(0));
    }
}
