//! What the application behind a listener does: how long it leaves connections in the accept
//! queue, and what it gave to `listen()`.
//!
//! Times are in ns. They are counted in buckets, eight to a doubling, so that a quantile is at
//! most an eighth above the truth whatever its size.

/// A listener in these tables. The kernel reuses either, both together hardly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct ListenerKey {
    /// As [`DropRecord::listener`](crate::DropRecord::listener).
    pub listener: u64,
    /// As [`DropRecord::inode`](crate::DropRecord::inode).
    pub inode: u64,
}

/// Connections of which is remembered since when they wait; those that wait longest go first.
pub const QUEUED_MAX: u32 = 65_536;

/// Rows of the table of times: listeners times the buckets that their connections fall into.
pub const WAITS_MAX: u32 = 16_384;

/// Listeners of which is remembered what was given to `listen()`; the oldest go first.
pub const ASKED_MAX: u32 = 4096;

/// Under what a connection is counted that waited for `accept()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct WaitKey {
    /// As [`DropRecord::listener`](crate::DropRecord::listener).
    pub listener: u64,
    /// As [`DropRecord::inode`](crate::DropRecord::inode).
    pub inode: u64,
    /// As [`DropRecord::bound`](crate::DropRecord::bound).
    pub bound: [u8; 16],
    /// As [`DropRecord::netns`](crate::DropRecord::netns).
    pub netns: u32,
    /// As [`DropRecord::bound_port`](crate::DropRecord::bound_port).
    pub bound_port: u16,
    /// As [`DropRecord::bound_family`](crate::DropRecord::bound_family); 0 if all of what it is
    /// bound to could not be read.
    pub bound_family: u8,
    /// How long it waited: [`wait_bucket`].
    pub bucket: u8,
}

const _: () = assert!(size_of::<WaitKey>() == 2 * 8 + 16 + 4 + 2 + 1 + 1);

/// The connections of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct WaitCount {
    /// How many.
    pub count: u64,
    /// The longest that one of them waited, in ns.
    pub max_ns: u64,
}

/// Connections that were accepted but not timed, as index into the per-CPU array of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Untimed {
    /// It waited already when tracing began, or longer than is remembered.
    Unseen = 0,
    /// There are more rows than fit.
    NoRoom = 1,
}

impl Untimed {
    /// How many kinds there are.
    pub const COUNT: u32 = Self::NoRoom as u32 + 1;
}

/// Below 2^10 ns, about a microsecond, nothing is told apart; nor from 2^38 ns, 275 s, on.
const FIRST: u32 = 10;
const LAST: u32 = 38;
/// Eight buckets to a doubling.
const PARTS: u32 = 3;

/// How many buckets there are.
pub const WAIT_BUCKETS: usize = 2 + (((LAST - FIRST) as usize) << PARTS);

const _: () = assert!(WAIT_BUCKETS <= u8::MAX as usize);

/// The bucket of a time.
#[inline]
#[must_use]
pub const fn wait_bucket(ns: u64) -> usize {
    if ns >> FIRST == 0 {
        return 0;
    }
    let doubling = u64::BITS - 1 - ns.leading_zeros();
    if doubling >= LAST {
        return WAIT_BUCKETS - 1;
    }
    let part = (ns >> (doubling - PARTS)) & ((1 << PARTS) - 1);
    1 + (((doubling - FIRST) as usize) << PARTS) + part as usize
}

/// Below which time, in ns, everything in a bucket lies; `None` for the last one.
#[must_use]
pub const fn wait_bound(bucket: usize) -> Option<u64> {
    if bucket == 0 {
        return Some(1 << FIRST);
    }
    if bucket >= WAIT_BUCKETS - 1 {
        return None;
    }
    let (doubling, part) = ((bucket - 1) >> PARTS, (bucket - 1) & ((1 << PARTS) - 1));
    Some((part as u64 + (1 << PARTS) + 1) << (doubling + (FIRST - PARTS) as usize))
}

#[cfg(test)]
mod tests {
    use super::{WAIT_BUCKETS, wait_bound, wait_bucket};

    #[test]
    fn every_time_lies_in_its_bucket_and_no_bucket_is_wide() {
        let mut times: Vec<u64> = (0..64).map(|bit| 1 << bit).collect();
        times.extend((0..64).map(|bit| (1_u64 << bit) - 1));
        times.extend((0..40_u32).map(|power| 3_u64.pow(power)));
        times.push(u64::MAX);
        for ns in times {
            let bucket = wait_bucket(ns);
            let lower = bucket.checked_sub(1).map_or(0, |below| wait_bound(below).unwrap());
            assert!(lower <= ns, "{ns} in {bucket}");
            match wait_bound(bucket) {
                Some(upper) => {
                    assert!(ns < upper, "{ns} in {bucket}");
                    assert!(bucket == 0 || upper - lower <= lower / 8, "{bucket} is wide");
                }
                None => assert_eq!(bucket, WAIT_BUCKETS - 1),
            }
        }
    }

    #[test]
    fn buckets_follow_one_another() {
        let bounds: Vec<u64> = (0..WAIT_BUCKETS - 1).map(|nth| wait_bound(nth).unwrap()).collect();
        assert!(bounds.is_sorted_by(|one, next| one < next));
        assert_eq!(bounds.last(), Some(&(1 << 38)));
        for (nth, &bound) in bounds.iter().enumerate() {
            assert_eq!((wait_bucket(bound - 1), wait_bucket(bound)), (nth, nth + 1));
        }
    }
}
