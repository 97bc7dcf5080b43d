//! Whether programs can read the kernel's memory by instructions instead of by a helper.

use std::fs;

use super::btf::KernelBtf;

/// Says whether the kernel translates BPF programs (`CONFIG_BPF_JIT`): without that they cannot call
/// its functions. Not there on a kernel that always does.
const TRANSLATES: &str = "/proc/sys/net/core/bpf_jit_enable";

/// Declares any number to be the address of a struct (kernel/bpf/helpers.c, since 6.2).
const FUNCTION: &str = "bpf_rdonly_cast";

/// A struct that holds bytes only, all of which may be read in any width.
const STRUCTURE: &str = "in6_addr";

/// What is looked for among the kernel's types.
pub const NAMES: [&str; 2] = [FUNCTION, STRUCTURE];

/// What it takes: both by their numbers among the kernel's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direct {
    /// `bpf_rdonly_cast`.
    pub function: u32,
    /// The struct.
    pub structure: u32,
}

impl Direct {
    /// Those of the kernel of these types, if it has them.
    pub fn of(btf: &KernelBtf) -> Option<Self> {
        let function = btf.function(FUNCTION).ok()?.id?;
        Some(Self { function, structure: btf.structure(STRUCTURE)? })
    }

    /// What the running kernel has, if it allows this.
    pub fn of_this_kernel() -> Option<Self> {
        let btf = KernelBtf::open(&NAMES).ok()?;
        Self::is_possible().then(|| Self::of(&btf)).flatten()
    }

    /// Whether the running kernel has what such programs need besides.
    pub fn is_possible() -> bool {
        fs::read_to_string(TRANSLATES).map_or(true, |text| text.trim() != "0")
    }
}
