//! Which cases provoke which reason: what `cargo xtask test` makes its table of reasons by kernel
//! from. Here no kernel is needed, so it is asked before any guest is booted.

use std::env;

use anyhow::{Result, ensure};
use serde_json::json;
use syndrop::catalogue;

use crate::scenarios;

/// Asks for the list, on stdout, instead of the tests.
const ASKED: &str = "SYNDROP_VM_BRANCHES";

/// Reasons that have cases of their own, by what the names of these begin with.
const CASES: &[(&str, &str)] = &[
    ("pre-csum", "before-any-listener"),
    ("pre-timewait", "before-any-listener"),
    ("request-netns-exit", "request-netns-exit"),
    ("client-recovered", "clients::recovered/"),
    ("client-gone", "clients::gone"),
];

/// Reasons that no case provokes, and why.
const UNPROVOKED: &[(&str, &str)] = &[
    (
        "syn-auth-option-bad",
        "what kernels with TCP-AO refuse here, tcp_inbound_hash has refused before by the same test of \
         the same bytes, over IPv4 and IPv6, with keys and without, after TIME_WAIT too: it ends as \
         pre-md5-ao; other kernels do not test it",
    ),
    ("pre-psp", "no stock kernel is built with PSP"),
    ("unattributed", "every reason that was provoked has a name"),
];

/// Whether the list is asked for instead of the tests.
pub(crate) fn asked() -> bool {
    env::var_os(ASKED).is_some()
}

/// Writes the list: each reason in the catalogue's order, with the names of its cases, or how they
/// begin, or why there are none.
pub(crate) fn list() -> Result<()> {
    let mut branches = Vec::new();
    for entry in catalogue::all() {
        let id = entry.slug;
        let rows = scenarios::all().filter(|row| row.reason == id).map(|row| row.name);
        let own = CASES.iter().filter(|(reason, _)| *reason == id).map(|(_, name)| *name);
        let cases: Vec<&str> = rows.chain(own).collect();
        let why = UNPROVOKED.iter().find(|(reason, _)| *reason == id).map(|(_, why)| *why);
        ensure!(cases.is_empty() == why.is_some(), "{id}: cases {cases:?}, none because {why:?}");
        branches.push(json!({"reason": id, "cases": cases, "unprovoked": why}));
    }
    println!("{}", json!(branches));
    Ok(())
}
