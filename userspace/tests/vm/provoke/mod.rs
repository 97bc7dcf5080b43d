//! How each drop is provoked: what clients and server do until the kernel refuses packets.
//!
//! Every function here is told how many packets are to be refused, makes sure that the clients
//! saw what the reason promises them, and says which packets they were.

mod ack;
mod before;
mod child;
mod cookie;
mod famine;
mod fastopen;
mod mptcp;
mod other;
mod packet;
mod race;
mod request;
mod syn;

use anyhow::Result;

use crate::rig::{Refused, Rig};

pub(crate) use ack::{accept_queue_full_ack, accept_queue_full_ack_rst};
pub(crate) use before::{
    bad_signatures, few_hops, filtered_acks, filtered_syns, garbled_syns, leave_in_timewait,
    syn_fin, syns_to_timewait, unprotected_syns, unsigned_syns,
};
pub(crate) use child::{
    no_memory, no_memory_and_reset, no_memory_for_cookies, no_memory_for_keys, route_lost,
    route_lost_for_cookies, route_lost_for_good, route_lost_for_synacks,
};
pub(crate) use cookie::{
    accept_queue_full_cookie_ack, accept_queue_full_cookie_syn, cookies_of_other_options,
    cookies_sent, denied_cookies, forged_cookies, stray_acks,
};
pub(crate) use famine::{cookie_acks_in_famine, migrating_ack_in_famine};
pub(crate) use fastopen::{tfo_child, tfo_no_memory, tfo_queue_full};
pub(crate) use mptcp::{joining_cookies, unknown_token};
pub(crate) use other::{denied, mapped_source, no_route, not_unicast};
pub(crate) use packet::{
    client_reset, deferred, far_reset, near_reset, no_flags, other_syn, out_of_window, paws,
    syn_again, too_soon, tsecr, wrong_number, wrong_number_among_cookies,
};
pub(crate) use race::{
    ack_and_close, ack_and_stop, cookie_and_stop, same_ack_reset_twice, same_ack_twice,
    same_cookie_twice, same_syn_twice, syn_and_close, tfo_syn_and_stop,
};
pub(crate) use request::{
    accepted, child_not_accepted, destroyed, expired, icmp_error, listener_closed, listener_gone,
    migrated, packet_for_the_gone, synack_repeated, synack_unsendable,
};
pub(crate) use syn::{accept_queue_full_syn, syn_backlog_reserved, syn_queue_full};

/// What a provocation led to.
#[derive(Debug, Default)]
pub(crate) struct Provoked {
    pub(crate) refused: Vec<Refused>,
    /// How far counters moved by packets that were not refused.
    pub(crate) besides: Vec<(&'static str, u64)>,
}

impl From<Vec<Refused>> for Provoked {
    fn from(refused: Vec<Refused>) -> Self {
        Self { refused, besides: Vec::new() }
    }
}

/// Makes the kernel refuse the given number of packets.
pub(crate) type Provoke = fn(&mut Rig, usize) -> Result<Provoked>;
