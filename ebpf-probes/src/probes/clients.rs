//! Clients that were refused: how often, since when, and whether they got in after all.
//!
//! A client is one connection: addresses, ports and namespace. As long as nobody was refused
//! lately, a connection that comes about costs one look at one number.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{Array, LruHashMap, PerCpuArray};
use ebpf_probes::{
    CLIENT_FORGOTTEN_NS, CLIENTS_MAX, ClientCount, ClientKey, DropRecord, Function, Unknown,
    Verdict,
};

use super::output;
use super::slot::Slot;

/// What is remembered of a client.
#[derive(Clone, Copy)]
#[repr(C)]
struct Client {
    /// When its first packet was dropped, as `boot_ns`.
    first_ns: u64,
    /// When its latest was.
    latest_ns: u64,
    /// How many were.
    attempts: u32,
    /// 1 if one of these drops kept it out.
    kept_out: u32,
}

#[map]
static CLIENTS: LruHashMap<ClientKey, Client> = LruHashMap::with_max_entries(CLIENTS_MAX, 0);

#[map]
static CLIENT_COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(ClientCount::COUNT, 0);

/// When any client was refused last, as `boot_ns`; 0 if none was yet.
#[map]
static REFUSED_LATEST: Array<u64> = Array::with_max_entries(1, 0);

#[inline(always)]
fn count(what: ClientCount) {
    if let Some(count) = CLIENT_COUNTS.get_ptr_mut(what as u32) {
        // SAFETY: the pointer is this CPU's entry of a map that outlives the program.
        unsafe { *count = (*count).wrapping_add(1) };
    }
}

/// Whose packet it was, if that is known.
#[inline(always)]
fn key(record: &DropRecord) -> Option<ClientKey> {
    if record.unknown & Unknown::Packet.bit() != 0 {
        return None;
    }
    Some(ClientKey {
        peer: record.peer,
        local: record.local,
        netns: record.netns,
        peer_port: record.peer_port,
        local_port: record.local_port,
    })
}

/// What is remembered of a client, unless that is too long ago.
#[inline(always)]
fn remembered(key: &ClientKey, now: u64) -> Option<&'static mut Client> {
    let client = CLIENTS.get_ptr_mut(key)?;
    // SAFETY: the map outlives the program and reuses an entry only for another client. That, or
    // another CPU that writes here at the same moment, can make numbers wrong and nothing else.
    let client = unsafe { &mut *client };
    if now.wrapping_sub(client.latest_ns) < CLIENT_FORGOTTEN_NS { Some(client) } else { None }
}

/// A packet of a client was dropped: fills in which attempt it was.
#[inline(always)]
pub(crate) fn refused(record: &mut DropRecord, keeps_out: bool) {
    (record.attempt, record.first_ns) = (0, 0);
    let Some(key) = key(record) else { return };
    let (now, kept_out) = (record.boot_ns, u32::from(keeps_out));
    if let Some(latest) = REFUSED_LATEST.get_ptr_mut(0) {
        // SAFETY: the map outlives the program; of two CPUs that write, either is right.
        unsafe { latest.write_volatile(now) };
    }
    if let Some(client) = remembered(&key, now) {
        client.attempts = client.attempts.wrapping_add(1);
        client.latest_ns = now;
        client.kept_out |= kept_out;
        (record.attempt, record.first_ns) = (client.attempts, client.first_ns);
        return;
    }
    let is_new = CLIENTS.get_ptr_mut(key).is_none();
    let client = Client { first_ns: now, latest_ns: now, attempts: 1, kept_out };
    if CLIENTS.insert(key, client, u64::from(BPF_ANY)).is_ok() {
        (record.attempt, record.first_ns) = (1, now);
        if is_new {
            count(ClientCount::Added);
        }
    }
}

/// A connection came about. If its client had been refused, that is news.
#[inline(always)]
pub(crate) fn recovered(slot: &mut Slot, function: Function) {
    let Some(&latest) = REFUSED_LATEST.get(0) else { return };
    if latest == 0 {
        return;
    }
    // SAFETY: the helper takes no pointers.
    let now = unsafe { bpf_ktime_get_boot_ns() };
    if now.wrapping_sub(latest) < CLIENT_FORGOTTEN_NS {
        output::report(slot, &Verdict::RECOVERED, function);
    }
}

/// Forgets the client of a connection that came about, and fills in how often it was refused.
/// Says whether it was.
#[inline(always)]
pub(crate) fn recall(record: &mut DropRecord) -> bool {
    let Some(key) = key(record) else { return false };
    let Some(client) = remembered(&key, record.boot_ns) else { return false };
    (record.attempt, record.first_ns) = (client.attempts, client.first_ns);
    let kept_out = client.kept_out != 0;
    if CLIENTS.remove(key).is_ok() {
        count(ClientCount::Removed);
    }
    kept_out
}
