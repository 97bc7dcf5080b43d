//! Hooks on what the application behind a listener does: `accept()` and `listen()`.

use ebpf_probes::Arg;

use super::{address, value};
use crate::probes::{listen, waits};

entry!(wait_begun, ctx => waits::queued(
    address(&ctx, Arg::HashdanceSk),
    address(&ctx, Arg::HashdanceChild),
));
entry!(wait_begun_at_once, ctx => waits::queued(
    address(&ctx, Arg::QueueAddSk),
    address(&ctx, Arg::QueueAddChild),
));
entry!(wait_ended, ctx => waits::accepted(address(&ctx, Arg::GraftSk)));

entry!(listen_called, ctx => listen::called(value(&ctx, Arg::SysListenBacklog) as u32));
entry!(listen_socket_called, ctx =>
    listen::called(value(&ctx, Arg::SysListenSocketBacklog) as u32));
entry!(listen_entered, ctx => listen::entered(
    address(&ctx, Arg::InetListenSock),
    value(&ctx, Arg::InetListenBacklog) as u32,
));
entry!(listen_sk_entered, ctx => listen::begun(
    address(&ctx, Arg::InetListenSkSk),
    value(&ctx, Arg::InetListenSkBacklog) as u32,
));
