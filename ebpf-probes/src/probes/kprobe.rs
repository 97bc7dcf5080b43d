//! Hooks by kprobe and kretprobe, the kind that works on every kernel.
//!
//! Arguments are taken by the position that the kernel's own BTF gives for their names.

use core::hint::black_box;

use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use ebpf_probes::Arg;

use super::read::{self, Address};

macro_rules! entry {
    ($name:ident, $ctx:ident => $body:expr) => {
        #[aya_ebpf::macros::kprobe]
        fn $name($ctx: ProbeContext) -> u32 {
            $body;
            0
        }
    };
}

macro_rules! exit {
    ($name:ident, $ctx:ident => $body:expr) => {
        #[aya_ebpf::macros::kretprobe]
        fn $name($ctx: RetProbeContext) -> u32 {
            $body;
            0
        }
    };
}

/// A function that is passed on the way through any of some outer ones.
macro_rules! passed {
    ($name:ident, [$($outer:ident),+], $milestone:ident) => {
        entry!($name, _ctx => slot::pass_innermost(&[$(Outer::$outer),+], Milestone::$milestone));
    };
}

mod ack;
mod before;
mod cookie;
mod latency;
mod request;
mod syn;

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

/// Only the lower half of an `int` in a register is defined.
#[inline(always)]
fn returned_error(ctx: &RetProbeContext) -> bool {
    ctx.ret::<u64>() as u32 != 0
}

/// Only the lowest byte of a `bool` in a register is defined.
#[inline(always)]
fn returned_true(ctx: &RetProbeContext) -> bool {
    ctx.ret::<u64>() as u8 != 0
}
