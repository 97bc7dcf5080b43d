//! The iterator's records: what it read is whole records, one after the other.

use core::mem::offset_of;

use ebpf_probes::{ListenerRecord, Unknown};

use super::wire::Wire;
use super::{AcceptQueue, DecodeError, ListenerId, Sysctls, UNKNOWN_BITS};

/// A listener at one moment. What could not be read is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listener {
    /// Which one.
    pub id: ListenerId,
    /// Its cookie, once somebody asked the kernel for it.
    pub cookie: Option<u64>,
    /// The user that made it.
    pub uid: Option<u32>,
    /// Its accept queue.
    pub accept: Option<AcceptQueue>,
    /// Requests in its SYN queue.
    pub syn_len: Option<u32>,
    /// Those of them whose SYN-ACK was not repeated yet.
    pub syn_young: Option<u32>,
    /// The settings of its namespace.
    pub sysctls: Sysctls,
}

/// Decodes what the iterator wrote, until it came to the first socket that is no listener. Says
/// whether it came there; else more may follow.
///
/// # Errors
/// If the bytes are no [`ListenerRecord`]s of this build.
pub fn listeners(bytes: &[u8], into: &mut Vec<Listener>) -> Result<bool, DecodeError> {
    for record in bytes.chunks(size_of::<ListenerRecord>()) {
        let wire = Wire::<ListenerRecord>::new("listener record", record)?;
        if wire.flag("end", wire.get(offset_of!(ListenerRecord, end), |record| record.end))? {
            return Ok(true);
        }
        into.push(listener(&wire)?);
    }
    Ok(false)
}

fn listener(wire: &Wire<'_, ListenerRecord>) -> Result<Listener, DecodeError> {
    macro_rules! get {
        ($field:ident) => {
            wire.get(offset_of!(ListenerRecord, $field), |record| record.$field)
        };
    }
    let unknown: u32 = get!(unknown);
    if unknown > UNKNOWN_BITS {
        return Err(wire.value("unknown", unknown));
    }
    let known = |bit: Unknown| unknown & bit.bit() == 0;
    let bound = if known(Unknown::Bound) {
        Some(wire.address("bound", get!(bound_family), get!(bound), get!(bound_port))?)
    } else {
        None
    };
    Ok(Listener {
        id: ListenerId {
            sock: get!(listener),
            inode: Some(get!(inode)).filter(|&inode| inode != 0 && known(Unknown::Inode)),
            netns: Some(get!(netns)).filter(|&netns| netns != 0 && known(Unknown::Netns)),
            bound,
        },
        cookie: Some(get!(cookie)).filter(|&cookie| cookie != 0),
        uid: Some(get!(uid)),
        accept: known(Unknown::AcceptQueue)
            .then(|| AcceptQueue { len: get!(accept_len), limit: get!(accept_limit) }),
        syn_len: known(Unknown::SynQueue).then(|| get!(syn_len)),
        syn_young: known(Unknown::SynYoung).then(|| get!(syn_young)),
        sysctls: Sysctls {
            syncookies: known(Unknown::Syncookies).then(|| get!(syncookies)),
            max_syn_backlog: known(Unknown::MaxSynBacklog).then(|| get!(max_syn_backlog)),
            somaxconn: known(Unknown::Somaxconn).then(|| get!(somaxconn)),
            abort_on_overflow: known(Unknown::AbortOnOverflow).then(|| get!(abort_on_overflow)),
        },
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use ebpf_probes::ListenerRecord;

    use super::{Listener, listeners};
    use crate::decode::{AcceptQueue, DecodeError};

    const SIZE: usize = size_of::<ListenerRecord>();

    /// A record whose field at each offset is what the row says, little-endian.
    fn record(fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; SIZE];
        for (at, value) in fields {
            bytes[*at..at + value.len()].copy_from_slice(value);
        }
        bytes
    }

    macro_rules! at {
        ($field:ident) => {
            core::mem::offset_of!(ListenerRecord, $field)
        };
    }

    fn usual() -> Vec<u8> {
        let mapped = "::ffff:192.0.2.1".parse::<std::net::Ipv6Addr>().unwrap().octets();
        record(&[
            (at!(listener), &[9]),
            (at!(inode), &[42]),
            (at!(bound), &mapped),
            (at!(netns), &[7]),
            (at!(accept_len), &[3]),
            (at!(accept_limit), &[8]),
            (at!(syn_len), &[5]),
            (at!(syn_young), &[4]),
            (at!(bound_port), &80_u16.to_ne_bytes()),
            (at!(bound_family), &[4]),
        ])
    }

    fn read(bytes: &[u8]) -> Result<(Vec<Listener>, bool), DecodeError> {
        let mut found = Vec::new();
        let ended = listeners(bytes, &mut found)?;
        Ok((found, ended))
    }

    #[test]
    fn a_listener_is_what_its_record_says() {
        let (found, ended) = read(&usual()).unwrap();
        let [listener] = found[..] else { panic!("{found:?}") };
        assert!(!ended);
        assert_eq!(listener.id.bound, Some("192.0.2.1:80".parse().unwrap()));
        assert_eq!((listener.id.inode, listener.id.netns), (Some(42), Some(7)));
        assert_eq!(listener.accept, Some(AcceptQueue { len: 3, limit: 8 }));
        assert_eq!((listener.syn_len, listener.syn_young), (Some(5), Some(4)));
        // Nobody asked for its cookie yet.
        assert_eq!(listener.cookie, None);
        assert_eq!(listener.sysctls.syncookies, Some(0));
    }

    #[test]
    fn what_could_not_be_read_is_unknown() {
        let mut bytes = usual();
        bytes[at!(unknown)..at!(unknown) + 4].copy_from_slice(&0x7ff_u32.to_ne_bytes());
        let (found, _) = read(&bytes).unwrap();
        let listener = found[0];
        assert_eq!((listener.id.bound, listener.id.inode, listener.id.netns), (None, None, None));
        assert_eq!((listener.accept, listener.syn_len, listener.syn_young), (None, None, None));
        assert_eq!(listener.sysctls, crate::decode::Sysctls::default());
    }

    #[test]
    fn nothing_counts_from_the_first_other_socket_on() {
        let bytes = [usual(), record(&[(at!(end), &[1])]), usual()].concat();
        let (found, ended) = read(&bytes).unwrap();
        assert_eq!((found.len(), ended), (1, true));
    }

    #[test]
    fn what_is_no_record_is_an_error() {
        let short = &usual()[1..];
        assert!(matches!(read(short), Err(DecodeError::Size { .. })));
        assert!(matches!(read(&record(&[(at!(end), &[2])])), Err(DecodeError::Value { .. })));
        let foreign = record(&[(at!(unknown), &[0, 0, 0, 1])]);
        assert!(matches!(read(&foreign), Err(DecodeError::Value { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = read(&bytes);
        }

        #[test]
        fn one_flipped_byte_is_a_listener_or_an_error(at in 0..usual().len(), to: u8) {
            let mut bytes = usual();
            bytes[at] = to;
            let _ = read(&bytes);
        }
    }
}
