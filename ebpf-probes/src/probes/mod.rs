//! Probes, from the hook down to the ring buffer.

mod check_req;
mod conn_request;
mod counters;
mod iter;
mod kprobe;
mod listener;
mod output;
mod packet;
mod read;
mod slot;
mod syn_recv_sock;
