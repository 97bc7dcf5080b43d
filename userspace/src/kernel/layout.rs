//! Where things lie on this kernel: what is written into the programs' instructions, and from which
//! their configuration follows.

use ebpf_probes::{ABSENT, Arg, Field, FieldSlot};

use super::direct::Direct;

/// Where things lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Each [`Field`], or [`ABSENT`].
    pub fields: [FieldSlot; Field::COUNT],
    /// Which 64-bit word of the probe's context holds each [`Arg`], from 0.
    pub args: [Option<u8>; Arg::COUNT],
    /// What programs call to read the kernel's memory by instructions, if they can.
    pub direct: Option<Direct>,
}

impl Layout {
    /// Nothing resolved.
    pub const UNRESOLVED: Self =
        Self { fields: [ABSENT; Field::COUNT], args: [None; Arg::COUNT], direct: None };

    /// Where a field lies, or [`ABSENT`].
    pub const fn field(&self, field: Field) -> FieldSlot {
        self.fields[field as usize]
    }

    /// Whether any planned program takes a value.
    pub const fn takes(&self, arg: Arg) -> bool {
        self.args[arg as usize].is_some()
    }
}
