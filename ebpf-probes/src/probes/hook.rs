//! Hooks: where a program meets the kernel function that it watches.
//!
//! A program does not know of which kind its hook is. A kprobe's context holds the registers, that
//! of fentry and fexit the arguments and then what was returned; which word holds what is data of
//! this kernel and of the kind that userspace chose. Userspace also puts the kind into the name of
//! the program's section, which here is always that of a kprobe, the kind that works everywhere.

use core::arch::asm;

use ebpf_probes::Arg;

use super::read::{self, Address};

/// What the kernel hands to a program.
#[repr(transparent)]
struct Context(*const u64);

macro_rules! hooked {
    ($kind:literal, $name:ident, $ctx:ident => $body:expr) => {
        #[unsafe(no_mangle)]
        #[unsafe(link_section = concat!($kind, "/", stringify!($name)))]
        extern "C" fn $name($ctx: $crate::probes::hook::Context) -> u32 {
            $body;
            0
        }
    };
}

macro_rules! entry {
    ($name:ident, $ctx:ident => $body:expr) => {
        hooked!("kprobe", $name, $ctx => $body);
    };
}

macro_rules! exit {
    ($name:ident, $ctx:ident => $body:expr) => {
        hooked!("kretprobe", $name, $ctx => $body);
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

/// Reads a word of the context.
///
/// The verifier wants a constant offset, and the compiler would rather choose an offset first and
/// read then; hence the assembly. What it reads of fentry and fexit the verifier takes for pointers
/// to typed memory, with which it forbids to calculate; one that was negated is a number to it.
macro_rules! word {
    ($ctx:expr, $nth:literal) => {{
        let word: u64;
        // SAFETY: reads the context, which the verifier checks, and changes no memory.
        unsafe {
            asm!(
                "{word} = *(u64 *)({ctx} + {at})",
                "{word} = -{word}",
                "{word} = -{word}",
                word = out(reg) word,
                ctx = in(reg) $ctx.0,
                at = const 8 * $nth,
                options(nostack, readonly),
            );
        }
        word
    }};
}

/// An argument of the function, or what it returned. One whose place userspace did not resolve is
/// never asked for, because such a probe is not loaded.
#[inline(always)]
fn value(ctx: &Context, arg: Arg) -> u64 {
    match read::word(arg) {
        0 => word!(ctx, 0),
        1 => word!(ctx, 1),
        2 => word!(ctx, 2),
        3 => word!(ctx, 3),
        4 => word!(ctx, 4),
        5 => word!(ctx, 5),
        6 => word!(ctx, 6),
        7 => word!(ctx, 7),
        8 => word!(ctx, 8),
        9 => word!(ctx, 9),
        10 => word!(ctx, 10),
        11 => word!(ctx, 11),
        12 => word!(ctx, 12),
        13 => word!(ctx, 13),
        14 => word!(ctx, 14),
        _ => 0,
    }
}

#[inline(always)]
fn address(ctx: &Context, which: Arg) -> Address {
    Address::new(value(ctx, which))
}

#[inline(always)]
fn returned(ctx: &Context, which: Arg) -> Address {
    Address::new(value(ctx, which))
}

/// Only the lower half of an `int` in a register is defined.
#[inline(always)]
fn returned_error(ctx: &Context, which: Arg) -> bool {
    value(ctx, which) as u32 != 0
}

/// Only the lowest byte of a `bool` in a register is defined.
#[inline(always)]
fn returned_true(ctx: &Context, which: Arg) -> bool {
    value(ctx, which) as u8 != 0
}
