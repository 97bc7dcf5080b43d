//! An ACK that carries a SYN cookie instead of having a request.

use super::Verdict;
use crate::facts::{Facts, Milestone};
use crate::reason::Stage;

/// A child was refused outside `tcp_check_req` and `tcp_conn_request`: the ACK carried a cookie.
#[inline]
#[must_use]
pub fn syn_recv_sock(facts: &Facts) -> Option<Verdict> {
    if facts.passed.has(Milestone::ChildRefused) {
        Some(Verdict::unattributed(Stage::CookieAck))
    } else {
        None
    }
}
