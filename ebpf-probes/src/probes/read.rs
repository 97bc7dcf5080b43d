//! The only reads of kernel memory and of the frozen configuration.
//!
//! A read goes from a base address by a [`Field`]; where the field lies is data of this kernel.
//! A field that is absent and a read that fails are both `None`, never a made-up value.

use core::mem::MaybeUninit;

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated};
use ebpf_probes::{ABSENT, Arg, Config, Counter, Field, FieldSlot, Filter};

use super::direct;

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

/// The struct by which memory is read directly; 0 if it is not.
#[inline(always)]
pub(super) fn caster() -> u64 {
    config!(cast)
}

/// Where a field lies.
#[inline(always)]
fn slot(field: Field) -> FieldSlot {
    config!(fields[field as usize])
}

/// Byte offset of a counter, if known.
#[inline(always)]
pub(crate) fn counter_offset(counter: Counter) -> Option<u64> {
    let offset = config!(counters[counter as usize]);
    if offset == u32::MAX { None } else { Some(offset.into()) }
}

/// Byte offset of the per-CPU pointers in a `struct bpf_array`, if known.
#[inline(always)]
pub(crate) fn percpu_pointers() -> Option<u64> {
    let offset = config!(percpu_pointers);
    if offset == u32::MAX { None } else { Some(offset.into()) }
}

/// Which word of the context holds a value.
#[inline(always)]
pub(crate) fn word(arg: Arg) -> u8 {
    config!(args[arg as usize])
}

/// Whether any program in use takes a value.
#[inline(always)]
pub(crate) fn is_taken(arg: Arg) -> bool {
    word(arg) != u8::MAX
}

/// What is shown.
#[inline(always)]
pub(crate) fn filter() -> &'static Filter {
    // SAFETY: CONFIG lives as long as the program; the filter is plain data without padding.
    unsafe { &*core::hint::black_box(&raw const CONFIG.filter) }
}

/// Reads kernel memory at an address.
#[inline(always)]
pub(crate) fn at<T: Copy>(address: Address) -> Option<T> {
    if direct::is_possible() {
        let mut value = MaybeUninit::uninit();
        let failed = direct::copy(&mut value, size_of::<T>(), address);
        // SAFETY: zeros or more were copied to all of it; every T read here is as below.
        return if failed == 0 { Some(unsafe { value.assume_init() }) } else { None };
    }
    // SAFETY: the helper checks the address and fails on one that cannot be read; every T read
    // here is a plain integer or an array of bytes, valid for any bit pattern.
    unsafe { bpf_probe_read_kernel(address.raw() as *const T) }.ok()
}

/// Copies kernel memory at an address, the first `size` bytes of `to`. Says 1 if that failed, and
/// leaves zeros then; a number and not an error, so that the many copies into a record do not
/// branch, which the verifier would have to follow.
#[inline(always)]
fn copy_bytes<T: Copy>(to: &mut T, size: u32, address: Address) -> u32 {
    if direct::is_possible() {
        return direct::copy(to, size as usize, address);
    }
    // SAFETY: `size` is at most that of T in every call below; the helper checks the address, and
    // fills `to` with zeros where it fails; every T is valid for any bit pattern.
    let failed = unsafe {
        generated::bpf_probe_read_kernel((&raw mut *to).cast(), size, address.raw() as *const _)
    };
    u32::from(failed != 0)
}

/// Copies what lies at an address; 1 if that failed.
#[inline(always)]
pub(crate) fn copy_at<T: Copy>(to: &mut T, address: Address) -> u32 {
    copy_bytes(to, size_of::<T>() as u32, address)
}

/// Copies a field whose width is the same on every kernel; 1 if that failed.
#[inline(always)]
pub(crate) fn copy<T: Copy>(to: &mut T, base: Address, field: Field) -> u32 {
    copy_at(to, place(base, field))
}

/// Copies a number that is narrower on some kernels; 1 if that failed.
#[inline(always)]
pub(crate) fn copy_number<T: Copy + Default>(to: &mut T, base: Address, field: Field) -> u32 {
    let size = slot(field).size;
    *to = T::default();
    // Little-endian: the bytes that a narrower field lacks are the upper ones.
    if size == 0 || size as usize > size_of::<T>() {
        1
    } else {
        copy_bytes(to, size, place(base, field))
    }
}

/// The address of a field. No kernel memory lies where an absent field, or one of NULL, would.
#[inline(always)]
pub(crate) fn place(base: Address, field: Field) -> Address {
    let slot = slot(field);
    if slot == ABSENT { Address::NULL } else { base.add(slot.offset.into()) }
}

/// The address of the struct whose field lies at an address.
#[inline(always)]
pub(crate) fn container(address: Address, field: Field) -> Address {
    let slot = slot(field);
    if slot == ABSENT {
        Address::NULL
    } else {
        Address::new(address.raw().wrapping_sub(slot.offset.into()))
    }
}

/// Reads a field whose width is the same on every kernel.
#[inline(always)]
pub(crate) fn read<T: Copy>(base: Address, field: Field) -> Option<T> {
    at(place(base, field))
}

/// The beginning of a `struct sock`, copied at once where a helper reads: what is at hand of each
/// costs a call of its own otherwise.
pub(crate) struct SockHead {
    words: MaybeUninit<[u64; HEAD_WORDS]>,
    /// 1 if it could not be read; then it is all zeros.
    pub(crate) failed: u32,
}

/// As far as the namespace on all kernels so far; an IPv6 address lies behind, but the stack of a
/// program and of what it calls is 512 bytes.
const HEAD_WORDS: usize = 7;

impl SockHead {
    /// Copies that of a socket.
    #[inline(always)]
    pub(crate) fn of(sk: Address) -> Self {
        // To fill it with zeros first would cost more than to copy.
        let mut words = MaybeUninit::uninit();
        let failed = if direct::is_possible() { 0 } else { copy_at(&mut words, sk) };
        Self { words, failed }
    }

    /// A field that lies in it; else it is read by itself. 1 if that failed.
    #[inline(always)]
    pub(crate) fn copy<T: Copy>(&self, to: &mut T, sk: Address, field: Field) -> u32 {
        let at = slot(field).offset as usize;
        let fits = at.checked_add(size_of::<T>()).is_some_and(|end| end <= 8 * HEAD_WORDS);
        if direct::is_possible()
            || slot(field) == ABSENT
            || !fits
            || !at.is_multiple_of(align_of::<T>())
        {
            return copy::<T>(to, sk, field);
        }
        // SAFETY: what is read lies within the copy, which the helper fills with zeros where it
        // fails, and is aligned; every T is plain data.
        *to = unsafe { (&raw const self.words).cast::<u8>().add(at).cast::<T>().read() };
        0
    }
}

/// Reads a field that is a pointer; NULL if that failed.
#[inline(always)]
pub(crate) fn pointer(base: Address, field: Field) -> Address {
    let mut pointer = 0;
    copy::<u64>(&mut pointer, base, field);
    Address::new(pointer)
}
