//! Hooks by kprobe and kretprobe, the kind that works on every kernel.
//!
//! Arguments are taken by the position that the kernel's own BTF gives for their names.

use core::hint::black_box;

use aya_ebpf::macros::{kprobe, kretprobe};
use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use ebpf_probes::{Arg, Function, Milestone};

use super::read::{self, Address};
use super::slot::{self, Outer};
use super::{check_req, conn_request, syn_recv_sock};

/// The argument's register. On x86-64 six arguments travel in registers; one at a position that
/// userspace did not resolve is never asked for, because such a probe is not loaded.
///
/// All six are read before one is chosen: the verifier knows the context's layout by constant
/// offsets only, and the compiler would otherwise choose an offset first and read then.
#[inline(always)]
fn arg(ctx: &ProbeContext, arg: Arg) -> u64 {
    let first = register(ctx, 0);
    let second = register(ctx, 1);
    let third = register(ctx, 2);
    let fourth = register(ctx, 3);
    let fifth = register(ctx, 4);
    let sixth = register(ctx, 5);
    match read::position(arg) {
        0 => first,
        1 => second,
        2 => third,
        3 => fourth,
        4 => fifth,
        5 => sixth,
        _ => 0,
    }
}

#[inline(always)]
fn register(ctx: &ProbeContext, n: usize) -> u64 {
    black_box(ctx.arg(n).unwrap_or(0))
}

#[inline(always)]
fn address(ctx: &ProbeContext, which: Arg) -> Address {
    Address::new(arg(ctx, which))
}

#[inline(always)]
fn returned(ctx: &RetProbeContext) -> Address {
    Address::new(ctx.ret())
}

/// Only the lowest byte of a `bool` in a register is defined.
#[inline(always)]
fn returned_true(ctx: &RetProbeContext) -> bool {
    ctx.ret::<u64>() as u8 != 0
}

macro_rules! entry {
    ($name:ident, $ctx:ident => $body:expr) => {
        #[kprobe]
        fn $name($ctx: ProbeContext) -> u32 {
            $body;
            0
        }
    };
}

macro_rules! exit {
    ($name:ident, $ctx:ident => $body:expr) => {
        #[kretprobe]
        fn $name($ctx: RetProbeContext) -> u32 {
            $body;
            0
        }
    };
}

macro_rules! passed {
    ($name:ident, $outer:ident, $milestone:ident) => {
        entry!($name, _ctx => slot::pass(Outer::$outer, Milestone::$milestone));
    };
}

entry!(v4_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V4ConnRequest,
    address(&ctx, Arg::V4ConnRequestSk),
    address(&ctx, Arg::V4ConnRequestSkb),
));
exit!(v4_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V4ConnRequest, Function::TcpV4ConnRequest));
entry!(v6_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V6ConnRequest,
    address(&ctx, Arg::V6ConnRequestSk),
    address(&ctx, Arg::V6ConnRequestSkb),
));
exit!(v6_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V6ConnRequest, Function::TcpV6ConnRequest));
entry!(conn_request, ctx => conn_request::enter(
    address(&ctx, Arg::ConnRequestSk),
    address(&ctx, Arg::ConnRequestSkb),
));
exit!(conn_request_exit, _ctx => conn_request::exit());

entry!(check_req, ctx => check_req::enter(
    address(&ctx, Arg::CheckReqSk),
    address(&ctx, Arg::CheckReqSkb),
    arg(&ctx, Arg::CheckReqFastopen) as u8 != 0,
    address(&ctx, Arg::CheckReqStolen),
));
exit!(check_req_exit, ctx => check_req::exit(returned(&ctx)));

entry!(v4_syn_recv_sock, ctx => syn_recv_sock::enter(
    Outer::V4SynRecvSock,
    address(&ctx, Arg::V4SynRecvSk),
    address(&ctx, Arg::V4SynRecvSkb),
));
exit!(v4_syn_recv_sock_exit, ctx => syn_recv_sock::exit(
    Outer::V4SynRecvSock,
    Function::TcpV4SynRecvSock,
    returned(&ctx),
));
entry!(v6_syn_recv_sock, ctx => syn_recv_sock::enter(
    Outer::V6SynRecvSock,
    address(&ctx, Arg::V6SynRecvSk),
    address(&ctx, Arg::V6SynRecvSkb),
));
exit!(v6_syn_recv_sock_exit, ctx => syn_recv_sock::exit(
    Outer::V6SynRecvSock,
    Function::TcpV6SynRecvSock,
    returned(&ctx),
));

exit!(flood_action_exit, ctx => slot::pass(
    Outer::ConnRequest,
    if returned_true(&ctx) { Milestone::FloodCookie } else { Milestone::FloodRefused },
));
passed!(request_allocated, ConnRequest, RequestAllocated);
exit!(peer_proven_exit, ctx => if !returned_true(&ctx) {
    slot::pass(Outer::ConnRequest, Milestone::PeerUnproven);
});
passed!(request_queued, ConnRequest, RequestQueued);
exit!(request_queued_exit, ctx => {
    slot::pass(Outer::ConnRequest, Milestone::RequestQueued);
    if !returned_true(&ctx) {
        slot::pass(Outer::ConnRequest, Milestone::QueueRaceLost);
    }
});
passed!(synack_made, ConnRequest, SynAckMade);
passed!(child_created, CheckReq, ChildCreated);
passed!(route_asked, CheckReq, RouteAsked);
exit!(request_dropped_exit, ctx => if returned_true(&ctx) {
    slot::pass(Outer::CheckReq, Milestone::RequestDropped);
});
passed!(synack_resent, CheckReq, SynAckResent);
