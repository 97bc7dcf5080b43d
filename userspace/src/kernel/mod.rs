//! What this kernel is and can do.
//!
//! Everything that differs between kernels is asked of the running one, here, before anything is
//! loaded: where its fields lie and which functions can be watched ([`Plan`], from its own type
//! information), what these rights allow ([`Rights`]), and what its counters say ([`Baseline`]).
//! No version number decides anything; it only appears in messages.

pub mod ahead;
pub mod attach;
pub mod btf;
pub mod counters;
pub mod diagnosis;
pub mod direct;
pub mod drop_reasons;
pub mod fields;
pub mod hooks;
pub mod layout;
pub mod namespaces;
pub mod netlink;
pub mod plan;
pub mod precision;
pub mod rights;
pub mod syn_queue;

pub use ahead::Ahead;
pub use attach::{Attach, Choice, Means};
pub use btf::KernelBtf;
pub use counters::TcpExt;
pub use diagnosis::Diagnosis;
pub use direct::Direct;
pub use drop_reasons::DropReasons;
pub use layout::Layout;
pub use namespaces::{Baseline, Namespaces};
pub use plan::{GoesOn, MissingHook, Plan, PlanError, PlannedProbe};
pub use rights::{Gap, Rights};

/// The release of the running kernel, as `uname -r` prints it.
pub fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}
