//! The wire struct of the listener table: one record per listener, written by the iterator.
//!
//! As in [`DropRecord`](crate::DropRecord), integers are in host byte order, addresses in network
//! order with IPv4 ones v4-mapped, and [`Unknown`](crate::Unknown) says what could not be read.

/// One listener at the moment when the iterator came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct ListenerRecord {
    /// Address of its `struct sock`: tells listeners apart, never shown.
    pub listener: u64,
    /// Its `skc_cookie`; 0 until somebody asked the kernel for it.
    pub cookie: u64,
    /// Inode number of its socket.
    pub inode: u64,
    /// The address it is bound to.
    pub bound: [u8; 16],
    /// Inode number of the network namespace.
    pub netns: u32,
    /// The user that made it, as the reader's user namespace calls it.
    pub uid: u32,
    /// Connections in the accept queue.
    pub accept_len: u32,
    /// Its limit, `sk_max_ack_backlog`, which limits the SYN queue too.
    pub accept_limit: u32,
    /// Requests in the SYN queue.
    pub syn_len: u32,
    /// Those of them whose SYN-ACK was not repeated yet.
    pub syn_young: u32,
    /// `tcp_syncookies`
    pub syncookies: u32,
    /// `tcp_max_syn_backlog`
    pub max_syn_backlog: u32,
    /// `somaxconn`
    pub somaxconn: u32,
    /// `tcp_abort_on_overflow`
    pub abort_on_overflow: u32,
    /// Bits of [`Unknown`](crate::Unknown).
    pub unknown: u32,
    /// The port it is bound to.
    pub bound_port: u16,
    /// 4 or 6: its family.
    pub bound_family: u8,
    /// 1 if this is no listener and none comes after it: the kernel lists listeners first.
    pub end: u8,
}

const _: () = assert!(size_of::<ListenerRecord>() == 3 * 8 + 16 + 11 * 4 + 2 + 2);
const _: () = assert!(size_of::<ListenerRecord>().is_multiple_of(8));
