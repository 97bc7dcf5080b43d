//! Hooks on what a packet for a request passes.

use ebpf_probes::{Function, Milestone};

use crate::probes::slot::{self, Outer};
use crate::probes::{check_req, request, syn_recv_sock};

entry!(check_req, ctx => check_req::enter(
    address!(ctx, CheckReqSk),
    address!(ctx, CheckReqSkb),
    address!(ctx, CheckReqReq),
    value!(ctx, CheckReqFastopen) as u8 != 0,
    pointer!(ctx, CheckReqStolen),
));
exit!(check_req_exit, ctx => check_req::exit(address!(ctx, CheckReqReturned)));

entry!(v4_syn_recv_sock, ctx => syn_recv_sock::enter(
    Outer::V4SynRecvSock,
    address!(ctx, V4SynRecvSk),
    address!(ctx, V4SynRecvSkb),
));
exit!(v4_syn_recv_sock_exit, ctx => syn_recv_sock::exit(
    Outer::V4SynRecvSock,
    Function::TcpV4SynRecvSock,
    address!(ctx, V4SynRecvSockReturned),
));
entry!(v6_syn_recv_sock, ctx => syn_recv_sock::enter(
    Outer::V6SynRecvSock,
    address!(ctx, V6SynRecvSk),
    address!(ctx, V6SynRecvSkb),
));
exit!(v6_syn_recv_sock_exit, ctx => syn_recv_sock::exit(
    Outer::V6SynRecvSock,
    Function::TcpV6SynRecvSock,
    address!(ctx, V6SynRecvSockReturned),
));

exit!(v4_syn_recv_sock_whole, ctx => syn_recv_sock::exit_whole(
    Function::TcpV4SynRecvSock,
    address!(ctx, V4SynRecvSockReturned),
));
exit!(v6_syn_recv_sock_whole, ctx => syn_recv_sock::exit_whole(
    Function::TcpV6SynRecvSock,
    address!(ctx, V6SynRecvSockReturned),
));

entry!(child_created, _ctx => syn_recv_sock::pass(Milestone::ChildCreated));
entry!(child_thrown_away, ctx => syn_recv_sock::thrown_away(address!(ctx, ForcedCloseSk)));
exit!(md5_keys_copied_exit, ctx => if returned_error!(ctx, Md5KeysCopiedReturned) {
    syn_recv_sock::pass(Milestone::ChildKeyFailed);
});

exit!(request_dropped_exit, ctx => {
    request::removal_ended(returned_true!(ctx, RequestDroppedReturned), true);
});
exit!(request_dropped_whole, ctx => request::removal_ended(
    returned_true!(ctx, RequestDroppedReturned),
    value!(ctx, RequestDroppedFromTimer) as u8 != 0,
));
passed!(synack_resent, [CheckReq, RequestTimer], SynAckResent);
exit!(rate_limited_exit, ctx => check_req::out_of_place(returned_true!(ctx, RateLimitedReturned)));
entry!(ack_v4_sent, _ctx => check_req::answered());
entry!(ack_v6_sent, _ctx => check_req::answered());
passed!(challenge_sent, [CheckReq], ChallengeSent);
