//! Reads of kernel memory by instructions: the object's calls of `bpf_rdonly_cast` get the number
//! that this function has on the running kernel. aya resolves no functions of the kernel's.

use ebpf_probes::CAST;

/// An instruction takes eight bytes, and begins where eight divide.
const INSTRUCTION: usize = 8;

/// The operation of a call (Linux, include/uapi/linux/bpf.h: `BPF_JMP | BPF_CALL`).
const CALL: u8 = 0x85;

/// Its second byte where it calls a function of the kernel's (`BPF_PSEUDO_KFUNC_CALL`, in the half
/// that names the source register).
const OF_KERNEL: u8 = if cfg!(target_endian = "little") { 2 << 4 } else { 2 };

/// Makes all such calls in the object call the function with this number; says how many they were.
pub(crate) fn resolve(object: &mut [u8], function: u32) -> usize {
    let [a, b, c, d] = CAST.to_ne_bytes();
    let unresolved = [CALL, 0, 0, 0, a, b, c, d];
    let [a, b, c, d] = function.to_ne_bytes();
    let resolved = [CALL, OF_KERNEL, 0, 0, a, b, c, d];
    let (instructions, _) = object.as_chunks_mut::<INSTRUCTION>();
    let mut calls = 0;
    for instruction in instructions.iter_mut().filter(|bytes| **bytes == unresolved) {
        *instruction = resolved;
        calls += 1;
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::resolve;
    use crate::source::live::programs::OBJECT;

    #[test]
    fn each_call_is_resolved_once() {
        let mut object = OBJECT.to_vec();
        assert!(resolve(&mut object, 70_000) > 100);
        assert_eq!(resolve(&mut object, 70_000), 0);
        assert_eq!(object.len(), OBJECT.len());
    }
}
