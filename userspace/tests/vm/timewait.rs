//! SYNs of clients whose last connection is still in `TIME_WAIT` at the server.
//!
//! The kernel means to spare them the test of the SYN queue. Up to 6.9 that does not work; from
//! 6.10 to 6.19 such a SYN that is thrown away on the way leaves the favour to the next one on its
//! CPU, whoever sent it, unless the build has that mended (6.12.107 had not, 6.12.117 has). Nobody
//! could tell from queue lengths who is refused.

use anyhow::{Context, Result, ensure};

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::netns::Home;
use crate::netstat::Netstat;
use crate::provoke;
use crate::rig::Rig;
use crate::scenario::Scenario;
use crate::scenarios::SYN_QUEUE_FULL;
use crate::segment::Segment;
use crate::setting::{self, Setting};
use crate::skips::Series;
use crate::sockopt;
use crate::trace::{Trace, Vantage};

const CPU: u32 = 1;
/// Where clients' sequence numbers start.
const ISN: u32 = 1000;
/// Newer than anything of the old connection.
const LATER: u32 = 100_000;
const RETURNING: usize = 3;

pub(crate) fn cases() -> Vec<Case> {
    let case = |family| Case::new(format!("returning-clients::{family}"), move || play(family));
    [Family::V4, Family::V6].map(case).into()
}

fn play(family: Family) -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(&Scenario { backlog: 4, ..SYN_QUEUE_FULL }, family)?;
    setting::pin(CPU)?;
    let rig = &mut setting.rig;
    let mut returning = Vec::new();
    for _ in 0..=RETURNING {
        returning.push(provoke::leave_in_timewait(rig)?);
    }
    let lost = returning.pop().context("nobody returns")?;
    let before = Netstat::read()?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;

    // Not earlier: half-open requests of a full queue begin to expire after 3 s, and a trace may
    // take longer to start.
    let (_, first) = rig.syns_until_refused(rig.listener.capacity())?;
    let mut refused = vec![first.flow];
    for (flow, seq) in returning {
        if !answered(rig, &flow, seq.wrapping_add(LATER))? {
            refused.push(flow);
        }
    }
    let spared = 1 + RETURNING - refused.len();
    let all_or_none = if Series::running()? >= Series(6, 10) { RETURNING } else { 0 };
    ensure!(spared == all_or_none, "{spared} of {RETURNING} were spared, not {all_or_none}");
    let (flow, seq) = lost;
    sockopt::filter(rig.listener.socket(), 0)?;
    ensure!(!answered(rig, &flow, seq.wrapping_add(LATER))?, "the filter let a SYN through");
    sockopt::unfilter(rig.listener.socket())?;
    let newcomer = rig.newcomer();
    if !answered(rig, &newcomer, ISN)? {
        refused.push(newcomer);
    }
    eprintln!("{spared} spared; of the next after a lost one, {} refused", refused.len());

    let moved = Netstat::read()?.moved_since(&before);
    let report = trace.stop()?;
    let peers: Vec<_> = report.drops.iter().map(|event| event.peer).collect();
    let expected: Vec<_> = refused.iter().map(|flow| flow.client.into()).collect();
    ensure!(peers == expected, "events of {peers:?}, not of {expected:?}");
    for event in &report.drops {
        let right = (event.reason.as_str(), event.evidence.as_str());
        ensure!(right == ("syn-queue-full", "observed"), "misnamed: {event:?}");
    }
    let kernel = report.summary.kernel(setting.netns);
    ensure!(kernel == moved, "the kernel's counters are {kernel:?}, not {moved:?}");
    report.summary.ensure_explained()
}

/// Whether a SYN is answered by a SYN-ACK.
fn answered(rig: &mut Rig, flow: &Flow, seq: u32) -> Result<bool> {
    rig.peer.send(flow, Segment { syn: true, seq, ..Segment::default() })?;
    Ok(rig.peer.answers(flow)?.iter().any(Segment::is_synack))
}
