//! A connection leaves the accept queue: `inet_csk_accept`, and what gives the connection its file.

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::map;
use aya_ebpf::maps::LruHashMap;
use ebpf_probes::{Function, Verdict};

use super::read::Address;
use super::slot::{self, Outer};
use super::{listener, output};

/// The listener at which a thread accepts: it may sleep there for long.
#[map]
static ACCEPTING: LruHashMap<u64, u64> = LruHashMap::with_max_entries(4096, 0);

/// `inet_csk_accept` was entered.
#[inline(always)]
pub(crate) fn entered(sk: Address) {
    // Full is this table only if very many threads wait; the oldest go first.
    let _ = ACCEPTING.insert(bpf_get_current_pid_tgid(), sk.raw(), 0);
}

/// `security_sock_graft` was entered: a connection gets its file.
#[inline(always)]
pub(crate) fn accepted(sock: Address) {
    if !listener::is_tcp(sock) {
        return;
    }
    let thread = bpf_get_current_pid_tgid();
    let Some(sk) = ACCEPTING.get_ptr(thread) else { return };
    // SAFETY: the pointer is to a value of a map that outlives the program.
    let sk = Address::new(unsafe { *sk });
    let _ = ACCEPTING.remove(thread);
    if let Some(slot) = slot::open(Outer::Interruptible, sk, Address::NULL) {
        slot.req = sock;
        slot::shut(Outer::Interruptible);
        output::report_interruptible(slot, &Verdict::ACCEPTED, Function::InetCskAccept);
    }
}
