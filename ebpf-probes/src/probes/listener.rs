//! The listener: its queues, its limits, who it is.

use ebpf_probes::{DropRecord, Field, ListenerKey, Unknown};

use super::packet::{self, AF_INET6, mapped};
use super::queues::Queues;
use super::read::{self, Address, Number};

/// `IPPROTO_TCP`. The code of requests and queues serves other protocols too.
const TCP: u16 = 6;

/// Both queues as they are now.
#[inline(always)]
pub(crate) fn queues(sk: Address, function: u32) -> Option<Queues> {
    Some(Queues {
        known: 1,
        accept_len: read::read(sk, Field::SockAcceptLen)?,
        accept_limit: read::read(sk, Field::SockAcceptLimit)?,
        syn_len: read::read(sk, Field::ListenerSynLen)?,
        syn_young: read::read(sk, Field::ListenerSynYoung)?,
        function,
    })
}

/// `tcp_syncookies` of the listener's namespace; 0 if that cannot be read.
#[inline(always)]
pub(crate) fn syncookies(sk: Address) -> u32 {
    let mut value = 0;
    read::copy_number(&mut value, read::pointer(sk, Field::SockNet), Field::NetSyncookies);
    value
}

/// Whether the listener takes Fast Open SYNs.
#[inline(always)]
pub(crate) fn has_tfo(sk: Address) -> bool {
    let mut limit = 0_u32;
    read::copy(&mut limit, sk, Field::ListenerTfoLimit);
    limit != 0
}

/// Whether the listener has `TCP_DEFER_ACCEPT`; yes, if that cannot be read.
#[inline(always)]
pub(crate) fn defers_accept(sk: Address) -> bool {
    read::read::<u8>(sk, Field::ListenerDefer).is_none_or(|retries| retries != 0)
}

/// Whether it is not known to be of another protocol.
#[inline(always)]
pub(crate) fn is_tcp(sk: Address) -> bool {
    let mut protocol = 0_u16;
    read::copy(&mut protocol, sk, Field::SockProtocol) != 0 || protocol == TCP
}

/// Whether it is a TCP socket that listens.
#[inline(always)]
pub(crate) fn listens(sk: Address) -> bool {
    const LISTEN: u8 = 10;
    let mut state = 0_u8;
    read::copy(&mut state, sk, Field::SockState) == 0 && state == LISTEN && is_tcp(sk)
}

/// How many hops a packet must have left for it (`IP_MINTTL`, `IPV6_MINHOPCOUNT`).
#[inline(always)]
pub(crate) fn minimum_hops(sk: Address, is_v6: bool) -> u8 {
    let mut minimum = 0_u8;
    if is_v6 {
        read::copy(&mut minimum, read::pointer(sk, Field::SockV6), Field::SockMinHops);
    } else {
        read::copy(&mut minimum, sk, Field::SockMinTtl);
    }
    minimum
}

/// Whether its network namespace is on its way out.
#[inline(always)]
pub(crate) fn is_leaving(sk: Address) -> bool {
    let mut count = 0_u32;
    let net = read::pointer(sk, Field::SockNet);
    read::copy(&mut count, net, Field::NetCount) == 0 && count == 0
}

/// What tells it apart in the tables of what applications do.
#[inline(always)]
pub(crate) fn key(sk: Address) -> ListenerKey {
    let inode = read::place(read::pointer(sk, Field::SockSocket), Field::SocketInode);
    let mut key = ListenerKey { listener: sk.raw(), inode: 0 };
    number(&mut key.inode, inode, Field::InodeNumber);
    key
}

/// Whether the listener has closed, as far as a record identifies it.
#[inline(always)]
pub(crate) fn has_closed(record: &DropRecord) -> bool {
    // SAFETY: reads references; as it is in memory, see `output::tell`.
    let (port, unknown) = unsafe {
        (
            (&raw const record.bound_port).read_volatile(),
            (&raw const record.unknown).read_volatile(),
        )
    };
    port == 0 && unknown & Unknown::Bound.bit() == 0
}

