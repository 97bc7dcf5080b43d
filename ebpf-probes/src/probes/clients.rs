//! Clients that were refused: how often, since when, and whether they got in after all.
//!
//! A client is one connection: addresses, ports and namespace. As long as nobody was refused
//! lately, a connection that comes about costs one look at one number.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::helpers::bpf_ktime_get_boot_ns;
use aya_ebpf::macros::map;
use aya_ebpf::maps::{LruHashMap, PerCpuArray};
use ebpf_probes::{
    CLIENT_FORGOTTEN_NS, CLIENTS_MAX, ClientCount, ClientKey, DropRecord, Field, Function, Unknown,
};

use super::shared::Shared;
use super::slot::{Past, Slot};
use super::{output, packet, read};

/// What is remembered of a client.
#[derive(Clone, Copy)]
#[repr(C)]
struct Client {
    /// When its first packet was dropped, as `boot_ns`; 0 if unknown.
    first_ns: u64,
    /// When its latest was.
    latest_ns: u64,
    /// How many were; 0 if unknown.
    attempts: u32,
    /// 1 if one of these drops kept it out.
    kept_out: u32,
}

#[map]
static CLIENTS: LruHashMap<ClientKey, Client> = LruHashMap::with_max_entries(CLIENTS_MAX, 0);

#[map]
static CLIENT_COUNTS: PerCpuArray<u64> = PerCpuArray::with_max_entries(ClientCount::COUNT, 0);

/// When any client was refused last, as `boot_ns`, or somewhat later; 0 if none was yet.
static REFUSED_LATEST: Shared = Shared::new();

/// When the refusal of a client was sampled out last, so that it is not remembered; as before.
static PASSED_OVER: Shared = Shared::new();

#[inline(always)]
pub(crate) fn count(what: ClientCount) {
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
    if is_lately(client.latest_ns, now) { Some(client) } else { None }
}

/// Whether a client that was refused then is not forgotten yet.
#[inline(always)]
fn is_lately(then: u64, now: u64) -> bool {
    now.saturating_sub(then) < CLIENT_FORGOTTEN_NS
}

/// In a flood all CPUs would write to one place: once in this time, in ns, is enough.
const NOTED_NS: u64 = 50_000_000;

/// Notes when something happened last. Of two CPUs that do at once, either is right.
#[inline(always)]
fn note(latest: &Shared, now: u64) {
    if latest.get() < now {
        latest.set(now + NOTED_NS);
    }
}

/// A packet of a client was dropped: fills in which attempt it was.
#[inline(never)]
pub(crate) fn refused(record: &mut DropRecord, keeps_out: bool) {
    (record.attempt, record.first_ns) = (0, 0);
    let Some(key) = key(record) else { return };
    let (now, kept_out) = (record.boot_ns, u32::from(keeps_out));
    note(&REFUSED_LATEST, now);
    // Of one that may be among those that were passed over, it is unknown how often it came.
    let passed_over = PASSED_OVER.get();
    let known = passed_over == 0 || !is_lately(passed_over, now);
    let (first_ns, attempts) = if known { (now, 1) } else { (0, 0) };
    let fresh = Client { first_ns, latest_ns: now, attempts, kept_out };
    if let Some(client) = CLIENTS.get_ptr_mut(key) {
        // SAFETY: as in `remembered`.
        let client = unsafe { &mut *client };
        if is_lately(client.latest_ns, now) {
            client.attempts = client.attempts.wrapping_add(u32::from(client.attempts != 0));
            client.latest_ns = now;
            client.kept_out |= kept_out;
        } else {
            *client = fresh;
        }
        (record.attempt, record.first_ns) = (client.attempts, client.first_ns);
    } else if CLIENTS.insert(key, fresh, u64::from(BPF_ANY)).is_ok() {
        (record.attempt, record.first_ns) = (attempts, first_ns);
        count(ClientCount::Added);
    }
}

/// Until then refusals are sampled out, whose clients are not remembered.
#[inline(always)]
pub(crate) fn pass_over(until: u64) {
    note(&PASSED_OVER, until);
}

/// A connection came about. If its client had been refused, that is news; and it is forgotten, whether
/// or not anybody wants to hear of it.
#[inline(always)]
pub(crate) fn recovered(slot: &mut Slot, function: Function) {
    let refused = REFUSED_LATEST.get();
    // SAFETY: the helper takes no pointers.
    if refused != 0 && is_lately(refused, unsafe { bpf_ktime_get_boot_ns() }) {
        packet::find(slot);
        if let Some(past) = recall(slot) {
            output::report_recovered(slot, past, function);
        }
    }
}

/// Forgets the client of a connection that came about, if one was refused and kept out.
#[inline(always)]
fn recall(slot: &Slot) -> Option<Past> {
    let ends = &slot.ends;
    if ends.unknown != 0 {
        return None;
    }
    let mut netns = 0;
    let net = read::pointer(slot.sk, Field::SockNet);
    read::copy(&mut netns, net, Field::NetInum);
    let key = ClientKey {
        peer: ends.peer,
        local: ends.local,
        netns,
        peer_port: ends.peer_port,
        local_port: ends.local_port,
    };
    // SAFETY: the helper takes no pointers.
    let client = remembered(&key, unsafe { bpf_ktime_get_boot_ns() })?;
    let past = Past { first_ns: client.first_ns, attempt: client.attempts, padding: 0 };
    let kept_out = client.kept_out != 0;
    if CLIENTS.remove(key).is_ok() {
        count(ClientCount::Removed);
    }
    if kept_out { Some(past) } else { None }
}
