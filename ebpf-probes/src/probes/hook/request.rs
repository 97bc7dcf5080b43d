//! Hooks on what a request passes without a packet of its client.

use ebpf_probes::Milestone;

use crate::probes::slot::{self, Outer};
use crate::probes::{accept, recent, request};

entry!(request_timer, ctx => request::enter_timer(address!(ctx, RequestTimerTimer)));
exit!(request_timer_exit, _ctx => request::exit_timer());
exit!(request_migrated_exit, _ctx => request::migrated());
passed!(request_timed_out, [RequestTimer], TimedOut);
exit!(synack_repeated_exit, ctx => request::synack_resent(returned_error!(ctx, SynackRepeatedReturned)));
exit!(request_cloned_exit, ctx => request::cloned(address!(ctx, RequestClonedReturned)));
exit!(request_moved_exit, ctx => request::moved(address!(ctx, RequestMovedReturned)));

entry!(request_error, ctx => request::enter_error(
    address!(ctx, RequestErrorSk),
    value!(ctx, RequestErrorSeq) as u32,
    value!(ctx, RequestErrorAbort) as u8 != 0,
));
entry!(request_removal_and_put, ctx => request::enter_removal_and_put(
    address!(ctx, RemovalAndPutSk),
    address!(ctx, RemovalAndPutReq),
));
entry!(request_destroyed, ctx => request::destroyed(address!(ctx, AbortSk)));

entry!(child_forgotten, ctx => request::forgotten(
    address!(ctx, ChildForgetSk),
    address!(ctx, ChildForgetReq),
    address!(ctx, ChildForgetChild),
));
entry!(accept_entered, ctx => accept::entered(address!(ctx, AcceptSk)));
entry!(accepted, ctx => accept::accepted(address!(ctx, GraftSk)));
entry!(listener_ended, _ctx => recent::ended());
