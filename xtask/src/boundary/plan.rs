//! What a guest is to do, written by the host into the guest's archive.

use serde::{Deserialize, Serialize};

/// Where the plan lies in the guest.
pub const PATH: &str = "/etc/guest/plan.json";

/// The name of the virtio port that carries reports and orders.
pub const PORT: &str = "syndrop.boundary";

/// Files that the command leaves here travel to the host when it has ended.
pub const OUT_DIR: &str = "/out";

/// The serial line of an interactive guest; the kernel's console is the line before it.
pub const TERMINAL: &str = "/dev/ttyS1";

/// Everything that PID 1 has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The command and its arguments, looked up in the guest's `PATH`.
    pub argv: Vec<String>,
    /// Environment variables beyond the guest's own (`PATH`, `HOME`).
    pub env: Vec<(String, String)>,
    /// Kernel modules in the order of loading, as paths in the guest.
    pub modules: Vec<String>,
    /// Rows and columns of the person's terminal: the command is interactive and gets the second
    /// serial line as its terminal, so nothing of its output is reported.
    pub terminal: Option<(u16, u16)>,
}
