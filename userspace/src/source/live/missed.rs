//! Probes that were hit and not run, by the kernel's own count.
//!
//! The kernel runs no BPF program of a kprobe while another one runs on the same CPU, and none of
//! fentry while the same one does; it counts what it skipped per program: `recursion_misses` in the fdinfo of the program's descriptor,
//! since Linux 5.12; kprobes count there since 6.7 (kernel/trace/bpf_trace.c, `trace_call_bpf`).

use std::fs;
use std::os::fd::{AsFd, AsRawFd};

use aya::Ebpf;
use aya::programs::Program;

/// How many runs of all programs were skipped so far. Kernels that do not say count none.
pub(super) fn runs(ebpf: &Ebpf) -> u64 {
    ebpf.programs()
        .filter_map(|(_, program)| match program {
            Program::KProbe(probe) => probe.fd().ok(),
            Program::FEntry(probe) => probe.fd().ok(),
            Program::FExit(probe) => probe.fd().ok(),
            _ => None,
        })
        .filter_map(|fd| {
            let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
            misses(&fs::read_to_string(path).ok()?)
        })
        .sum()
}

fn misses(fdinfo: &str) -> Option<u64> {
    fdinfo.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::misses;

    #[test]
    fn reads_what_the_kernel_prints() {
        let new = "pos:\t0\nflags:\t02000002\nprog_type:\t2\nprog_id:\t7\nrun_cnt:\t0\n\
                   recursion_misses:\t12\nverified_insns:\t99\n";
        assert_eq!(misses(new), Some(12));
        assert_eq!(misses("prog_type:\t2\nprog_id:\t7\n"), None);
        assert_eq!(misses("recursion_misses:\tmany\n"), None);
    }
}
