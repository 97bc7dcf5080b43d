//! The only reads of kernel memory and of the frozen configuration.
//!
//! A read goes from a base address by a [`Field`]; where the field lies is data of this kernel.
//! A field that is absent and a read that fails are both `None`, never a made-up value.

use core::arch::asm;
use core::mem::MaybeUninit;

use ebpf_probes::{
    Config, Counter, Field, Filter, OPEN_FIELD, OPEN_LACKS, OPEN_READ, READ_MAX, each_field,
};

/// Overridden by userspace before load.
#[unsafe(no_mangle)]
static CONFIG: Config = Config::UNRESOLVED;

/// An address in kernel memory.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Address(u64);

impl Address {
    /// No address.
    pub(crate) const NULL: Self = Self(0);

    /// An address as a register held it.
    pub(crate) const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// The number.
    pub(crate) const fn raw(self) -> u64 {
        self.0
    }

    /// Whether it is NULL.
    pub(crate) const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address so many bytes on.
    pub(crate) const fn add(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }
}

macro_rules! config {
    ($($place:tt)+) => {
        // SAFETY: CONFIG lives as long as the program. The read is volatile because userspace
        // replaces the bytes before load, which the compiler must not foresee.
        unsafe { core::ptr::read_volatile(&raw const CONFIG.$($place)+) }
    };
}

/// The milestones whose hooks are attached.
#[inline(always)]
pub(crate) fn watched() -> u64 {
    config!(watched)
}

/// Records a second of each reason of a listener.
#[inline(always)]
pub(crate) fn detail() -> u64 {
    config!(detail)
}

/// Whether the programs at returns that take arguments are in use.
#[inline(always)]
pub(crate) fn is_whole() -> bool {
    config!(whole) != 0
}

/// Whether every call that tests for a cookie is watched.
#[inline(always)]
pub(crate) fn sees_cookies() -> bool {
    config!(cookies) != 0
}

/// Whether an event like an earlier one can be counted where that was.
#[inline(always)]
pub(crate) fn counts_alike() -> bool {
    config!(alike) != 0
}

/// The address of a counter, from that of all; nowhere if its place is not known.
#[inline(always)]
pub(crate) fn counter(counters: Address, which: Counter) -> Address {
    counters.add(config!(counters[which as usize]))
}

/// The address of the per-CPU pointers in a `struct bpf_array`; nowhere if that is not known.
#[inline(always)]
pub(crate) fn percpu_pointers(array: Address) -> Address {
    array.add(config!(percpu_pointers))
}

/// What is shown.
#[inline(always)]
pub(crate) fn filter() -> &'static Filter {
    // SAFETY: CONFIG lives as long as the program; the filter is plain data without padding.
    unsafe { &*core::hint::black_box(&raw const CONFIG.filter) }
}

/// The number behind a pointer that the verifier tracks: it forbids to calculate with such a pointer,
/// but not with one that was negated.
#[inline(always)]
pub(crate) fn number(pointer: u64) -> u64 {
    let mut number = pointer;
    // SAFETY: calculates with registers only.
    unsafe {
        asm!(
            "{number} = -{number}",
            "{number} = -{number}",
            number = inout(reg) number,
            options(pure, nomem, nostack),
        );
    }
    number
}

/// The read that userspace makes one by a helper or a direct one: see [`OPEN_READ`].
macro_rules! open_read {
    ($address:ident, $size:literal, [$($load:literal),+]) => {{
        let mut room = MaybeUninit::<[u64; 2]>::uninit();
        let (low, high): (u64, u64);
        // SAFETY: the helper writes at most the 16 bytes of `room`, and what is loaded of them it
        // has written, with zeros where it cannot read; a direct read is checked by the verifier,
        // and gives zero where there is nothing. Both take any address.
        unsafe {
            asm!(
                "r1 = {to}",
                "r2 = {open}",
                "call 113",
                $($load,)+
                to = in(reg) room.as_mut_ptr(),
                open = const OPEN_READ + $size,
                inlateout("r3") $address.raw() => _,
                out("r0") low,
                out("r1") high,
                out("r2") _,
                out("r4") _,
                out("r5") _,
            );
        }
        [low, high]
    }};
}

