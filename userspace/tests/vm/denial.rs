//! A security module that denies every connection request, as SELinux or a BPF module would: two
//! BPF instructions in the place of what `security_inet_conn_request` answers.

use anyhow::Result;

use crate::bpf::{Attached, exit, set};

const HOOK: &str = "security_inet_conn_request";
const EPERM: i32 = 1;

/// Requests are denied as long as this lives.
#[derive(Debug)]
pub(crate) struct Denial {
    _denial: Attached,
}

impl Denial {
    pub(crate) fn begin() -> Result<Self> {
        Ok(Self { _denial: Attached::in_place_of(HOOK, &[set(0, -EPERM), exit()])? })
    }
}
