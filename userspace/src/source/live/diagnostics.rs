//! What the probes say about themselves, by way of aya-log: paths that they could not attribute.

use aya::Ebpf;
use aya_log::EbpfLogger;
use log::Log;

/// The probes' log.
pub(super) struct Diagnostics {
    log: EbpfLogger<&'static dyn Log>,
}

impl Diagnostics {
    /// Opens it; `None` if this object has none.
    pub(super) fn new(ebpf: &mut Ebpf) -> Option<Self> {
        EbpfLogger::init(ebpf).ok().map(|log| Self { log })
    }

    /// Hands what is there to the process's logger.
    pub(super) fn flush(&mut self) {
        self.log.flush();
    }
}
