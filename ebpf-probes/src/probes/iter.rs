//! The iterator over the listeners of the namespace of whoever opens it: `iter/tcp`.
//!
//! It runs in the reader's own context, once per TCP socket, and hooks nothing. aya-ebpf has no
//! macro for it, so its section is spelled here, as is the start of its context: like the
//! arguments of a system call, that is the same on every kernel (include/linux/bpf.h).

use core::ffi::c_void;

use aya_ebpf::bindings::seq_file;
use aya_ebpf::helpers::generated::bpf_seq_write;
use ebpf_probes::{DropRecord, Field, ListenerRecord};

use super::listener;
use super::queues::Queues;
use super::read::{self, Address};

/// `TCP_LISTEN` (include/net/tcp_states.h).
const LISTEN: u8 = 10;

/// `struct bpf_iter__tcp` (net/ipv4/tcp_ipv4.c): every member has a place of eight bytes.
#[repr(C)]
struct Context {
    meta: *const Meta,
    sk: u64,
    uid: u64,
}

/// The start of `struct bpf_iter_meta`.
#[repr(C)]
struct Meta {
    seq: *mut seq_file,
}

/// Says 0 in every case: 1 would ask the kernel to show the same socket again.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/tcp")]
extern "C" fn listeners(ctx: *const Context) -> i32 {
    // SAFETY: the kernel calls this with such a context, and the verifier checks each access.
    let (seq, sk, uid) = unsafe { ((*(*ctx).meta).seq, (*ctx).sk, (*ctx).uid) };
    let sk = Address::new(read::number(sk));
    // The call after the last socket has none.
    if sk.is_null() {
        return 0;
    }
    let record = describe(sk, uid as u32);
    // SAFETY: the record lies on the stack, is as long as said, and has no byte of padding.
    unsafe {
        bpf_seq_write(seq, (&raw const record).cast::<c_void>(), size_of_val(&record) as u32)
    };
    0
}

#[inline(always)]
fn describe(sk: Address, uid: u32) -> ListenerRecord {
    let mut state = 0_u8;
    read::copy(&mut state, sk, Field::SockState);
    let mut drop = DropRecord::default();
    // Anything else, like a time-wait socket, can be smaller than a listener.
    if state == LISTEN {
        listener::identify(sk, Address::NULL, &mut drop);
        listener::describe(sk, Address::NULL, &Queues::UNKNOWN, &mut drop);
    }
    ListenerRecord {
        listener: drop.listener,
        cookie: drop.cookie,
        inode: drop.inode,
        bound: drop.bound,
        netns: drop.netns,
        uid,
        accept_len: drop.accept_len,
        accept_limit: drop.accept_limit,
        syn_len: drop.syn_len,
        syn_young: drop.syn_young,
        syncookies: drop.syncookies,
        max_syn_backlog: drop.max_syn_backlog,
        somaxconn: drop.somaxconn,
        abort_on_overflow: drop.abort_on_overflow,
        unknown: drop.unknown,
        bound_port: drop.bound_port,
        bound_family: drop.bound_family,
        end: u8::from(state != LISTEN),
    }
}
