//! Where a member lies in a struct: a walk along a path spelled as in C.

use btf_rs::{Member, Struct, Type};
use ebpf_probes::FieldSlot;

use super::{DEPTH, KernelBtf, LookupError};

/// How many members one look-up goes through at most; what has more is damaged.
const MEMBERS: usize = 1 << 16;

/// The types contradict themselves; the caller knows where.
struct Damaged;

impl KernelBtf {
    /// Where a member lies in a struct, and how wide it is. The path is spelled as in C, through
    /// nested structs by dots; anonymous members are passed through unnamed, as in C.
    ///
    /// # Errors
    /// If the kernel has no such member, or one that is no whole bytes.
    pub fn field(&self, structure: &str, path: &str) -> Result<FieldSlot, LookupError> {
        self.member(structure, path).map(|(slot, _)| slot)
    }

    /// The same for one element of an array: the offset of the first, the width of each.
    ///
    /// # Errors
    /// As [`Self::field`], and if the member is no array.
    pub fn element(&self, structure: &str, path: &str) -> Result<FieldSlot, LookupError> {
        let damaged = || LookupError::Damaged(format!("{structure}.{path}"));
        let (slot, kind) = self.member(structure, path)?;
        let Type::Array(array) = kind else { return Err(damaged()) };
        let size = self
            .chained(&array)
            .and_then(|element| self.size(&element, 0))
            .and_then(|size| u32::try_from(size).ok())
            .ok_or_else(damaged)?;
        Ok(FieldSlot { size, ..slot })
    }

    /// Whether the kernel has a struct of this name, and not only a pointer to one.
    pub fn has_struct(&self, structure: &str) -> bool {
        self.structure(structure).is_some()
    }

    /// The id of a struct among the kernel's types, of one if there are several.
    pub fn structure(&self, name: &str) -> Option<u32> {
        let named = self.kept.get(name).into_iter().flatten();
        named.filter(|(_, kind)| matches!(kind, Type::Struct(_))).map(|(id, _)| *id).next()
    }

    fn member(&self, structure: &str, path: &str) -> Result<(FieldSlot, Type), LookupError> {
        let mut found: Option<(FieldSlot, Type)> = None;
        let mut failed = None;
        for (_, kind) in self.kept.get(structure).into_iter().flatten() {
            let (Type::Struct(root) | Type::Union(root)) = kind else { continue };
            match (self.walk(structure, root, path), &found) {
                (Ok(this), Some(other)) if this.0 != other.0 => {
                    return Err(LookupError::Ambiguous(format!("{structure}.{path}")));
                }
                (Ok(this), _) => found = Some(this),
                (Err(error), _) => failed = Some(error),
            }
        }
        found.ok_or_else(|| failed.unwrap_or_else(|| LookupError::NoStruct(structure.to_owned())))
    }

    fn walk(
        &self,
        structure: &str,
        root: &Struct,
        path: &str,
    ) -> Result<(FieldSlot, Type), LookupError> {
        let place = || (structure.to_owned(), path.to_owned());
        let damaged = || LookupError::Damaged(format!("{structure}.{path}"));
        let mut budget = MEMBERS;
        let mut bits = 0_u64;
        let mut current = Some(root.clone());
        let mut kind = None;
        for name in path.split('.') {
            let inside = current.take().ok_or_else(|| {
                let (structure, member) = place();
                LookupError::NoMember { structure, member }
            })?;
            let (offset, member) = self
                .search(&inside, name, 0, &mut budget)
                .map_err(|Damaged| damaged())?
                .ok_or_else(|| {
                    let (structure, member) = place();
                    LookupError::NoMember { structure, member }
                })?;
            bits += offset;
            if member.bitfield_size().is_some_and(|size| size != 0) || !bits.is_multiple_of(8) {
                let (structure, member) = place();
                return Err(LookupError::Bitfield { structure, member });
            }
            let reached = self.chained(&member).ok_or_else(damaged)?;
            if let Type::Struct(next) | Type::Union(next) = &reached {
                current = Some(next.clone());
            }
            kind = Some(reached);
        }
        let kind = kind.ok_or_else(damaged)?;
        let size = self.size(&kind, 0).and_then(|size| u32::try_from(size).ok());
        let offset = u32::try_from(bits / 8).ok();
        match (offset, size) {
            (Some(offset), Some(size)) => Ok((FieldSlot { offset, size }, kind)),
            _ => Err(damaged()),
        }
    }

    /// A member by name, with its offset in bits, looking into anonymous members too.
    fn search(
        &self,
        inside: &Struct,
        name: &str,
        depth: usize,
        budget: &mut usize,
    ) -> Result<Option<(u64, Member)>, Damaged> {
        for member in &inside.members {
            *budget = budget.checked_sub(1).ok_or(Damaged)?;
            let called = self.btf.resolve_name(member).map_err(|_| Damaged)?;
            if called == name {
                return Ok(Some((member.bit_offset().into(), member.clone())));
            }
            if !called.is_empty() || depth == DEPTH {
                continue;
            }
            if let Some(Type::Struct(inner) | Type::Union(inner)) = self.chained(member)
                && let Some((offset, found)) = self.search(&inner, name, depth + 1, budget)?
            {
                return Ok(Some((u64::from(member.bit_offset()) + offset, found)));
            }
        }
        Ok(None)
    }

    /// Its width in bytes; pointers are those of a 64-bit kernel.
    fn size(&self, kind: &Type, depth: usize) -> Option<u64> {
        let size = match kind {
            Type::Int(int) => int.size(),
            Type::Ptr(_) => size_of::<u64>(),
            Type::Struct(members) | Type::Union(members) => members.size(),
            Type::Enum(values) => values.size(),
            Type::Enum64(values) => values.size(),
            Type::Array(array) if depth < DEPTH => {
                let each = self.size(&self.chained(array)?, depth + 1)?;
                return each.checked_mul(u64::try_from(array.len()).ok()?);
            }
            _ => return None,
        };
        u64::try_from(size).ok()
    }
}
