//! Probes that were hit and not run, by the kernel's own counts.
//!
//! The kernel says them in the fdinfo of this process's descriptors: of a program, how often it
//! was skipped because another one ran on that CPU (`recursion_misses`, since Linux 5.12; kprobes
//! count there since 6.7, kernel/trace/bpf_trace.c, `trace_call_bpf`); of a link, how often the
//! hook itself was (`missed`: a hit within another hook's handler, or no room to remember the
//! return address), where the kernel shows it (`bpf_perf_link_fdinfo_kprobe`).

use std::fs;
use std::path::Path;

/// How many runs of all programs were skipped so far. Kernels that do not say count none.
pub(super) fn runs() -> u64 {
    runs_in(Path::new("/proc/self/fdinfo"))
}

fn runs_in(descriptors: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(descriptors) else { return 0 };
    entries.flatten().filter_map(|entry| misses(&fs::read_to_string(entry.path()).ok()?)).sum()
}

fn misses(fdinfo: &str) -> Option<u64> {
    let value = |line: &str| {
        let value = line.strip_prefix("recursion_misses:").or(line.strip_prefix("missed:"));
        value?.trim().parse().ok()
    };
    fdinfo.lines().find_map(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::fs;

    use super::{misses, runs_in};

    const PROGRAM: &str = "pos:\t0\nflags:\t02000002\nprog_type:\t2\nprog_id:\t7\nrun_cnt:\t0\n\
                           recursion_misses:\t12\nverified_insns:\t99\n";
    const LINK: &str = "pos:\t0\nlink_type:\tkretprobe\nlink_id:\t9\nprog_id:\t7\n\
                        name:\ttcp_check_req\noffset:\t0x0\nmissed:\t3\naddr:\t0x0\n";

    #[test]
    fn reads_what_the_kernel_prints() {
        assert_eq!((misses(PROGRAM), misses(LINK)), (Some(12), Some(3)));
        assert_eq!(misses("prog_type:\t2\nprog_id:\t7\n"), None);
        assert_eq!(misses("recursion_misses:\tmany\n"), None);
    }

    #[test]
    fn programs_and_links_add_up() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("3", PROGRAM), ("4", LINK), ("0", "pos:\t0\nflags:\t02\n")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        assert_eq!(runs_in(folder.path()), 15);
        assert_eq!(runs_in(&folder.path().join("none")), 0);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(recursion_misses:|missed:)?[\t0-9a-z:\n]{0,60}") {
            let _ = misses(&text);
        }
    }
}
