//! What stands before the listener's code.

use super::seen;
use crate::classify::before_listener;
use crate::facts::Facts;
use crate::facts::Milestone::*;
use crate::reason::{Reason, Stage};

#[test]
fn gates_before_the_listener() {
    let told = |facts: Facts, is_syn| {
        before_listener(&facts, is_syn).map(|verdict| (verdict.reason, verdict.stage))
    };
    assert_eq!(told(seen(&[], &[]), true), None);
    let rows = [
        (PolicyRefused, Reason::PreXfrmPolicy),
        (SignatureRefused, Reason::PreMd5Ao),
        (FilterRefused, Reason::PreSocketFilter),
    ];
    for (milestone, reason) in rows {
        assert_eq!(told(seen(&[milestone], &[]), true), Some((reason, Stage::Syn)));
        assert_eq!(told(seen(&[milestone], &[]), false), Some((reason, Stage::Ack)));
    }
}
