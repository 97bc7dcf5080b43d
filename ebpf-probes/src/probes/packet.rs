//! Who talks to whom: the addresses and ports in a packet's own headers.
//!
//! Offsets inside the IP and TCP headers are those of the protocols (RFC 791, 8200, 9293).

use core::mem::offset_of;

use ebpf_probes::{DropRecord, Field, Milestone, Milestones, TotalKey, Unknown};

use super::ends::Ends;
use super::read::{self, Address};
use super::slot::Slot;

/// `AF_INET6` (include/linux/socket.h).
pub(crate) const AF_INET6: u16 = 10;

/// An address as two numbers: arrays are filled and copied byte by byte, and the target has none of
/// 128 bits.
#[inline(always)]
fn halves(address: &[u8; 16]) -> [u64; 2] {
    // SAFETY: both are 16 bytes of plain data; the reference is read unaligned.
    unsafe { (&raw const *address).cast::<[u64; 2]>().read_unaligned() }
}

/// Every address of these lies at a multiple of eight bytes in what is itself aligned to eight.
const AT_EIGHTS: () = {
    const AT: [usize; 6] = [
        offset_of!(DropRecord, peer),
        offset_of!(DropRecord, local),
        offset_of!(DropRecord, bound),
        offset_of!(TotalKey, bound),
        offset_of!(Slot, ends) + offset_of!(Ends, peer),
        offset_of!(Slot, ends) + offset_of!(Ends, local),
    ];
    let mut nth = 0;
    while nth < AT.len() {
        assert!(AT[nth].is_multiple_of(8));
        nth += 1;
    }
    assert!(
        align_of::<DropRecord>() == 8 && align_of::<TotalKey>() == 8 && align_of::<Slot>() == 8
    );
};

/// Puts an address, which is at hand, to where it lies at a multiple of eight bytes in memory.
#[inline(always)]
pub(crate) fn put(to: &mut [u8; 16], address: &[u8; 16]) {
    write(to, halves(address));
}

/// Copies one, both of which lie so.
#[expect(clippy::cast_ptr_alignment, reason = "that is what `AT_EIGHTS` is for")]
#[inline(always)]
fn copy(to: &mut [u8; 16], from: &[u8; 16]) {
    const { AT_EIGHTS };
    let from = (&raw const *from).cast::<u64>();
    // SAFETY: both words lie in the 16 bytes, and are aligned.
    write(to, unsafe { [from.read(), from.add(1).read()] });
}

/// Clears one.
#[inline(always)]
pub(crate) fn clear(address: &mut [u8; 16]) {
    write(address, [0; 2]);
}

/// Volatile, because what copies or clears memory at large is a function here.
#[expect(clippy::cast_ptr_alignment, reason = "that is what `AT_EIGHTS` is for")]
#[inline(always)]
fn write(to: &mut [u8; 16], [first, second]: [u64; 2]) {
    const { AT_EIGHTS };
    let to = (&raw mut *to).cast::<u64>();
    // SAFETY: both words lie in the 16 bytes, and are aligned.
    unsafe {
        to.write_volatile(first);
        to.add(1).write_volatile(second);
    }
}

/// What stands before an IPv4 address that is written as an IPv6 one (`::ffff:0:0/96`), the last 32
/// bits of it.
const MAPPED: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);

/// An IPv4 address as IPv6 address. Both stand in the same order in memory.
#[inline(always)]
pub(crate) fn mapped(v4: [u8; 4]) -> [u8; 16] {
    let words = [0, 0, MAPPED, u32::from_ne_bytes(v4)];
    // SAFETY: both are 16 bytes of plain data.
    unsafe { core::mem::transmute(words) }
}

