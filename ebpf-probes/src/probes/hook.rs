//! Hooks: where a program meets the kernel function that it watches.
//!
//! A program does not know of which kind its hook is. A kprobe's context holds the registers, that
//! of fentry and fexit the arguments and then what was returned; which word holds what is data of
//! this kernel and of the kind that userspace chose. Userspace also puts the kind into the name of
//! the program's section, which here is always that of a kprobe, the kind that works everywhere.

use core::ffi::c_void;

use aya_ebpf::EbpfContext;
use aya_ebpf::maps::ProgramArray;

use super::read::{self, Address};
use super::shared::Shared;

/// What the kernel hands to a program.
#[repr(transparent)]
pub(crate) struct Context(*const u64);

impl EbpfContext for Context {
    fn as_ptr(&self) -> *mut c_void {
        self.0.cast_mut().cast()
    }
}

/// The program of another function of the same prototype, which userspace puts there.
pub(crate) type Same = ProgramArray;

/// Where in that it is: always 0, but the verifier must not know. It would have the jump written into
/// the program, and taken out again once nobody holds the array; where somebody lists maps while
/// that goes on, the kernel counts one reference too many, and keeps the array for ever
/// (`prog_array_map_clear`, kernel/bpf/arraymap.c, 5.10 to 7.3).
static PLACE: Shared = Shared::new();

/// Goes on with that, which sees the same arguments and the same value returned. It comes back only
/// where there is none.
#[inline(always)]
pub(crate) fn go_on(ctx: &Context, same: &Same) {
    // SAFETY: nothing here waits to be dropped.
    unsafe { same.tail_call(ctx, PLACE.get() as u32) };
}

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

/// An argument of the function, or what it returned. One whose place is not known is never asked
/// for, because such a probe is not loaded.
///
/// What a program reads of the context of fentry and fexit the verifier takes for pointers to typed
/// memory, with which it forbids to calculate.
macro_rules! value {
    ($ctx:ident, $arg:ident) => {{
        let word: u64;
        // SAFETY: reads the context, which the verifier checks, and changes no memory.
        unsafe {
            core::arch::asm!(
                "{word} = *(u64 *)({ctx} + {at})",
                word = out(reg) word,
                ctx = in(reg) $ctx.0,
                at = const ebpf_probes::OPEN_ARG + ebpf_probes::Arg::$arg as i16,
                options(nostack, readonly),
            );
        }
        $crate::probes::read::number(word)
    }};
}

macro_rules! address {
    ($ctx:ident, $arg:ident) => {
        $crate::probes::read::Address::new(value!($ctx, $arg))
    };
}

/// An argument that points to no struct. Some kernels refuse to have such a one loaded from the context
/// of fentry (`btf_ctx_access`, kernel/bpf/btf.c, seen on 5.10 and 6.1), so it is read there as it
/// would be anywhere else.
macro_rules! pointer {
    ($ctx:ident, $arg:ident) => {{
        let place: u64;
        // SAFETY: sets a register.
        unsafe {
            core::arch::asm!(
                "{place} = {open}",
                place = out(reg) place,
                open = const ebpf_probes::OPEN_PLACE + ebpf_probes::Arg::$arg as u32,
                options(pure, nomem, nostack),
            );
        }
        $crate::probes::hook::pointer(&$ctx, place)
    }};
}

macro_rules! returned_error {
    ($ctx:ident, $arg:ident) => {
        $crate::probes::hook::is_error(value!($ctx, $arg))
    };
}

macro_rules! returned_true {
    ($ctx:ident, $arg:ident) => {
        $crate::probes::hook::is_true(value!($ctx, $arg))
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

/// What lies so many bytes on in a context; NULL if that cannot be read.
#[inline(always)]
fn pointer(ctx: &Context, place: u64) -> Address {
    let context = Address::new(read::number(ctx.0 as u64));
    read::pointer_at(context.add(place))
}

/// Only the lower half of an `int` in a register is defined.
#[inline(always)]
const fn is_error(word: u64) -> bool {
    word as u32 != 0
}

/// Only the lowest byte of a `bool` in a register is defined.
#[inline(always)]
const fn is_true(word: u64) -> bool {
    word as u8 != 0
}