/// Fills in which listener a record is about: all that it is counted and filtered by.
#[inline(always)]
pub(crate) fn identify(sk: Address, skb: Address, record: &mut DropRecord) {
    record.listener = sk.raw();
    let net = net(sk, skb);
    let socket = read::pointer(sk, Field::SockSocket);
    let inode = read::place(socket, Field::SocketInode);
    record.unknown |= bound(sk, record)
        | Unknown::Inode.if_failed(number(&mut record.inode, inode, Field::InodeNumber))
        | Unknown::Netns.if_failed(read::copy(&mut record.netns, net, Field::NetInum));
}

/// Some packets are thrown away before their listener is known.
#[inline(always)]
fn net(sk: Address, skb: Address) -> Address {
    if sk.is_null() { packet::net(skb) } else { read::pointer(sk, Field::SockNet) }
}

/// Fills in the rest: its queues, and the settings of its namespace.
#[inline(always)]
pub(crate) fn describe(sk: Address, skb: Address, queues: &Queues, record: &mut DropRecord) {
    // A cookie of 0 says that there is none, so one that cannot be read needs no mark.
    read::copy(&mut record.cookie, sk, Field::SockCookie);
    let net = net(sk, skb);
    record.unknown |= lengths(sk, queues, record)
        | Unknown::Syncookies.if_failed(number(&mut record.syncookies, net, Field::NetSyncookies))
        | Unknown::MaxSynBacklog.if_failed(number(
            &mut record.max_syn_backlog,
            net,
            Field::NetMaxSynBacklog,
        ))
        | Unknown::Somaxconn.if_failed(number(&mut record.somaxconn, net, Field::NetSomaxconn))
        | Unknown::AbortOnOverflow.if_failed(number(
            &mut record.abort_on_overflow,
            net,
            Field::NetAbortOnOverflow,
        ));
}

#[inline(always)]
fn number<T: Number>(to: &mut T, base: Address, field: Field) -> u32 {
    read::copy_number(to, base, field)
}

/// The lengths taken at the refusal, or those of now.
#[inline(always)]
fn lengths(sk: Address, taken: &Queues, record: &mut DropRecord) -> u32 {
    if taken.known != 0 {
        record.accept_len = taken.accept_len;
        record.accept_limit = taken.accept_limit;
        record.syn_len = taken.syn_len;
        record.syn_young = taken.syn_young;
        return 0;
    }
    let accept = read::copy(&mut record.accept_len, sk, Field::SockAcceptLen)
        | read::copy(&mut record.accept_limit, sk, Field::SockAcceptLimit);
    Unknown::AcceptQueue.if_failed(accept)
        | Unknown::SynQueue.if_failed(read::copy(&mut record.syn_len, sk, Field::ListenerSynLen))
        | Unknown::SynYoung.if_failed(read::copy(
            &mut record.syn_young,
            sk,
            Field::ListenerSynYoung,
        ))
}

#[inline(always)]
fn bound(sk: Address, record: &mut DropRecord) -> u32 {
    let mut family = 0_u16;
    let mut failed = read::copy(&mut family, sk, Field::SockFamily)
        | read::copy(&mut record.bound_port, sk, Field::SockPort);
    if family == AF_INET6 {
        let mut address = [0; 16];
        failed |= read::copy(&mut address, sk, Field::SockLocalV6);
        packet::put(&mut record.bound, &address);
        record.bound_family = 6;
    } else {
        let mut address = [0; 4];
        failed |= read::copy(&mut address, sk, Field::SockLocalV4);
        packet::put(&mut record.bound, &mapped(address));
        record.bound_family = 4;
    }
    if failed != 0 {
        packet::clear(&mut record.bound);
        (record.bound_port, record.bound_family) = (0, 0);
        return Unknown::Bound.bit();
    }
    0
}
