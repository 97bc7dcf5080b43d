//! Who talks to whom: the addresses and ports in a packet's own headers.
//!
//! Offsets inside the IP and TCP headers are those of the protocols (RFC 791, 8200, 9293).

use ebpf_probes::{DropRecord, Field, Unknown};

use super::read::{self, Address};

/// What stands before an IPv4 address that is written as an IPv6 one.
const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/// An IPv4 address as IPv6 address.
#[inline(always)]
pub(crate) fn mapped(v4: [u8; 4]) -> [u8; 16] {
    let mut address = [0; 16];
    address[..12].copy_from_slice(&MAPPED);
    address[12..].copy_from_slice(&v4);
    address
}

/// Fills in whatever a record says of the packet, from the headers of one that reached TCP.
#[inline(always)]
pub(crate) fn describe(skb: Address, record: &mut DropRecord) {
    let head = read::pointer(skb, Field::SkbHead);
    let (mut network, mut transport) = (0_u16, 0_u16);
    let mut failed = read::copy(&mut network, skb, Field::SkbNetworkHeader)
        | read::copy(&mut transport, skb, Field::SkbTransportHeader);
    let (ip, tcp) = (head.add(network.into()), head.add(transport.into()));
    let mut version = 0_u8;
    failed |= read::copy_at(&mut version, ip);
    record.family = version >> 4;
    match record.family {
        4 => {
            let mut ends = [[0_u8; 4]; 2];
            failed |= read::copy_at(&mut ends, ip.add(12));
            (record.peer, record.local) = (mapped(ends[0]), mapped(ends[1]));
        }
        6 => {
            failed |= read::copy_at(&mut record.peer, ip.add(8))
                | read::copy_at(&mut record.local, ip.add(24));
        }
        _ => failed = 1,
    }
    let mut ports = [0_u16; 2];
    failed |= read::copy_at(&mut ports, tcp);
    (record.peer_port, record.local_port) = (u16::from_be(ports[0]), u16::from_be(ports[1]));
    if failed != 0 {
        (record.peer, record.local) = ([0; 16], [0; 16]);
        (record.peer_port, record.local_port, record.family) = (0, 0, 0);
        record.unknown |= Unknown::Packet.bit();
    }
}

/// Whether an IPv6 packet comes from an IPv4 address in disguise.
#[inline(always)]
pub(crate) fn has_mapped_source(skb: Address) -> bool {
    const VERSION_6: u8 = 6;
    let mut network = 0_u16;
    let (mut version, mut source) = (0_u8, [0_u8; 12]);
    let mut failed = read::copy(&mut network, skb, Field::SkbNetworkHeader);
    let ip = read::pointer(skb, Field::SkbHead).add(network.into());
    failed |= read::copy_at(&mut version, ip) | read::copy_at(&mut source, ip.add(8));
    failed == 0 && version >> 4 == VERSION_6 && source == MAPPED
}

/// Whether a packet that reached TCP has the RST flag.
#[inline(always)]
pub(crate) fn is_reset(skb: Address) -> bool {
    const FLAGS: u64 = 13;
    const RST: u8 = 0x04;
    let mut transport = 0_u16;
    let mut flags = 0_u8;
    let failed = read::copy(&mut transport, skb, Field::SkbTransportHeader);
    let tcp = read::pointer(skb, Field::SkbHead).add(transport.into());
    failed | read::copy_at(&mut flags, tcp.add(FLAGS)) == 0 && flags & RST != 0
}
