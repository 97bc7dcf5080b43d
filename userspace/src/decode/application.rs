//! Rows of the tables of what applications do.

use core::mem::offset_of;

use ebpf_probes::{ListenerKey, WaitCount, WaitKey};

use super::wire::Wire;
use super::{DecodeError, ListenerId};

/// Connections of one listener that waited about as long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitRow {
    /// Which listener.
    pub listener: ListenerId,
    /// How long: [`ebpf_probes::wait_bucket`].
    pub bucket: usize,
    /// How many.
    pub count: u64,
    /// The longest that one of them waited, in ns.
    pub max_ns: u64,
}

/// Decodes a row of the table of times: its key, and what each CPU counted.
///
/// # Errors
/// If the bytes are none of this build.
pub fn wait_row<'a>(
    key: &[u8],
    counts: impl Iterator<Item = &'a [u8]>,
) -> Result<WaitRow, DecodeError> {
    let wire = Wire::<WaitKey>::new("key of the times", key)?;
    macro_rules! get {
        ($field:ident) => {
            wire.get(offset_of!(WaitKey, $field), |key| key.$field)
        };
    }
    let bound = match get!(bound_family) {
        0 => None,
        version => Some(wire.address("bound", version, get!(bound), get!(bound_port))?),
    };
    let bucket: [u8; 1] = wire.get(offset_of!(WaitKey, bucket), |key| [key.bucket]);
    let listener = ListenerId {
        sock: get!(listener),
        inode: Some(get!(inode)).filter(|&inode| inode != 0),
        netns: Some(get!(netns)).filter(|&netns| netns != 0),
        bound,
    };
    let mut row = WaitRow { listener, bucket: bucket[0].into(), count: 0, max_ns: 0 };
    for count in counts {
        let wire = Wire::<WaitCount>::new("count of times", count)?;
        row.count += wire.get(offset_of!(WaitCount, count), |count| count.count);
        let max = wire.get(offset_of!(WaitCount, max_ns), |count| count.max_ns);
        row.max_ns = row.max_ns.max(max);
    }
    Ok(row)
}

/// Decodes a key of the table of backlogs: address and inode of a listener.
///
/// # Errors
/// If the bytes are none of this build.
pub fn listener_key(key: &[u8]) -> Result<(u64, Option<u64>), DecodeError> {
    let wire = Wire::<ListenerKey>::new("key of a listener", key)?;
    let inode = wire.get(offset_of!(ListenerKey, inode), |key| key.inode);
    let sock = wire.get(offset_of!(ListenerKey, listener), |key| key.listener);
    Ok((sock, Some(inode).filter(|&inode| inode != 0)))
}

#[cfg(test)]
mod tests {
    use super::{listener_key, wait_row};
    use crate::decode::DecodeError;

    #[test]
    fn what_cpus_counted_is_added_and_the_longest_is_that_of_all() {
        let mut key = [0; 40];
        (key[0], key[8], key[16 + 15], key[32], key[36], key[38], key[39]) =
            (7, 9, 1, 3, 80, 6, 225);
        let count = |count: u8, max: u8| {
            let mut bytes = [0; 16];
            (bytes[0], bytes[8]) = (count, max);
            bytes
        };
        let counts = [count(2, 50), count(0, 0), count(1, 70)];
        let row = wait_row(&key, counts.iter().map(|count| &count[..])).unwrap();
        assert_eq!((row.count, row.max_ns, row.bucket), (3, 70, 225));
        assert_eq!((row.listener.sock, row.listener.inode), (7, Some(9)));
        assert_eq!(row.listener.netns, Some(3));
        assert_eq!(row.listener.bound, Some("[::1]:80".parse().unwrap()));
        let short = wait_row(&key[1..], std::iter::empty());
        assert!(matches!(short, Err(DecodeError::Size { .. })));
    }

    #[test]
    fn a_listener_without_inode_is_one_that_is_closed() {
        let mut key = [0; 16];
        key[0] = 7;
        assert_eq!(listener_key(&key), Ok((7, None)));
        key[8] = 9;
        assert_eq!(listener_key(&key), Ok((7, Some(9))));
    }
}
