//! What a kernel function takes and returns.

use btf_rs::{BtfType, Type};

use super::{KernelBtf, LookupError};

/// What a function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Nothing.
    Void,
    /// A `bool`, of which only the lowest byte of the register is defined.
    Bool,
    /// Any other integer, or an enum.
    Integer,
    /// A pointer.
    Pointer,
    /// Anything else.
    Other,
}

/// A function's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prototype {
    /// Its id among the kernel's types, if it is the only one of its name.
    pub id: Option<u32>,
    /// The id of the type that all functions with its signature have in common.
    pub type_id: Option<u32>,
    /// The names of its parameters, in order.
    pub parameters: Vec<String>,
    /// Whether it takes or returns a struct by value.
    pub by_value: bool,
    /// What it returns.
    pub returned: Returned,
}

impl Prototype {
    fn is_as(&self, other: &Self) -> bool {
        self.parameters == other.parameters && self.returned == other.returned
    }
}

impl KernelBtf {
    /// A function's signature.
    ///
    /// # Errors
    /// If the kernel has no such function, or several that differ.
    pub fn function(&self, name: &str) -> Result<Prototype, LookupError> {
        let mut found: Option<Prototype> = None;
        for (id, kind) in self.kept.get(name).into_iter().flatten() {
            let Type::Func(function) = kind else { continue };
            let mut this =
                self.prototype(function).ok_or_else(|| LookupError::Damaged(name.to_owned()))?;
            if found.as_ref().is_some_and(|other| !other.is_as(&this)) {
                return Err(LookupError::Ambiguous(name.to_owned()));
            }
            this.id = found.is_none().then_some(*id);
            found = Some(this);
        }
        found.ok_or_else(|| LookupError::NoFunction(name.to_owned()))
    }

    fn prototype(&self, function: &dyn BtfType) -> Option<Prototype> {
        let Type::FuncProto(prototype) = self.chained(function)? else { return None };
        let parameters = prototype
            .parameters
            .iter()
            .map(|parameter| self.btf.resolve_name(parameter).ok())
            .collect::<Option<_>>()?;
        let kinds: Vec<Type> = prototype
            .parameters
            .iter()
            .map(|parameter| self.chained(parameter))
            .collect::<Option<_>>()?;
        let returned = match self.bare(prototype.return_type_id())? {
            Type::Void => Returned::Void,
            Type::Int(int) if int.is_bool() => Returned::Bool,
            Type::Int(_) | Type::Enum(_) | Type::Enum64(_) => Returned::Integer,
            Type::Ptr(_) => Returned::Pointer,
            _ => Returned::Other,
        };
        let by_value = returned == Returned::Other
            || kinds.iter().any(|kind| matches!(kind, Type::Struct(_) | Type::Union(_)));
        let type_id = function.get_type_id();
        Some(Prototype { id: None, type_id, parameters, by_value, returned })
    }
}
