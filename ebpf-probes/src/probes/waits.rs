//! How long connections wait in the accept queue: from there until `accept()` takes them.
//!
//! The two ends happen on any CPUs, so since when a connection waits lies in one table for all.

use aya_ebpf::bindings::{BPF_ANY, BPF_NOEXIST};
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{LruHashMap, PerCpuArray, PerCpuHashMap};
use ebpf_probes::{Field, QUEUED_MAX, Untimed, WAITS_MAX, WaitCount, WaitKey, wait_bucket};

use super::ends::Ends;
use super::listener;
use super::packet::{self, AF_INET6, mapped};
use super::read::{self, Address};

/// `IPPROTO_MPTCP` (include/uapi/linux/in.h).
const MPTCP: u16 = 262;

/// Since when a connection waits, and where.
#[derive(Clone, Copy)]
#[repr(C)]
struct Queued {
    since_ns: u64,
    listener: u64,
}

/// By address of the connection's socket. An address that is used again is written anew before it
/// can be accepted, so what is left here of a connection that never was does no harm.
#[map]
static QUEUED: LruHashMap<u64, Queued> = LruHashMap::with_max_entries(QUEUED_MAX, 0);

#[map]
static WAITS: PerCpuHashMap<WaitKey, WaitCount> = PerCpuHashMap::with_max_entries(WAITS_MAX, 0);

#[map]
static UNTIMED: PerCpuArray<u64> = PerCpuArray::with_max_entries(Untimed::COUNT, 0);

/// `inet_csk_complete_hashdance` or `inet_csk_reqsk_queue_add` was entered. If it refuses, the
/// connection is never accepted.
#[inline(always)]
pub(crate) fn queued(sk: Address, child: Address) {
    if child.is_null() || !listener::is_tcp(sk) {
        return;
    }
    // SAFETY: the helper takes no pointers.
    let queued = Queued { since_ns: unsafe { bpf_ktime_get_ns() }, listener: sk.raw() };
    // One that finds no room counts as unseen later.
    let _ = QUEUED.insert(child.raw(), queued, u64::from(BPF_ANY));
}

/// `security_sock_graft` was entered: a connection gets its file. One of MPTCP is not what waited
/// in the queue; its first subflow is.
#[inline(always)]
pub(crate) fn accepted(sock: Address) {
    let mut protocol = 0_u16;
    read::copy(&mut protocol, sock, Field::SockProtocol);
    let child = if protocol == MPTCP { read::pointer(sock, Field::MptcpFirst) } else { sock };
    if child.is_null() || (protocol != MPTCP && !listener::is_tcp(child)) || !is_shown(child) {
        return;
    }
    let Some(queued) = QUEUED.get_ptr(child.raw()) else { return untimed(Untimed::Unseen) };
    // SAFETY: the map outlives the program, and nobody else accepts this connection.
    let Queued { since_ns, listener } = unsafe { *queued };
    let _ = QUEUED.remove(child.raw());
    // SAFETY: the helper takes no pointers.
    let ns = unsafe { bpf_ktime_get_ns() }.wrapping_sub(since_ns);
    if !count(key(Address::new(listener), ns), ns) {
        untimed(Untimed::NoRoom);
    }
}

#[inline(always)]
fn untimed(why: Untimed) {
    if let Some(count) = UNTIMED.get_ptr_mut(why as u32) {
        // SAFETY: the pointer is this CPU's entry of a map that outlives the program. A program
        // that comes between on this CPU can cost a count of something that is approximate anyway.
        unsafe { *count = (*count).wrapping_add(1) };
    }
}

/// Whether the filter shows what happens to a connection: its ends and its namespace decide.
#[inline(always)]
fn is_shown(child: Address) -> bool {
    let filter = read::filter();
    if !filter.asks_for_ends() {
        return true;
    }
    let mut ends = Ends::NONE;
    packet::seek_sock(child, &mut ends);
    let mut netns = 0_u32;
    read::copy(&mut netns, read::pointer(child, Field::SockNet), Field::NetInum);
    filter.shows(&ends.between(netns))
}

/// The row of a listener and a time.
#[inline(always)]
fn key(sk: Address, ns: u64) -> WaitKey {
    let identity = listener::key(sk);
    let mut key = WaitKey {
        listener: identity.listener,
        inode: identity.inode,
        bound: [0; 16],
        netns: 0,
        bound_port: 0,
        bound_family: 0,
        bucket: wait_bucket(ns) as u8,
    };
    let mut family = 0_u16;
    read::copy(&mut key.netns, read::pointer(sk, Field::SockNet), Field::NetInum);
    let mut failed = read::copy(&mut family, sk, Field::SockFamily)
        | read::copy(&mut key.bound_port, sk, Field::SockPort);
    if family == AF_INET6 {
        failed |= read::copy(&mut key.bound, sk, Field::SockLocalV6);
        key.bound_family = 6;
    } else {
        let mut address = [0; 4];
        failed |= read::copy(&mut address, sk, Field::SockLocalV4);
        key.bound = mapped(address);
        key.bound_family = 4;
    }
    if failed != 0 {
        (key.bound, key.bound_port, key.bound_family) = ([0; 16], 0, 0);
    }
    key
}

/// Counts a connection, if there is room for its row.
#[inline(always)]
fn count(key: WaitKey, ns: u64) -> bool {
    if WAITS.get_ptr_mut(key).is_none() {
        // Another CPU may add the same row at the same moment: then it is there now.
        let none = WaitCount { count: 0, max_ns: 0 };
        let _ = WAITS.insert(key, none, u64::from(BPF_NOEXIST));
    }
    let Some(row) = WAITS.get_ptr_mut(key) else { return false };
    // SAFETY: the pointer is this CPU's value of an entry that is never removed.
    let row = unsafe { &mut *row };
    row.count = row.count.wrapping_add(1);
    row.max_ns = row.max_ns.max(ns);
    true
}
