//! The little of `bpf(2)` that the tests need and aya has no name for: a few instructions that
//! run where a kernel function begins or returns, and a map of one value.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use aya::Btf;
use aya_obj::btf::BtfKind;
use aya_obj::generated::{
    bpf_attach_type, bpf_attr, bpf_cmd, bpf_insn, bpf_map_type, bpf_prog_type,
};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::process::{Resource, Rlimit, setrlimit};

/// A register of the program.
pub(crate) type Register = u8;

/// What an instruction does (include/uapi/linux/bpf.h, bpf_common.h).
const MOVE: u8 = 0xb7;
const MOVE_REGISTER: u8 = 0xbf;
const ADD: u8 = 0x07;
const LOAD_CONSTANT: u8 = 0x18;
const LOAD_U32: u8 = 0x61;
const STORE_U32: u8 = 0x62;
const IF_EQUAL: u8 = 0x15;
const UNLESS_EQUAL: u8 = 0x55;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// A constant that is the place of a map's value (`BPF_PSEUDO_MAP_VALUE`).
const OF_MAP: Register = 2;
/// A map that can be mapped into memory (`BPF_F_MMAPABLE`, 5.5 and later).
const MAPPABLE: u32 = 1 << 10;

fn instruction(code: u8, to: Register, from: Register, offset: i16, constant: i32) -> bpf_insn {
    // SAFETY: all of it is integers, for which zero is a value.
    let mut instruction = bpf_insn { code, off: offset, imm: constant, ..unsafe { zeroed() } };
    instruction.set_dst_reg(to);
    instruction.set_src_reg(from);
    instruction
}

/// `to = constant`
pub(crate) fn set(to: Register, constant: i32) -> bpf_insn {
    instruction(MOVE, to, 0, 0, constant)
}

/// `to = from`
pub(crate) fn copy(to: Register, from: Register) -> bpf_insn {
    instruction(MOVE_REGISTER, to, from, 0, 0)
}

/// `to += constant`
pub(crate) fn add(to: Register, constant: i32) -> bpf_insn {
    instruction(ADD, to, 0, 0, constant)
}

/// `to` = the place of the map's value; it takes two.
pub(crate) fn place(to: Register, map: &Value) -> [bpf_insn; 2] {
    [instruction(LOAD_CONSTANT, to, OF_MAP, 0, map.raw()), instruction(0, 0, 0, 0, 0)]
}

/// `to` = the `u32` at the place in `from`
pub(crate) fn load(to: Register, from: Register) -> bpf_insn {
    instruction(LOAD_U32, to, from, 0, 0)
}

/// The `u32` at the place in `to` = constant
pub(crate) fn store(to: Register, constant: u32) -> bpf_insn {
    instruction(STORE_U32, to, 0, 0, constant.cast_signed())
}

/// Goes on so many instructions later if the register has this value.
pub(crate) fn if_equal(register: Register, constant: u32, skip: i16) -> bpf_insn {
    instruction(IF_EQUAL, register, 0, skip, constant.cast_signed())
}

/// The same if it has another one.
pub(crate) fn unless_equal(register: Register, constant: u32, skip: i16) -> bpf_insn {
    instruction(UNLESS_EQUAL, register, 0, skip, constant.cast_signed())
}

/// Calls a helper of the kernel by its number; arguments are in the registers from 1 on.
pub(crate) fn call(helper: i32) -> bpf_insn {
    instruction(CALL, 0, 0, 0, helper)
}

/// The end; register 0 is what the program answers.
pub(crate) fn exit() -> bpf_insn {
    instruction(EXIT, 0, 0, 0, 0)
}

/// A program that runs in a kernel function as long as this lives.
#[derive(Debug)]
pub(crate) struct Attached {
    _link: OwnedFd,
}

impl Attached {
    /// Runs it where the function begins; it has to answer 0.
    pub(crate) fn to_entry_of(function: &str, program: &[bpf_insn]) -> Result<Self> {
        Self::new(function, program, bpf_attach_type::BPF_TRACE_FENTRY)
    }

    /// Runs it where the function returns; it has to answer 0.
    pub(crate) fn to_exit_of(function: &str, program: &[bpf_insn]) -> Result<Self> {
        Self::new(function, program, bpf_attach_type::BPF_TRACE_FEXIT)
    }

