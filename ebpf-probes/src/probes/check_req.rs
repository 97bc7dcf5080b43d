//! The handshake's last ACK meets its request: `tcp_check_req`.

use ebpf_probes::{Function, Milestone, check_req};

use super::read::{self, Address};
use super::slot::{self, Outer};
use super::{clients, output, packet};

/// `tcp_check_req` was entered. For a Fast Open child the connection exists already, and the call
/// may come from process context: such a call is not judged.
#[inline(always)]
pub(crate) fn enter(sk: Address, skb: Address, fastopen: bool, stolen: Address) {
    if fastopen {
        slot::ignore(Outer::CheckReq);
    } else if let Some(slot) = slot::open(Outer::CheckReq, sk, skb) {
        slot.stolen = stolen;
    }
}

/// It returned: the child, or the listener for an ACK of a wrong number, or NULL.
#[inline(always)]
pub(crate) fn exit(returned: Address) {
    let Some(slot) = slot::close(Outer::CheckReq) else { return };
    if !returned.is_null() && returned != slot.sk {
        clients::recovered(slot, Function::TcpCheckReq);
        return;
    }
    if read::at::<u8>(slot.stolen).is_some_and(|stolen| stolen != 0) {
        slot.facts.passed = slot.facts.passed.with(Milestone::RequestStolen);
    }
    if packet::is_reset(slot.skb) {
        slot.facts.passed = slot.facts.passed.with(Milestone::ResetReceived);
    }
    let function = match slot.queues.function {
        f if f == Function::TcpV4SynRecvSock as u32 => Function::TcpV4SynRecvSock,
        f if f == Function::TcpV6SynRecvSock as u32 => Function::TcpV6SynRecvSock,
        _ => Function::TcpCheckReq,
    };
    if let Some(verdict) = check_req(&slot.facts) {
        output::report(slot, &verdict, function);
    }
}
