//! Probes, from the hook down to the ring buffer.

mod accept;
mod before;
mod check_req;
mod clients;
mod conn_request;
mod cookie_check;
mod counters;
mod detail;
mod ends;
mod hook;
mod iter;
mod listen;
mod listener;
mod output;
mod packet;
mod queues;
mod read;
mod recent;
mod request;
mod ring;
mod shared;
mod slot;
mod syn_recv_sock;
mod totals;
mod waits;
