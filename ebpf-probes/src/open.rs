//! What the object leaves open in its instructions, for userspace to fill in before load.
//!
//! What the verifier learns from a map rules out much of a program, which it then removes piece by
//! piece, moving the rest of the program each time: at the start that costs more than all else.

/// Where the size stands in a read of kernel memory: this and the size.
///
/// Such a read is always these instructions. `to` is any register and points to the stack; the last
/// instruction comes twice where 16 bytes are read.
///
/// ```text
/// r1 = to                       r1 = r3
/// r2 = OPEN_READ + size         r2 = the number of a struct
/// call bpf_probe_read_kernel    call bpf_rdonly_cast
/// r0 = *(to + 0)                r0 = *(r0 + 0)
/// ```
///
/// Filled in on the left is the size, for the helper, which reads from the address in `r3`. On the
/// right is what takes their place where the kernel lets programs read by themselves:
/// `bpf_rdonly_cast` (kernel/bpf/helpers.c, since 6.2) declares any number to be the address of a
/// struct, and costs nothing when the program runs. What cannot be read is zero either way.
pub const OPEN_READ: u32 = 0x5dca_0000;

/// The largest size of such a read.
pub const READ_MAX: u32 = 16;

/// Where the distance stands in what sets a register to that, in bytes, of an argument from the
/// beginning of the context: this and the number of the [`Arg`](crate::Arg).
pub const OPEN_PLACE: u32 = 0x5dcb_0000;

/// Where the offset stands in a load from the context: this and the number of the
/// [`Arg`](crate::Arg) that lies there.
pub const OPEN_ARG: i16 = 0x5d00;

/// Where the offset stands in what is added to an address, or taken from it: this and the number of the
/// [`Field`](crate::Field) that lies there. Where there is no such field, the instruction becomes one
/// that leads nowhere, so that to read there fails like any other read.
///
/// ```text
/// address += OPEN_FIELD + n     address += offset         address = 0
/// ```
pub const OPEN_FIELD: u32 = 0x5dcd_0000;

/// Where stands, in a shift, how many bits it lacks to 64: this and the number of the
/// [`Field`](crate::Field).
pub const OPEN_LACKS: u32 = 0x5dce_0000;

/// What stands before the call of the function that logs. Where nothing is to be logged, neither is
/// there anything to call: what is never run is still gone through, and removed, by the verifier.
///
/// ```text
/// r0 = OPEN_LOG                 r0 = 0
/// call log                      r0 = 0
/// ```
pub const OPEN_LOG: u32 = 0x5dcc_0000;