/// Finds out who talks to whom, from the headers of a packet that reached TCP.
#[inline(always)]
pub(crate) fn seek(skb: Address, ends: &mut Ends) {
    let head = read::pointer(skb, Field::SkbHead);
    let (mut network, mut transport) = (0_u16, 0_u16);
    let mut failed = read::copy(&mut network, skb, Field::SkbNetworkHeader)
        | read::copy(&mut transport, skb, Field::SkbTransportHeader);
    let (ip, tcp) = (head.add(network.into()), head.add(transport.into()));
    let mut version = 0_u8;
    failed |= read::copy_at(&mut version, ip);
    ends.family = u32::from(version >> 4);
    match ends.family {
        4 => {
            let mut addresses = [[0_u8; 4]; 2];
            failed |= read::copy_at(&mut addresses, ip.add(12));
            (ends.peer, ends.local) = (mapped(addresses[0]), mapped(addresses[1]));
        }
        6 => {
            failed |= read::copy_at(&mut ends.peer, ip.add(8))
                | read::copy_at(&mut ends.local, ip.add(24));
        }
        _ => failed = 1,
    }
    let mut ports = [0_u16; 2];
    failed |= read::copy_at(&mut ports, tcp);
    (ends.peer_port, ends.local_port) = (u16::from_be(ports[0]), u16::from_be(ports[1]));
    ends.unknown = 0;
    if failed != 0 {
        unknown(ends);
    }
    ends.sought = 1;
}

/// Finds out who talks to whom in a call, unless that is known.
#[inline(never)]
pub(crate) fn find(slot: &mut Slot) {
    if slot.ends.sought == 0 {
        if slot.skb.is_null() {
            seek_sock(slot.req, &mut slot.ends);
        } else {
            seek(slot.skb, &mut slot.ends);
        }
    }
}

/// Fills in whatever a record says of the packet.
#[inline(always)]
pub(crate) fn describe(slot: &mut Slot, record: &mut DropRecord) {
    find(slot);
    let ends = &slot.ends;
    copy(&mut record.peer, &ends.peer);
    copy(&mut record.local, &ends.local);
    (record.peer_port, record.local_port) = (ends.peer_port, ends.local_port);
    record.family = ends.family as u8;
    record.unknown |= ends.unknown;
}

/// Whether an IPv6 packet comes from an IPv4 address in disguise.
#[inline(always)]
pub(crate) fn has_mapped_source(skb: Address) -> bool {
    const VERSION_6: u8 = 6;
    let mut network = 0_u16;
    let (mut version, mut source) = (0_u8, [0_u8; 16]);
    let mut failed = read::copy(&mut network, skb, Field::SkbNetworkHeader);
    let ip = read::pointer(skb, Field::SkbHead).add(network.into());
    failed |= read::copy_at(&mut version, ip) | read::copy_at(&mut source, ip.add(8));
    failed == 0 && version >> 4 == VERSION_6 && is_mapped(&source)
}

/// Whether it came as an IPv4 packet, as `tcp_v6_conn_request` and its like look at it; no, if that
/// cannot be read.
#[inline(always)]
pub(crate) fn is_v4(skb: Address) -> bool {
    /// `ETH_P_IP` (include/uapi/linux/if_ether.h).
    const IPV4: u16 = 0x0800;
    let mut protocol = 0_u16;
    read::copy(&mut protocol, skb, Field::SkbProtocol);
    u16::from_be(protocol) == IPV4
}

/// The numbers and flags in a TCP header; all 0 if it cannot be read.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    /// The sequence number.
    pub(crate) number: u32,
    /// The byte that holds the flags.
    flags: u8,
}

/// The TCP header of a packet that reached TCP.
#[inline(always)]
pub(crate) fn header(skb: Address) -> Header {
    let (mut transport, mut number, mut flags) = (0_u16, 0_u32, 0_u8);
    read::copy(&mut transport, skb, Field::SkbTransportHeader);
    let tcp = read::pointer(skb, Field::SkbHead).add(transport.into());
    read::copy_at(&mut number, tcp.add(4));
    read::copy_at(&mut flags, tcp.add(13));
    Header { number: u32::from_be(number), flags }
}

impl Header {
    /// Whether it is a SYN and nothing else.
    pub(crate) const fn is_plain_syn(self) -> bool {
        self.flags & (SYN | RST | ACK) == SYN
    }

    /// Its flags as milestones, added to others.
    #[inline(always)]
    pub(crate) const fn add_to(self, passed: Milestones) -> Milestones {
        let mut bits = passed.0;
        if self.flags & ACK != 0 {
            bits |= Milestone::AckFlag.bit();
        }
        if self.flags & SYN != 0 {
            bits |= Milestone::SynFlag.bit();
        }
        if self.flags & RST != 0 {
            bits |= Milestone::ResetReceived.bit();
        }
        Milestones(bits)
    }
}