    /// Runs it before a function that may be answered for: what is not 0 is its answer (5.7 and
    /// later).
    pub(crate) fn in_place_of(function: &str, program: &[bpf_insn]) -> Result<Self> {
        Self::new(function, program, bpf_attach_type::BPF_MODIFY_RETURN)
    }

    fn new(function: &str, program: &[bpf_insn], how: bpf_attach_type) -> Result<Self> {
        allow_memory()?;
        let types = Btf::from_sys_fs().context("failed to read the kernel's types")?;
        let id = types.id_by_type_name_kind(function, BtfKind::Func);
        let id = id.with_context(|| format!("the kernel's types have no function {function}"))?;
        // SAFETY: all of it is integers, for which zero is a value.
        let mut attr: bpf_attr = unsafe { zeroed() };
        // SAFETY: these are the members that BPF_PROG_LOAD reads; the union was zeroed.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        load.prog_type = bpf_prog_type::BPF_PROG_TYPE_TRACING as u32;
        load.expected_attach_type = how as u32;
        load.attach_btf_id = id;
        load.insns = program.as_ptr() as u64;
        load.insn_cnt = u32::try_from(program.len())?;
        load.license = c"GPL".as_ptr() as u64;
        let loaded = bpf(bpf_cmd::BPF_PROG_LOAD, &attr)
            .with_context(|| format!("failed to load a program for {function}"))?;
        // SAFETY: as above.
        attr = unsafe { zeroed() };
        attr.raw_tracepoint.prog_fd = u32::try_from(loaded.as_raw_fd())?;
        let link = bpf(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &attr)
            .with_context(|| format!("failed to attach a program to {function}"))?;
        Ok(Self { _link: link })
    }
}

/// Kernels before 5.11 count programs and maps as memory that the process locks.
fn allow_memory() -> Result<()> {
    Ok(setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?)
}

/// A map of one value, which begins with a `u32`. To look at it needs no call of the kernel, and so
/// no memory.
#[derive(Debug)]
pub(crate) struct Value {
    map: OwnedFd,
    begin: &'static AtomicU32,
}

impl Value {
    /// One of so many bytes, all zero.
    pub(crate) fn new(size: usize) -> Result<Self> {
        allow_memory()?;
        // SAFETY: all of it is integers, for which zero is a value.
        let mut attr: bpf_attr = unsafe { zeroed() };
        // SAFETY: these are the members that BPF_MAP_CREATE reads; the union was zeroed.
        let create = unsafe { &mut attr.__bindgen_anon_1 };
        create.map_type = bpf_map_type::BPF_MAP_TYPE_ARRAY as u32;
        create.key_size = 4;
        create.value_size = u32::try_from(size)?;
        create.max_entries = 1;
        create.map_flags = MAPPABLE;
        let map = bpf(bpf_cmd::BPF_MAP_CREATE, &attr).context("failed to make a map")?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses a place where nothing is yet.
        let begin =
            unsafe { mmap(ptr::null_mut(), size_of::<u32>(), access, MapFlags::SHARED, &map, 0) };
        let begin = begin.context("failed to map a map")?.cast::<AtomicU32>();
        // SAFETY: it is the beginning of a page, and stays mapped as long as this process lives;
        // the program too reads and writes no less than the whole of it.
        Ok(Self { map, begin: unsafe { &*begin } })
    }

    /// What it begins with.
    pub(crate) fn get(&self) -> u32 {
        self.begin.load(Ordering::SeqCst)
    }

    /// Sets what it begins with.
    pub(crate) fn set(&self, to: u32) {
        self.begin.store(to, Ordering::SeqCst);
    }

    fn raw(&self) -> RawFd {
        self.map.as_raw_fd()
    }
}

fn bpf(command: bpf_cmd, attr: &bpf_attr) -> Result<OwnedFd> {
    let file = ask(command, attr)?;
    // SAFETY: these commands answer with what they opened, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}

fn ask(command: bpf_cmd, attr: &bpf_attr) -> Result<i32> {
    // SAFETY: the kernel reads `attr`, which is as long as is said, and what it points at, which
    // lives until the call returns and is as long as the map or the program says; it keeps no
    // pointer.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, command as i32, &raw const *attr, size_of_val(attr))
    };
    match i32::try_from(answer) {
        Ok(answer @ 0..) => Ok(answer),
        _ => Err(io::Error::last_os_error().into()),
    }
}
