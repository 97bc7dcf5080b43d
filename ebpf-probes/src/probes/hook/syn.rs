//! Hooks on what a SYN passes.

use aya_ebpf::macros::map;
use ebpf_probes::{Function, Milestone};

use crate::probes::hook::Same;
use crate::probes::slot::{self, Outer};
use crate::probes::{conn_request, syn_recv_sock};

/// Calls that allocate a request, from the inside out.
const ALLOCATING: &[Outer] = &[Outer::CookieCheck, Outer::ConnRequest];
/// Calls that put a child into the accept queue, from the inside out.
const QUEUEING: &[Outer] = &[Outer::CheckReq, Outer::CookieCheck, Outer::ConnRequest];

/// `v4_conn_request_whole`.
#[map]
static V4_WHOLE: Same = Same::with_max_entries(1, 0);

entry!(v4_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V4ConnRequest,
    address!(ctx, V4ConnRequestSk),
    address!(ctx, V4ConnRequestSkb),
));
exit!(v4_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V4ConnRequest, Function::TcpV4ConnRequest));
entry!(v6_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V6ConnRequest,
    address!(ctx, V6ConnRequestSk),
    address!(ctx, V6ConnRequestSkb),
));
exit!(v6_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V6ConnRequest, Function::TcpV6ConnRequest));
entry!(subflow_v4_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V4ConnRequest,
    address!(ctx, SubflowV4Sk),
    address!(ctx, SubflowV4Skb),
));
exit!(subflow_v4_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V4ConnRequest, Function::SubflowV4ConnRequest));
entry!(subflow_v6_conn_request, ctx => conn_request::enter_wrapper(
    Outer::V6ConnRequest,
    address!(ctx, SubflowV6Sk),
    address!(ctx, SubflowV6Skb),
));
exit!(subflow_v6_conn_request_exit, _ctx =>
    conn_request::exit_wrapper(Outer::V6ConnRequest, Function::SubflowV6ConnRequest));
exit!(v4_conn_request_whole, ctx => conn_request::exit_any(
    address!(ctx, V4ConnRequestSk),
    address!(ctx, V4ConnRequestSkb),
));
exit!(v6_conn_request_whole, ctx => conn_request::exit_whole(
    Outer::V6ConnRequest,
    Function::TcpV6ConnRequest,
    address!(ctx, V6ConnRequestSk),
    address!(ctx, V6ConnRequestSkb),
));
exit!(v6_conn_request_same, ctx => conn_request::exit_same(
    Outer::V6ConnRequest,
    Function::TcpV6ConnRequest,
    address!(ctx, V6ConnRequestSkb),
    &ctx,
    &V4_WHOLE,
));
exit!(subflow_v4_conn_request_whole, ctx => conn_request::exit_whole(
    Outer::V4ConnRequest,
    Function::SubflowV4ConnRequest,
    address!(ctx, SubflowV4Sk),
    address!(ctx, SubflowV4Skb),
));
exit!(subflow_v4_conn_request_same, ctx => conn_request::exit_same(
    Outer::V4ConnRequest,
    Function::SubflowV4ConnRequest,
    address!(ctx, SubflowV4Skb),
    &ctx,
    &V4_WHOLE,
));
exit!(subflow_v6_conn_request_whole, ctx => conn_request::exit_whole(
    Outer::V6ConnRequest,
    Function::SubflowV6ConnRequest,
    address!(ctx, SubflowV6Sk),
    address!(ctx, SubflowV6Skb),
));
exit!(subflow_v6_conn_request_same, ctx => conn_request::exit_same(
    Outer::V6ConnRequest,
    Function::SubflowV6ConnRequest,
    address!(ctx, SubflowV6Skb),
    &ctx,
    &V4_WHOLE,
));
entry!(conn_request, ctx => conn_request::enter(
    address!(ctx, ConnRequestSk),
    address!(ctx, ConnRequestSkb),
));
exit!(conn_request_exit, _ctx => conn_request::exit());

exit!(flood_action_exit, ctx => slot::pass(
    Outer::ConnRequest,
    if returned_true!(ctx, FloodActionReturned) { Milestone::FloodCookie } else { Milestone::FloodRefused },
));
exit!(request_allocated_exit, ctx => {
    conn_request::allocated(address!(ctx, RequestAllocatedReturned).is_null());
});
exit!(lsm_asked_exit, ctx => {
    slot::pass(Outer::CookieCheck, Milestone::LsmAsked);
    if returned_error!(ctx, LsmAskedReturned) {
        slot::pass_innermost(ALLOCATING, Milestone::LsmDenied);
    }
});
exit!(route_v4_exit, ctx => if address!(ctx, RouteV4Returned).is_null() {
    slot::pass(Outer::ConnRequest, Milestone::NoRoute);
});
exit!(route_v6_exit, ctx => {
    // IPv6 gives a child its route before it makes it.
    syn_recv_sock::pass(Milestone::RouteAsked);
    if address!(ctx, RouteV6Returned).is_null() {
        slot::pass(Outer::ConnRequest, Milestone::NoRoute);
        syn_recv_sock::pass(Milestone::ChildNoRouteV6);
    }
});
exit!(mptcp_asked_exit, ctx => if returned_error!(ctx, MptcpAskedReturned) {
    slot::pass(Outer::ConnRequest, Milestone::MptcpRefused);
});
exit!(auth_options_exit, ctx => if returned_error!(ctx, AuthOptionsReturned) {
    slot::pass(Outer::ConnRequest, Milestone::AuthOptionBad);
});
exit!(peer_proven_exit, ctx => if !returned_true!(ctx, PeerProvenReturned) {
    slot::pass(Outer::ConnRequest, Milestone::PeerUnproven);
});
passed!(request_queued, [ConnRequest], RequestQueued);
exit!(request_queued_exit, ctx => {
    slot::pass(Outer::ConnRequest, Milestone::RequestQueued);
    if !returned_true!(ctx, RequestQueuedReturned) {
        slot::pass(Outer::ConnRequest, Milestone::QueueRaceLost);
    }
});
exit!(child_queued_exit, ctx => slot::pass_innermost(
    QUEUEING,
    if address!(ctx, ChildQueuedReturned).is_null() { Milestone::ChildQueueClosed } else { Milestone::ChildQueued },
));
passed!(synack_made, [ConnRequest], SynAckMade);
exit!(synack_v4_exit, ctx => if returned_error!(ctx, SynackV4Returned) {
    slot::pass(Outer::ConnRequest, Milestone::SynAckFailed);
});
exit!(synack_v6_exit, ctx => if returned_error!(ctx, SynackV6Returned) {
    slot::pass(Outer::ConnRequest, Milestone::SynAckFailed);
});
passed!(cookie_v4_made, [ConnRequest], CookieMade);
passed!(cookie_v6_made, [ConnRequest], CookieMade);
