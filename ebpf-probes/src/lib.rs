//! What crosses the border between the probes in the kernel and the tool above it.
//!
//! The package has two faces. This library is the contract, compiled into both sides and free of
//! dependencies. The binary beside it is what runs in the kernel.
//!
//! How the contract may change: ids ([`Reason`], [`Stage`], [`Evidence`], [`Function`],
//! [`Milestone`]) are append-only; wire structs may be reordered freely, because the object and
//! the tool that loads it are always built together.

#![cfg_attr(target_arch = "bpf", no_std)]

mod application;
mod arg;
mod classify;
mod config;
mod counter;
mod facts;
mod field;
mod filter;
mod listener_record;
mod nature;
mod open;
mod reason;
mod record;
mod told;

pub use application::{
    ASKED_MAX, ListenerKey, QUEUED_MAX, Untimed, WAIT_BUCKETS, WAITS_MAX, WaitCount, WaitKey,
    wait_bound, wait_bucket,
};
pub use arg::Arg;
pub use classify::{
    Verdict, before_listener, check_req, check_req_child, conn_request, conn_request_wrapper,
    cookie_check, is_told_by_way, request_error, request_removed, request_timer,
    request_timer_ended, syn_recv_sock,
};
pub use config::{Config, NOWHERE};
pub use counter::{Counter, Counters};
pub use facts::{Facts, Milestone, Milestones};
pub use field::{ABSENT, Field, FieldSlot};
pub use filter::{Between, Filter, MAX_PORTS};
pub use listener_record::ListenerRecord;
pub use open::{OPEN_ARG, OPEN_FIELD, OPEN_LACKS, OPEN_LOG, OPEN_PLACE, OPEN_READ, READ_MAX};
pub use reason::{Evidence, Function, Reason, Stage, UnknownId};
pub use record::{
    BATCH_ROWS, BATCHES_MAX, CLIENT_FORGOTTEN_NS, CLIENTS_MAX, ClientCount, ClientKey, DropRecord,
    LOSS_COUNT, Loss, OVERFLOW_MAX, PAGE_ROWS, PAGES_MAX, RATE_NS, RATES_MAX, Rate, RateKey,
    TOTALS_MAX, TotalCounts, TotalKey, TotalPage, Unknown, WAKE_NS, pages,
};
pub use told::Told;
