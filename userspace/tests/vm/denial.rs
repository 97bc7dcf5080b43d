//! A security module that denies every connection request, as SELinux or a BPF module would: two
//! BPF instructions in the place of what `security_inet_conn_request` answers.
//!
//! `BPF_MODIFY_RETURN` is what the kernel has for that (5.7 and later), and aya has no name for it.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use anyhow::{Context, Result};
use aya::Btf;
use aya_obj::btf::BtfKind;
use aya_obj::generated::{bpf_attach_type, bpf_attr, bpf_cmd, bpf_insn, bpf_prog_type};
use rustix::process::{Resource, Rlimit, setrlimit};

const HOOK: &str = "security_inet_conn_request";
/// `BPF_ALU64 | BPF_MOV | BPF_K` and `BPF_JMP | BPF_EXIT` (include/uapi/linux/bpf.h).
const MOVE: u8 = 0xb7;
const EXIT: u8 = 0x95;
const EPERM: i32 = 1;
/// Requests are denied as long as this lives.
#[derive(Debug)]
pub(crate) struct Denial {
    _link: OwnedFd,
}

impl Denial {
    pub(crate) fn begin() -> Result<Self> {
        // Kernels before 5.11 count programs as memory that the process locks.
        setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?;
        let types = Btf::from_sys_fs().context("failed to read the kernel's types")?;
        let hook = types.id_by_type_name_kind(HOOK, BtfKind::Func).context(HOOK)?;
        let deny = [instruction(MOVE, -EPERM), instruction(EXIT, 0)];
        // SAFETY: all of it is integers, for which zero is a value.
        let mut attr: bpf_attr = unsafe { zeroed() };
        // SAFETY: these are the members that BPF_PROG_LOAD reads; the union was zeroed.
        let load = unsafe { &mut attr.__bindgen_anon_3 };
        load.prog_type = bpf_prog_type::BPF_PROG_TYPE_TRACING as u32;
        load.expected_attach_type = bpf_attach_type::BPF_MODIFY_RETURN as u32;
        load.attach_btf_id = hook;
        load.insns = deny.as_ptr() as u64;
        load.insn_cnt = u32::try_from(deny.len())?;
        load.license = c"GPL".as_ptr() as u64;
        let program = bpf(bpf_cmd::BPF_PROG_LOAD, &attr).context("failed to load the denial")?;
        // SAFETY: as above.
        attr = unsafe { zeroed() };
        attr.raw_tracepoint.prog_fd = u32::try_from(program.as_raw_fd())?;
        let link = bpf(bpf_cmd::BPF_RAW_TRACEPOINT_OPEN, &attr)
            .with_context(|| format!("failed to deny requests in {HOOK}"))?;
        Ok(Self { _link: link })
    }
}

fn instruction(code: u8, imm: i32) -> bpf_insn {
    // SAFETY: all of it is integers, for which zero is a value.
    bpf_insn { code, imm, ..unsafe { zeroed() } }
}

fn bpf(command: bpf_cmd, attr: &bpf_attr) -> Result<OwnedFd> {
    // SAFETY: the kernel reads `attr`, which is as long as is said, and what it points at, which
    // lives until the call returns; it keeps no pointer.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, command as i32, &raw const *attr, size_of_val(attr))
    };
    let Ok(file @ 0..) = i32::try_from(answer) else {
        return Err(io::Error::last_os_error().into());
    };
    // SAFETY: the kernel has just opened it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
}
