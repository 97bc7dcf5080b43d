use core::mem::offset_of;
use std::net::SocketAddr;

use ebpf_probes::{DropRecord, Evidence, Function, Reason, Stage, TotalKey, Unknown};
use proptest::prelude::*;

use super::{AcceptQueue, DecodeError, Family, record, total_key};

/// A wire struct as bytes, built by offset.
struct Bytes(Vec<u8>);

macro_rules! put {
    ($bytes:expr, $wire:ty, $($field:ident = $value:expr),+ $(,)?) => {
        $({
            let typed: fn(&$wire) -> _ = |wire| wire.$field;
            $bytes.put(offset_of!($wire, $field), typed, &$value);
        })+
    };
}

/// The bytes of one field.
trait ToBytes {
    fn to_bytes(&self) -> Vec<u8>;
}

macro_rules! to_bytes {
    ($($number:ty),+) => {
        $(impl ToBytes for $number {
            fn to_bytes(&self) -> Vec<u8> { self.to_ne_bytes().to_vec() }
        })+
    };
}

to_bytes!(u8, u16, u32, u64);

impl<const N: usize> ToBytes for [u8; N] {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_vec()
    }
}

impl Bytes {
    fn put<T, F: ToBytes>(&mut self, offset: usize, _field: fn(&T) -> F, value: &F) {
        let value = value.to_bytes();
        self.0[offset..offset + value.len()].copy_from_slice(&value);
    }
}

const fn mapped(last: u8) -> [u8; 16] {
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, last]
}

/// 2001:db8::1
const V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

fn drop_bytes() -> Bytes {
    let mut bytes = Bytes(vec![0; size_of::<DropRecord>()]);
    put!(
        bytes,
        DropRecord,
        boot_ns = 5_000_000_001,
        milestones = 0b1001,
        listener = 0xffff_8880_0000_1000,
        cookie = 77,
        inode = 12345,
        local = mapped(1),
        peer = mapped(2),
        bound = [0; 16],
        netns = 4_026_531_840,
        cpu = 3,
        accept_len = 9,
        accept_limit = 8,
        syn_len = 4,
        syn_young = 2,
        syncookies = 1,
        max_syn_backlog = 256,
        somaxconn = 4096,
        abort_on_overflow = 1,
        reason = 5,
        local_port = 80,
        peer_port = 43210,
        bound_port = 8080,
        family = 4,
        bound_family = 6,
        stage = 1,
        evidence = 1,
        function = 3,
        shown = 1,
    );
    bytes
}

