//! Hooks on what a SYN passes.

use aya_ebpf::programs::{ProbeContext, RetProbeContext};
use ebpf_probes::{Arg, Function, Milestone};

use super::{address, returned_true};
use crate::probes::conn_request;
use crate::probes::slot::{self, Outer};

entry!(v4_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V4ConnRequest,
    address(&ctx, Arg::V4ConnRequestSk),
    address(&ctx, Arg::V4ConnRequestSkb),
));
exit!(v4_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V4ConnRequest, Function::TcpV4ConnRequest));
entry!(v6_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V6ConnRequest,
    address(&ctx, Arg::V6ConnRequestSk),
    address(&ctx, Arg::V6ConnRequestSkb),
));
exit!(v6_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V6ConnRequest, Function::TcpV6ConnRequest));
entry!(conn_request, ctx => conn_request::enter(
    address(&ctx, Arg::ConnRequestSk),
    address(&ctx, Arg::ConnRequestSkb),
));
exit!(conn_request_exit, _ctx => conn_request::exit());

exit!(flood_action_exit, ctx => slot::pass(
    Outer::ConnRequest,
    if returned_true(&ctx) { Milestone::FloodCookie } else { Milestone::FloodRefused },
));
passed!(request_allocated, [ConnRequest], RequestAllocated);
exit!(peer_proven_exit, ctx => if !returned_true(&ctx) {
    slot::pass(Outer::ConnRequest, Milestone::PeerUnproven);
});
passed!(request_queued, [ConnRequest], RequestQueued);
exit!(request_queued_exit, ctx => {
    slot::pass(Outer::ConnRequest, Milestone::RequestQueued);
    if !returned_true(&ctx) {
        slot::pass(Outer::ConnRequest, Milestone::QueueRaceLost);
    }
});
passed!(synack_made, [ConnRequest], SynAckMade);
