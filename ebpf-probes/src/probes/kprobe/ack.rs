//! Hooks on what a packet for a request passes.

use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use ebpf_probes::{Arg, Function, Milestone};

use super::{address, arg, returned, returned_true};
use crate::probes::slot::{self, Outer};
use crate::probes::{check_req, syn_recv_sock};

entry!(check_req, ctx => check_req::enter(
    address(&ctx, Arg::CheckReqSk),
    address(&ctx, Arg::CheckReqSkb),
    arg(&ctx, Arg::CheckReqFastopen) as u8 != 0,
    address(&ctx, Arg::CheckReqStolen),
));
exit!(check_req_exit, ctx => check_req::exit(returned(&ctx)));

entry!(v4_syn_recv_sock, ctx => syn_recv_sock::enter(
    Outer::V4SynRecvSock,
    address(&ctx, Arg::V4SynRecvSk),
    address(&ctx, Arg::V4SynRecvSkb),
));
exit!(v4_syn_recv_sock_exit, ctx => syn_recv_sock::exit(
    Outer::V4SynRecvSock,
    Function::TcpV4SynRecvSock,
    returned(&ctx),
));
entry!(v6_syn_recv_sock, ctx => syn_recv_sock::enter(
    Outer::V6SynRecvSock,
    address(&ctx, Arg::V6SynRecvSk),
    address(&ctx, Arg::V6SynRecvSkb),
));
exit!(v6_syn_recv_sock_exit, ctx => syn_recv_sock::exit(
    Outer::V6SynRecvSock,
    Function::TcpV6SynRecvSock,
    returned(&ctx),
));

passed!(child_created, [V4SynRecvSock, V6SynRecvSock], ChildCreated);
passed!(route_asked, [V4SynRecvSock, V6SynRecvSock], RouteAsked);
exit!(request_dropped_exit, ctx => if returned_true(&ctx) {
    slot::pass(Outer::CheckReq, Milestone::RequestDropped);
});
passed!(synack_resent, [CheckReq], SynAckResent);