/// Reads kernel memory at an address, and says 1 if there is none at such an address: a number and
/// not an error, so that the many copies into a record do not branch, which the verifier would have
/// to follow. What cannot be read is zero.
#[inline(always)]
fn fetch<T: Copy>(address: Address) -> (T, u32) {
    const { assert!(size_of::<T>() as u32 <= READ_MAX) };
    let words = match size_of::<T>() {
        1 => open_read!(address, 1, ["r0 = *(u8 *)({to} + 0)"]),
        2 => open_read!(address, 2, ["r0 = *(u16 *)({to} + 0)"]),
        4 => open_read!(address, 4, ["r0 = *(u32 *)({to} + 0)"]),
        8 => open_read!(address, 8, ["r0 = *(u64 *)({to} + 0)"]),
        _ => open_read!(address, 16, ["r1 = *(u64 *)({to} + 8)", "r0 = *(u64 *)({to} + 0)"]),
    };
    // SAFETY: `words` is as large as the largest T, the target is little-endian, and every T read
    // here is a plain integer or an array of them, valid for any bit pattern.
    let value = unsafe { (&raw const words).cast::<T>().read() };
    // The upper half of all addresses is the kernel's.
    (value, (!address.raw() >> 63) as u32)
}

/// Reads kernel memory at an address.
#[inline(always)]
pub(crate) fn at<T: Copy>(address: Address) -> Option<T> {
    let (value, failed) = fetch(address);
    if failed == 0 { Some(value) } else { None }
}

/// Copies what lies at an address; 1 if that failed, which leaves zeros.
#[inline(always)]
pub(crate) fn copy_at<T: Copy>(to: &mut T, address: Address) -> u32 {
    let (value, failed) = fetch(address);
    *to = value;
    failed
}

/// Copies a field whose width is the same on every kernel; 1 if that failed.
#[inline(always)]
pub(crate) fn copy<T: Copy>(to: &mut T, base: Address, field: Field) -> u32 {
    copy_at(to, place(base, field))
}

/// Calculates with a number, of a field, what userspace completes. Wherever this comes to be the field
/// is known, so of all ways the compiler leaves one.
macro_rules! open {
    ($number:expr, $field:expr, $instructions:literal, $open:ident) => {{
        let mut number: u64 = $number;
        // SAFETY: calculates with a register only.
        unsafe { each_field!(ways, number, $field, $instructions, $open) };
        number
    }};
}

macro_rules! ways {
    ([$number:ident, $field:expr, $instructions:literal, $open:ident] $($name:ident)+) => {
        match $field {
            $(Field::$name => asm!(
                $instructions,
                it = inout(reg) $number,
                open = const $open + Field::$name as u32,
                options(pure, nomem, nostack),
            ),)+
        }
    };
}

/// A number of 32 or 64 bits.
pub(crate) trait Number {
    /// Its lowest bits.
    fn truncated(number: u64) -> Self;
}

impl Number for u32 {
    #[inline(always)]
    fn truncated(number: u64) -> Self {
        number as Self
    }
}

impl Number for u64 {
    #[inline(always)]
    fn truncated(number: u64) -> Self {
        number
    }
}

/// Copies a number that is narrower on some kernels; 1 if that failed. Memory of the same struct
/// lies behind it, which is read too.
#[inline(always)]
pub(crate) fn copy_number<T: Number>(to: &mut T, base: Address, field: Field) -> u32 {
    let (wide, failed) = fetch::<u64>(place(base, field));
    *to = T::truncated(open!(wide, field, "{it} <<= {open}\n{it} >>= {open}", OPEN_LACKS));
    failed
}

/// The address of a field; nowhere if it is not known.
#[inline(always)]
pub(crate) fn place(base: Address, field: Field) -> Address {
    Address::new(open!(base.raw(), field, "{it} += {open}", OPEN_FIELD))
}

/// The address of the struct whose field lies at an address; nowhere if that is not known.
#[inline(always)]
pub(crate) fn container(address: Address, field: Field) -> Address {
    Address::new(open!(address.raw(), field, "{it} -= {open}", OPEN_FIELD))
}

/// Reads a field whose width is the same on every kernel.
#[inline(always)]
pub(crate) fn read<T: Copy>(base: Address, field: Field) -> Option<T> {
    at(place(base, field))
}

/// Reads a field that is a pointer; NULL if that failed.
#[inline(always)]
pub(crate) fn pointer(base: Address, field: Field) -> Address {
    pointer_at(place(base, field))
}

/// Reads a pointer at an address; NULL if that failed.
#[inline(always)]
pub(crate) fn pointer_at(address: Address) -> Address {
    let (pointer, _) = fetch(address);
    Address::new(pointer)
}
