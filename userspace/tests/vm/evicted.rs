//! Half-open requests that end with their network namespace.
//!
//! A request keeps its listener, and a listener keeps its namespace; only those of the kernel's own
//! do not. RDS over TCP has such a one in every namespace, once its module is loaded.

use std::collections::BTreeSet;
use std::fs::File;
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::system::{delete_module, finit_module};

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::netns::{self, Home};
use crate::peer::Peer;
use crate::trace::{Trace, Vantage};

/// In the order in which they are loaded.
const MODULES: [&str; 2] = ["rds", "rds_tcp"];
/// `RDS_TCP_PORT` (net/rds/tcp.h)
const PORT: u16 = 16385;
/// A request whose timer finds the listener closed, just before the namespace is gone, ends for
/// that; not all of them do.
const NAMESPACES: u16 = 5;
/// The first timer fires after one second, the second after three.
const LIFETIME: Duration = Duration::from_secs(4);

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("request-netns-exit", play)]
}

fn play() -> Result<()> {
    let _rds = Rds::load()?;
    let home = Home::here()?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    let mut opened = BTreeSet::new();
    for n in 1..=NAMESPACES {
        let flow = match thread::scope(|scope| scope.spawn(|| open(n)).join()) {
            Ok(flow) => flow?,
            Err(panic) => resume_unwind(panic),
        };
        opened.insert(flow);
    }
    thread::sleep(LIFETIME);
    let report = trace.stop()?;

    let mut evicted = 0;
    for event in &report.drops {
        let flow = opened.iter().find(|flow| event.peer == flow.client.into());
        let flow = *flow.with_context(|| format!("nothing like this was opened: {event:?}"))?;
        opened.remove(&flow);
        ensure!(event.local == flow.server.into(), "{event:?}");
        let told = (event.stage.as_str(), event.evidence.as_str(), event.outcome.as_deref());
        ensure!(told == ("request", "observed", Some("silent")), "{event:?}");
        match (event.reason.as_str(), event.function.as_str()) {
            ("request-netns-exit", "inet_twsk_purge") => evicted += 1,
            ("request-listener-gone", "reqsk_timer_handler") => {}
            _ => panic!("misnamed: {event:?}"),
        }
    }
    ensure!(opened.is_empty(), "nothing was told of {opened:?}");
    ensure!(evicted > 0, "all {NAMESPACES} ended for another reason: {:?}", report.drops);
    eprintln!("{evicted} of {NAMESPACES} ended with their namespace");
    // Of the counters of a namespace that is gone nothing is known, and these drops move none.
    let unexplained = report.summary.drops.get("unattributed").copied().unwrap_or_default();
    ensure!(unexplained == 0, "{:?}", report.summary);
    Ok(())
}

/// A request in a namespace that nobody is in any more when this returns.
fn open(n: u16) -> Result<Flow> {
    netns::enter_fleeting()?;
    let mut peer = Peer::new(0)?;
    let flow = peer.flow(Family::V4, n, PORT);
    peer.open(&flow).context("RDS should have answered a SYN")?;
    Ok(flow)
}

/// RDS, as long as this lives.
struct Rds;

impl Rds {
    fn load() -> Result<Self> {
        for name in MODULES {
            let path = format!("/lib/modules/{name}.ko");
            let file = File::open(&path).with_context(|| format!("failed to open {path}"))?;
            finit_module(&file, c"", 0).with_context(|| format!("failed to load {path}"))?;
        }
        Ok(Self)
    }
}

impl Drop for Rds {
    fn drop(&mut self) {
        for name in [c"rds_tcp", c"rds"] {
            if let Err(error) = delete_module(name, libc::O_NONBLOCK) {
                eprintln!("failed to unload {name:?}: {error}");
            }
        }
    }
}