/// Finds the two ends of a request, or of a connection, as its packets name them.
#[inline(always)]
pub(crate) fn seek_sock(sock: Address, ends: &mut Ends) {
    let (mut kind, mut port) = (0_u16, 0_u16);
    let mut failed = read::copy(&mut kind, sock, Field::SockFamily)
        | read::copy(&mut port, sock, Field::SockPeerPort)
        | read::copy(&mut ends.local_port, sock, Field::SockPort);
    ends.peer_port = u16::from_be(port);
    if kind == AF_INET6 {
        failed |= read::copy(&mut ends.peer, sock, Field::SockPeerV6)
            | read::copy(&mut ends.local, sock, Field::SockLocalV6);
        ends.family = if is_mapped(&ends.peer) { 4 } else { 6 };
    } else {
        let (mut peer, mut local) = ([0_u8; 4], [0_u8; 4]);
        failed |= read::copy(&mut peer, sock, Field::SockPeerV4)
            | read::copy(&mut local, sock, Field::SockLocalV4);
        (ends.peer, ends.local) = (mapped(peer), mapped(local));
        ends.family = 4;
    }
    ends.unknown = 0;
    if failed != 0 {
        unknown(ends);
    }
    ends.sought = 1;
}

/// Whether the packets of a request are IPv6 ones.
#[inline(always)]
pub(crate) fn is_v6(sock: Address) -> bool {
    let (mut kind, mut peer) = (0_u16, [0_u8; 16]);
    let failed = read::copy(&mut kind, sock, Field::SockFamily)
        | read::copy(&mut peer, sock, Field::SockPeerV6);
    failed == 0 && kind == AF_INET6 && !is_mapped(&peer)
}

#[inline(always)]
fn is_mapped(address: &[u8; 16]) -> bool {
    let [network, rest] = halves(address);
    network == 0 && rest as u32 == MAPPED
}

#[inline(always)]
fn unknown(ends: &mut Ends) {
    clear(&mut ends.peer);
    clear(&mut ends.local);
    (ends.peer_port, ends.local_port, ends.family) = (0, 0, 0);
    ends.unknown |= Unknown::Packet.bit();
}

/// Flags in the header of a TCP packet.
pub(crate) const FIN: u8 = 0x01;
pub(crate) const SYN: u8 = 0x02;
pub(crate) const RST: u8 = 0x04;
pub(crate) const ACK: u8 = 0x10;

/// The flags of a packet that reached TCP; none if they cannot be read.
#[inline(always)]
pub(crate) fn flags(skb: Address) -> u8 {
    const FLAGS: u64 = 13;
    let (mut transport, mut flags) = (0_u16, 0_u8);
    let failed = read::copy(&mut transport, skb, Field::SkbTransportHeader);
    let tcp = read::pointer(skb, Field::SkbHead).add(transport.into());
    if failed | read::copy_at(&mut flags, tcp.add(FLAGS)) == 0 { flags } else { 0 }
}

/// How many hops a packet has left, the most if that cannot be read; and whether it is IPv6.
#[inline(always)]
pub(crate) fn hops(skb: Address) -> (u8, bool) {
    const TTL: u64 = 8;
    const HOP_LIMIT: u64 = 7;
    let (mut network, mut version, mut hops) = (0_u16, 0_u8, 0_u8);
    let mut failed = read::copy(&mut network, skb, Field::SkbNetworkHeader);
    let ip = read::pointer(skb, Field::SkbHead).add(network.into());
    failed |= read::copy_at(&mut version, ip);
    let is_v6 = version >> 4 == 6;
    failed |= read::copy_at(&mut hops, ip.add(if is_v6 { HOP_LIMIT } else { TTL }));
    (if failed == 0 { hops } else { u8::MAX }, is_v6)
}

/// The network namespace of the device that a packet came through.
#[inline(always)]
pub(crate) fn net(skb: Address) -> Address {
    read::pointer(read::pointer(skb, Field::SkbDevice), Field::DeviceNet)
}
