//! Both queues of a listener.

use ebpf_probes::Function;

/// Queue lengths and the limit of both, taken before the kernel changed them.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Queues {
    /// 1 if the rest was read.
    pub(crate) known: u32,
    /// `sk_ack_backlog`
    pub(crate) accept_len: u32,
    /// `sk_max_ack_backlog`
    pub(crate) accept_limit: u32,
    /// `qlen`
    pub(crate) syn_len: u32,
    /// `young`
    pub(crate) syn_young: u32,
    /// Which function refused: [`ebpf_probes::Function`].
    pub(crate) function: u32,
}

impl Queues {
    /// To be read when they are reported.
    pub(crate) const UNKNOWN: Self =
        Self { known: 0, accept_len: 0, accept_limit: 0, syn_len: 0, syn_young: 0, function: 0 };

    /// The function inside that refused a child for want of room, or else the given one.
    #[inline(always)]
    pub(crate) fn refused_in(&self, otherwise: Function) -> Function {
        match self.function {
            f if f == Function::TcpV4SynRecvSock as u32 => Function::TcpV4SynRecvSock,
            f if f == Function::TcpV6SynRecvSock as u32 => Function::TcpV6SynRecvSock,
            _ => otherwise,
        }
    }
}
