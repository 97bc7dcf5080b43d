//! Hooks on what the application behind a listener does: `accept()` and `listen()`.

use crate::probes::{listen, waits};

entry!(wait_begun, ctx => waits::queued(
    address!(ctx, HashdanceSk),
    address!(ctx, HashdanceChild),
));
entry!(wait_begun_at_once, ctx => waits::queued(
    address!(ctx, QueueAddSk),
    address!(ctx, QueueAddChild),
));
entry!(wait_ended, ctx => waits::accepted(address!(ctx, GraftSk)));

entry!(listen_called, ctx => listen::called(value!(ctx, SysListenBacklog) as u32));
entry!(listen_socket_called, ctx =>
    listen::called(value!(ctx, SysListenSocketBacklog) as u32));
entry!(listen_entered, ctx => listen::entered(
    address!(ctx, InetListenSock),
    value!(ctx, InetListenBacklog) as u32,
));
entry!(listen_sk_entered, ctx => listen::begun(
    address!(ctx, InetListenSkSk),
    value!(ctx, InetListenSkBacklog) as u32,
));