fn key_bytes() -> Bytes {
    let mut bytes = Bytes(vec![0; size_of::<TotalKey>()]);
    put!(
        bytes,
        TotalKey,
        listener = 0xffff_8880_0000_1000,
        inode = 12345,
        bound = mapped(1),
        netns = 4_026_531_840,
        reason = 2,
        bound_port = 80,
        bound_family = 4,
        shown = 1,
    );
    bytes
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn every_field_of_a_record_arrives() {
    let drop = record(&drop_bytes().0).unwrap();
    assert_eq!(drop.boot_ns, 5_000_000_001);
    assert_eq!(drop.milestones.0, 0b1001);
    assert_eq!(drop.reason, Reason::AcceptQueueFullAckRst);
    assert_eq!(drop.stage, Stage::Ack);
    assert_eq!(drop.evidence, Evidence::Inferred);
    assert_eq!(drop.function, Function::TcpCheckReq);
    let packet = drop.packet.unwrap();
    assert_eq!(packet.family, Family::V4);
    assert_eq!(packet.local, address("10.0.0.1:80"));
    assert_eq!(packet.peer, address("10.0.0.2:43210"));
    assert_eq!(drop.listener.sock, 0xffff_8880_0000_1000);
    assert_eq!(drop.listener.inode, Some(12345));
    assert_eq!(drop.listener.netns, Some(4_026_531_840));
    assert_eq!(drop.listener.bound, Some(address("[::]:8080")));
    assert_eq!(drop.cookie, Some(77));
    assert_eq!(drop.accept, Some(AcceptQueue { len: 9, limit: 8 }));
    assert_eq!(drop.syn_len, Some(4));
    assert_eq!(drop.syn_young, Some(2));
    assert_eq!(drop.sysctls.syncookies, Some(1));
    assert_eq!(drop.sysctls.max_syn_backlog, Some(256));
    assert_eq!(drop.sysctls.somaxconn, Some(4096));
    assert_eq!(drop.sysctls.abort_on_overflow, Some(1));
    assert_eq!(drop.cpu, 3);
    assert!(drop.shown);
}

#[test]
fn every_field_of_a_key_arrives() {
    let bucket = total_key(&key_bytes().0).unwrap();
    assert_eq!(bucket.reason, Reason::SynQueueFull);
    assert_eq!(bucket.stage, Stage::Syn);
    assert_eq!(bucket.evidence, Evidence::Observed);
    assert!(bucket.shown);
    assert_eq!(bucket.listener.sock, 0xffff_8880_0000_1000);
    assert_eq!(bucket.listener.inode, Some(12345));
    assert_eq!(bucket.listener.netns, Some(4_026_531_840));
    assert_eq!(bucket.listener.bound, Some(address("10.0.0.1:80")));
}

#[test]
fn a_record_and_its_key_name_the_same_listener() {
    let mut key = key_bytes();
    put!(key, TotalKey, bound = [0; 16], bound_port = 8080, bound_family = 6);
    let drop = record(&drop_bytes().0).unwrap();
    assert_eq!(drop.listener, total_key(&key.0).unwrap().listener);
}

#[test]
fn v4_mapped_addresses_of_ipv6_stay_ipv6() {
    let mut bytes = drop_bytes();
    put!(bytes, DropRecord, family = 6, local = V6, peer = mapped(9), bound = mapped(1));
    let drop = record(&bytes.0).unwrap();
    let packet = drop.packet.unwrap();
    assert_eq!(packet.family, Family::V6);
    assert_eq!(packet.local, address("[2001:db8::1]:80"));
    assert_eq!(packet.peer, address("[::ffff:10.0.0.9]:43210"));
    assert_eq!(drop.listener.bound, Some(address("[::ffff:10.0.0.1]:8080")));
}

#[test]
fn what_could_not_be_read_is_none() {
    let mut bytes = drop_bytes();
    let all = (0..=Unknown::Bound as u32).fold(0, |bits, bit| bits | 1 << bit);
    put!(bytes, DropRecord, unknown = all, family = 0, bound_family = 0, cookie = 0);
    let drop = record(&bytes.0).unwrap();
    assert_eq!(drop.packet, None);
    assert_eq!(drop.listener.bound, None);
    assert_eq!((drop.listener.inode, drop.listener.netns, drop.cookie), (None, None, None));
    assert_eq!((drop.accept, drop.syn_len, drop.syn_young), (None, None, None));
    assert_eq!(drop.sysctls, super::Sysctls::default());
}

#[test]
fn one_unknown_bit_hides_one_value() {
    let mut bytes = drop_bytes();
    put!(bytes, DropRecord, unknown = Unknown::SynYoung.bit() | Unknown::Somaxconn.bit());
    let drop = record(&bytes.0).unwrap();
    assert_eq!((drop.syn_len, drop.syn_young), (Some(4), None));
    assert_eq!((drop.sysctls.somaxconn, drop.sysctls.max_syn_backlog), (None, Some(256)));
    assert!(drop.packet.is_some() && drop.accept.is_some());
}

#[test]
fn zeros_in_a_key_are_none() {
    let mut bytes = key_bytes();
    put!(bytes, TotalKey, inode = 0, netns = 0, bound_family = 0, bound = [0; 16], bound_port = 0);
    let listener = total_key(&bytes.0).unwrap().listener;
    assert_eq!((listener.inode, listener.netns, listener.bound), (None, None, None));
}

#[test]
fn wrong_sizes_are_refused_with_both_sizes() {
    let bytes = drop_bytes().0;
    let long = [bytes.clone(), vec![0]].concat();
    for wrong in [&bytes[..0], &bytes[..bytes.len() - 1], &long] {
        let error = record(wrong).unwrap_err();
        let (expected, found) = (bytes.len(), wrong.len());
        assert_eq!(error, DecodeError::Size { what: "drop record", expected, found });
        assert!(error.to_string().contains(&format!("{found} bytes where {expected}")));
    }
    assert!(
        matches!(total_key(&bytes), Err(DecodeError::Size { found, .. }) if found == bytes.len())
    );
}

#[test]
fn unknown_ids_are_refused() {
    type Spoil = fn(&mut Bytes);
    let records: [(&str, Spoil); 4] = [
        ("reason has no number 63", |bytes| put!(bytes, DropRecord, reason = 63)),
        ("stage has no number 4", |bytes| put!(bytes, DropRecord, stage = 4)),
        ("evidence has no number 2", |bytes| put!(bytes, DropRecord, evidence = 2)),
        ("function has no number 255", |bytes| put!(bytes, DropRecord, function = 255)),
    ];
    for (message, spoil) in records {
        let mut bytes = drop_bytes();
        spoil(&mut bytes);
        let error = record(&bytes.0).unwrap_err().to_string();
        assert_eq!(error, format!("failed to decode a drop record: {message}"));
    }
    let keys: [(&str, Spoil); 3] = [
        ("reason has no number 65535", |bytes| put!(bytes, TotalKey, reason = u16::MAX)),
        ("stage has no number 9", |bytes| put!(bytes, TotalKey, stage = 9)),
        ("evidence has no number 7", |bytes| put!(bytes, TotalKey, evidence = 7)),
    ];
    for (message, spoil) in keys {
        let mut bytes = key_bytes();
        spoil(&mut bytes);
        let error = total_key(&bytes.0).unwrap_err().to_string();
        assert_eq!(error, format!("failed to decode a key of the totals: {message}"));
    }
}

#[test]
fn impossible_values_are_refused() {
    type Spoil = fn(&mut Bytes);
    let records: [(&str, u32, Spoil); 9] = [
        ("family", 0, |bytes| put!(bytes, DropRecord, family = 0)),
        ("family", 10, |bytes| put!(bytes, DropRecord, family = 10)),
        ("bound", 0, |bytes| put!(bytes, DropRecord, bound_family = 0)),
        ("local", 4, |bytes| put!(bytes, DropRecord, local = V6)),
        ("peer", 4, |bytes| put!(bytes, DropRecord, peer = V6)),
        ("bound", 4, |bytes| put!(bytes, DropRecord, bound_family = 4)),
        ("shown", 2, |bytes| put!(bytes, DropRecord, shown = 2)),
        ("padding", 1, |bytes| put!(bytes, DropRecord, padding = [0, 1])),
        ("unknown", 1 << 11, |bytes| put!(bytes, DropRecord, unknown = 1 << 11)),
    ];
    for (field, value, spoil) in records {
        let mut bytes = drop_bytes();
        spoil(&mut bytes);
        let error = DecodeError::Value { what: "drop record", field, value };
        assert_eq!(record(&bytes.0), Err(error));
    }
    let keys: [(&str, u32, Spoil); 4] = [
        ("bound", 5, |bytes| put!(bytes, TotalKey, bound_family = 5)),
        ("bound", 4, |bytes| put!(bytes, TotalKey, bound = V6)),
        ("shown", 255, |bytes| put!(bytes, TotalKey, shown = 255)),
        ("padding", 8, |bytes| put!(bytes, TotalKey, padding = [8, 0])),
    ];
    for (field, value, spoil) in keys {
        let mut bytes = key_bytes();
        spoil(&mut bytes);
        let error = DecodeError::Value { what: "key of the totals", field, value };
        assert_eq!(total_key(&bytes.0), Err(error));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        bytes in proptest::collection::vec(any::<u8>(), size_of::<DropRecord>()..300),
    ) {
        let _ = (record(&bytes), record(&bytes[..size_of::<DropRecord>()]));
        let _ = total_key(&bytes[..size_of::<TotalKey>()]);
    }

    #[test]
    fn one_flipped_byte_is_a_value_or_an_error(at in 0..size_of::<DropRecord>(), to in any::<u8>()) {
        let mut bytes = drop_bytes();
        bytes.0[at] = to;
        let size = matches!(record(&bytes.0), Err(DecodeError::Size { .. }));
        prop_assert!(!size);
    }
}
