//! Calls of `listen()`: the backlog as the application gave it, before `somaxconn` clips it.
//!
//! The system call knows the number, what it calls knows the socket; the thread connects the two.

use aya_ebpf::bindings::BPF_ANY;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use aya_ebpf::macros::map;
use aya_ebpf::maps::LruHashMap;
use ebpf_probes::{ASKED_MAX, Field, ListenerKey};

use super::listener;
use super::read::{self, Address};

/// What a thread that is in `listen()` gave to it. A call for another kind of socket leaves its
/// number here.
#[map]
static LISTENING: LruHashMap<u64, u32> = LruHashMap::with_max_entries(1024, 0);

/// What was given to `listen()` last.
#[map]
static ASKED: LruHashMap<ListenerKey, u32> = LruHashMap::with_max_entries(ASKED_MAX, 0);

/// `__sys_listen` or `__sys_listen_socket` was entered. A negative number is a very large one.
#[inline(always)]
pub(crate) fn called(backlog: u32) {
    let _ = LISTENING.insert(bpf_get_current_pid_tgid(), backlog, u64::from(BPF_ANY));
}

/// `inet_listen` was entered.
#[inline(always)]
pub(crate) fn entered(socket: Address, backlog: u32) {
    begun(read::pointer(socket, Field::SocketSk), backlog);
}

/// A TCP socket begins to listen, or listens with another backlog: the clipped one.
#[inline(always)]
pub(crate) fn begun(sk: Address, backlog: u32) {
    let thread = bpf_get_current_pid_tgid();
    let Some(asked) = LISTENING.get_ptr(thread) else { return };
    // SAFETY: the map outlives the program, and only this thread writes its entry.
    let asked = unsafe { *asked };
    let _ = LISTENING.remove(thread);
    if !listener::is_tcp(sk) {
        return;
    }
    let mut somaxconn = 0_u32;
    let net = read::pointer(sk, Field::SockNet);
    read::copy_number(&mut somaxconn, net, Field::NetSomaxconn);
    // Else the number is of an earlier call, and the kernel itself calls now.
    if asked == backlog || asked > backlog && backlog == somaxconn {
        let _ = ASKED.insert(listener::key(sk), asked, u64::from(BPF_ANY));
    }
}
