//! The running kernel's own description of its types.
//!
//! A vmlinux has some 120,000 types and this room needs two dozen of them, so the file is gone
//! through once for wanted names, and only what has one is parsed, out of a mapping. Drop it
//! after resolution: it holds some megabytes.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt;

use btf_rs::{Btf, BtfType, Enum, Type};

use crate::exit::Exit;

mod layout;
mod names;
mod prototype;
mod reading;

pub use prototype::{Prototype, Returned};

/// Where the kernel shows its types, if it was built with them.
pub(super) const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// How deep types nest at most; what goes deeper is damaged.
const DEPTH: usize = 32;

/// Why there is no type information.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The kernel was built without.
    #[error(
        "failed to find the kernel's type information ({VMLINUX}): syndrop needs a kernel built with CONFIG_DEBUG_INFO_BTF=y, as all current distributions' are"
    )]
    Missing,
    /// It is there but cannot be read.
    #[error("failed to read the kernel's type information ({VMLINUX})")]
    Read(#[source] io::Error),
    /// It was read but is no BTF that we know.
    #[error(
        "failed to parse the kernel's type information: it is damaged, or of a newer format than this syndrop knows"
    )]
    Parse(#[source] btf_rs::Error),
}

impl BtfError {
    /// What it means for the exit status.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Read(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Exit::NotPermitted
            }
            Self::Missing | Self::Read(_) | Self::Parse(_) => Exit::Unsupported,
        }
    }
}

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// No struct or union of that name.
    #[error("the kernel has no struct {0}")]
    NoStruct(String),
    /// The struct has no such member.
    #[error("struct {structure} has no member {member}")]
    NoMember {
        /// The struct that was asked.
        structure: String,
        /// The member that is not in it.
        member: String,
    },
    /// The member is a bitfield, which has no byte of its own.
    #[error("{structure}.{member} is a bitfield")]
    Bitfield {
        /// The struct that was asked.
        structure: String,
        /// Its member.
        member: String,
    },
    /// Two types of the same name disagree.
    #[error("the kernel has several {0} that differ")]
    Ambiguous(String),
    /// No function of that name.
    #[error("the kernel has no function {0}")]
    NoFunction(String),
    /// The type information contradicts itself.
    #[error("the kernel's type information is damaged at {0}")]
    Damaged(String),
}

/// The types of one kernel that have a wanted name.
pub struct KernelBtf {
    btf: Btf,
    release: String,
    /// Each with its id.
    kept: HashMap<String, Vec<(u32, Type)>>,
    enums: Vec<Enum>,
}

impl KernelBtf {
    /// The running kernel's: the structs and functions of these names, and the enums that have
    /// enumerators of these names.
    ///
    /// # Errors
    /// If the kernel has no type information, or none that can be read.
    pub fn open(wanted: &[&str]) -> Result<Self, BtfError> {
        let (btf, ids) = reading::of_this_kernel(wanted)?;
        Self::keep(btf, super::release(), &ids)
    }

    /// The same from bytes, saying which release they are of.
    ///
    /// # Errors
    /// If the bytes are no BTF.
    pub fn from_bytes(bytes: &[u8], release: &str, wanted: &[&str]) -> Result<Self, BtfError> {
        let file = reading::memory(0).map_err(BtfError::Read)?;
        file.write_all_at(bytes, 0).map_err(BtfError::Read)?;
        let (btf, ids) = reading::copied(&file, wanted)?;
        Self::keep(btf, release.to_owned(), &ids)
    }

    fn keep(btf: Btf, release: String, ids: &[u32]) -> Result<Self, BtfError> {
        let mut kept: HashMap<String, Vec<(u32, Type)>> = HashMap::new();
        let mut enums = Vec::new();
        for &id in ids {
            let kind = btf.resolve_type_by_id(id).map_err(BtfError::Parse)?;
            match kind {
                Type::Enum(kind) => enums.push(kind),
                Type::Struct(_) | Type::Union(_) | Type::Func(_) => {
                    let Some(named) = kind.as_btf_type() else { continue };
                    let name = btf.resolve_name(named).map_err(BtfError::Parse)?;
                    kept.entry(name).or_default().push((id, kind));
                }
                _ => {}
            }
        }
        Ok(Self { btf, release, kept, enums })
    }

    /// The release of the kernel that these types are of.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The type behind a type, without the qualifiers and other names that lie between.
    fn chained(&self, kind: &dyn BtfType) -> Option<Type> {
        self.bare(kind.get_type_id()?)
    }

    fn bare(&self, id: u32) -> Option<Type> {
        let mut kind = self.btf.resolve_type_by_id(id).ok()?;
        for _ in 0..DEPTH {
            let behind = match &kind {
                Type::Typedef(named) => named.get_type_id(),
                Type::Const(same) | Type::Volatile(same) | Type::Restrict(same) => {
                    same.get_type_id()
                }
                Type::TypeTag(tagged) => tagged.get_type_id(),
                _ => return Some(kind),
            };
            kind = self.btf.resolve_type_by_id(behind?).ok()?;
        }
        None
    }

    /// The values of wanted enumerators, each `None` if no enum has it.
    pub fn enumerators<const N: usize>(&self, names: [&str; N]) -> [Option<u32>; N] {
        let mut values = [None; N];
        for value in self.enums.iter().flat_map(|kind| &kind.members) {
            let Ok(called) = self.btf.resolve_name(value) else { continue };
            if let Some(wanted) = names.iter().position(|name| *name == called) {
                values[wanted].get_or_insert(value.val());
                if values.iter().all(Option::is_some) {
                    break;
                }
            }
        }
        values
    }
}

#[cfg(test)]
pub(super) mod blob;
#[cfg(test)]
mod tests;
