//! The numbers that the running kernel gives its own drop reasons (`enum skb_drop_reason`,
//! include/net/dropreason-core.h, 5.17 and later).

use super::KernelBtf;

/// What the kernel's enumerators begin with.
pub const PREFIX: &str = "SKB_DROP_REASON_";

/// Those of some names; there are none if the kernel has no such reasons, or no type information
/// that can be read.
pub struct DropReasons {
    names: Vec<String>,
    numbers: Vec<Option<u32>>,
}

impl DropReasons {
    /// The running kernel's numbers of these names, which come without their prefix.
    pub fn of_this_kernel<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let names: Vec<String> = names.map(|name| format!("{PREFIX}{name}")).collect();
        let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
        let numbers = match KernelBtf::open(&wanted) {
            Ok(btf) => wanted.iter().map(|name| btf.enumerators([name])[0]).collect(),
            Err(_) => Vec::new(),
        };
        Self { names, numbers }
    }

    /// The number of one.
    pub fn number(&self, name: &str) -> Option<u32> {
        let mut known = self.names.iter().zip(&self.numbers);
        known.find(|(known, _)| known.strip_prefix(PREFIX) == Some(name))?.1.as_ref().copied()
    }
}
