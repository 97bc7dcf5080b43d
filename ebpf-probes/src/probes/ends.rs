//! Who talks to whom.

use ebpf_probes::Between;

/// The two ends of a packet.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Ends {
    /// 1 once they were looked for.
    pub(crate) sought: u32,
    /// [`ebpf_probes::Unknown`]: what could not be read.
    pub(crate) unknown: u32,
    /// As in [`ebpf_probes::DropRecord`].
    pub(crate) peer: [u8; 16],
    /// The packet's local address.
    pub(crate) local: [u8; 16],
    /// Its port.
    pub(crate) peer_port: u16,
    /// The local port.
    pub(crate) local_port: u16,
    /// 4 or 6.
    pub(crate) family: u32,
}

impl Ends {
    /// Not looked for.
    pub(crate) const NONE: Self = Self {
        sought: 0,
        unknown: 0,
        peer: [0; 16],
        local: [0; 16],
        peer_port: 0,
        local_port: 0,
        family: 0,
    };

    /// As the filter looks at them.
    #[inline(always)]
    pub(crate) fn between(&self, netns: u32) -> Between<'_> {
        let &Self { family, ref local, local_port, ref peer, .. } = self;
        Between { family, netns, local, local_port, peer }
    }
}
