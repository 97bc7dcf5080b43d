//! Whose listeners are shown: of a process, of processes of a name.
//!
//! The probes know no processes, so this filter alone is applied above them. A listener that
//! several processes hold is shown if any of them is wanted.

/// What a process that holds the listener must be. What is `None` asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnerFilter {
    /// Its pid.
    pub pid: Option<u32>,
    /// Its name, as in `/proc/PID/comm`.
    pub comm: Option<String>,
}

impl OwnerFilter {
    /// Whether every listener is shown, those of unknown owners included.
    pub const fn is_any(&self) -> bool {
        self.pid.is_none() && self.comm.is_none()
    }

    /// Whether this process is wanted. One that is not known is not, if anything is asked for.
    pub fn takes(&self, pid: Option<u32>, comm: Option<&str>) -> bool {
        self.pid.is_none_or(|wanted| pid == Some(wanted))
            && self.comm.as_deref().is_none_or(|wanted| comm == Some(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::OwnerFilter;

    #[test]
    fn one_process_must_be_all_that_is_asked_for() {
        let filter = |pid, comm: Option<&str>| OwnerFilter { pid, comm: comm.map(str::to_owned) };
        let any = filter(None, None);
        assert!(any.is_any() && any.takes(None, None));
        let both = filter(Some(7), Some("nginx"));
        assert!(both.takes(Some(7), Some("nginx")));
        assert!(!both.takes(Some(8), Some("nginx")) && !both.takes(Some(7), Some("nginx2")));
        assert!(!filter(Some(7), None).takes(None, Some("nginx")), "who is unknown is not wanted");
        assert!(!filter(None, Some("nginx")).takes(Some(7), None));
    }
}
