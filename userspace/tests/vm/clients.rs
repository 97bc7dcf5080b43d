//! Clients that try again: each attempt has its number, and it is said what became of them.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::case::Case;
use crate::flow::{Family, Flow};
use crate::netns::{self, Home};
use crate::netstat::{Counters, Netstat};
use crate::provoke;
use crate::report::{Notice, Report};
use crate::scenario::Scenario;
use crate::scenarios::{ACCEPT_QUEUE_FULL_ACK_RST, ACCEPT_QUEUE_FULL_SYN};
use crate::setting::Setting;
use crate::trace::{Trace, Vantage};
use crate::verdict;

/// A client that was refused once is taken for gone after 3 s.
const GONE: Duration = Duration::from_secs(4);

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for &family in Family::ALL {
        cases.push(Case::new(format!("clients::attempts/{family}"), move || attempts(family)));
        cases.push(Case::new(format!("clients::recovered/{family}"), move || recovered(family)));
    }
    cases.push(Case::new("clients::recovered-by-cookie", recovered_by_cookie));
    cases.push(Case::new("clients::gone", gone));
    cases.push(Case::new("clients::gone-alone", gone_alone));
    cases.push(Case::new("clients::gone-by-reset", gone_by_reset));
    cases.push(Case::new("clients::gone-perhaps", gone_perhaps));
    cases.push(Case::new("clients::unasked", unasked));
    cases
}

/// A stage and a trace of it.
struct Watched {
    setting: Setting,
    trace: Trace,
    before: Netstat,
}

impl Watched {
    fn start(row: &Scenario, family: Family, arguments: &[&str]) -> Result<Self> {
        let home = Home::here()?;
        let setting = Setting::make(row, family)?;
        let trace = Trace::start(Vantage::Host(&home), arguments)?;
        Ok(Self { setting, trace, before: Netstat::read()? })
    }

    /// A SYN that the kernel does not answer.
    fn refused(&mut self, flow: &Flow) -> Result<()> {
        let rig = &mut self.setting.rig;
        rig.peer.syn(flow)?;
        let answers = rig.peer.answers(flow)?;
        ensure!(answers.is_empty(), "{flow:?} should not have been answered: {answers:?}");
        Ok(())
    }

    /// The report, which must explain whatever the kernel counted.
    fn end(self) -> Result<Report> {
        let moved = Netstat::read()?.moved_since(&self.before);
        let report = self.trace.stop()?;
        verdict::complete(&report)?;
        let counted = |(name, _): &(&String, &u64)| verdict::RECONCILED.contains(&name.as_str());
        let moved: Counters = moved.iter().filter(counted).map(|(k, v)| (k.clone(), *v)).collect();
        let kernel = report.summary.kernel(netns::inode()?);
        ensure!(kernel == moved, "the kernel's counters are {moved:?}, not {kernel:?}");
        report.summary.ensure_explained()?;
        Ok(report)
    }
}

fn ensure_attempts(report: &Report, expected: &[(Flow, u32)]) -> Result<()> {
    let told = report.drops.iter().map(|event| (event.peer, event.attempt));
    let expected = expected.iter().map(|(flow, attempt)| (flow.client.into(), Some(*attempt)));
    let (told, expected): (Vec<_>, Vec<_>) = (told.collect(), expected.collect());
    ensure!(told == expected, "attempts are {told:?}, not {expected:?}");
    Ok(())
}

fn ensure_notices(report: &Report, expected: &[(&str, u64)]) -> Result<()> {
    let expected: BTreeMap<_, _> = expected.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect();
    let told = &report.summary.notices;
    ensure!(*told == expected, "notices are {told:?}, not {expected:?}");
    let mut lines = BTreeMap::new();
    for notice in &report.notices {
        *lines.entry(notice.event.reason.clone()).or_default() += 1;
    }
    ensure!(lines == expected, "notices have the lines {lines:?}, not {expected:?}");
    Ok(())
}

fn of<'a>(report: &'a Report, reason: &str, flow: &Flow) -> Result<&'a Notice> {
    let peer = flow.client.into();
    let found = report.notices.iter().find(|it| it.event.reason == reason && it.event.peer == peer);
    found.with_context(|| format!("no {reason} of {flow:?}: {:?}", report.notices))
}

/// Three SYNs of one client, one of another in between: 1, 1, 2, 3.
fn attempts(family: Family) -> Result<()> {
    let mut watched = Watched::start(&ACCEPT_QUEUE_FULL_SYN, family, &[])?;
    let rig = &mut watched.setting.rig;
    rig.fill_accept_queue()?;
    let (one, other) = (rig.newcomer(), rig.newcomer());
    for flow in [one, other, one, one] {
        watched.refused(&flow)?;
    }
    let report = watched.end()?;
    ensure_attempts(&report, &[(one, 1), (other, 1), (one, 2), (one, 3)])?;
    ensure_notices(&report, &[])?;
    let summary = &report.summary;
    ensure!((summary.total(), summary.connections) == (4, 2), "{summary:?}");
    Ok(())
}

/// Clients whose last ACK was refused get in once the server accepts.
fn recovered(family: Family) -> Result<()> {
    let arguments = &["--notices", "client-recovered"];
    let mut watched = Watched::start(&ACCEPT_QUEUE_FULL_SYN, family, arguments)?;
    let provoked = provoke::accept_queue_full_ack(&mut watched.setting.rig, 5)?;
    let report = watched.end()?;
    let flows: Vec<_> = provoked.refused.iter().map(|refused| refused.flow).collect();
    let expected: Vec<_> = flows.iter().copied().zip([1, 1, 2, 2, 3]).collect();
    ensure_attempts(&report, &expected)?;
    ensure_notices(&report, &[("client-recovered", 2)])?;
    ensure!(report.summary.total() == 5, "a notice was counted as a drop: {:?}", report.summary);
    for (flow, attempts) in [(flows[0], 3), (flows[1], 2)] {
        let notice = of(&report, "client-recovered", &flow)?;
        ensure!(notice.attempts == Some(attempts), "{notice:?}");
        let first = report.drops.iter().find(|event| event.peer == flow.client.into());
        let first = first.context("no drop")?.boot_ns;
        let took = Duration::from_nanos(notice.event.boot_ns - first).as_secs_f64();
        // The kernel repeats its SYN-ACK a second after the first one at the soonest.
        let after = notice.after_s.context("no time")?;
        ensure!((after - took).abs() < 0.001 && after > 0.1, "{after} s, not {took}: {notice:?}");
        ensure!(notice.event.evidence == "observed" && notice.event.attempt.is_none());
        ensure!(notice.event.listener.inode == watched_inode(&report)?, "another listener");
    }
    Ok(())
}

/// A cookie is good for a while: the same ACK gets its client in once there is room.
fn recovered_by_cookie() -> Result<()> {
    let row = &Scenario { sysctls: &[("tcp_syncookies", 2)], ..ACCEPT_QUEUE_FULL_SYN };
    let mut watched = Watched::start(row, Family::V4, &["--notices", "client-recovered"])?;
    let rig = &mut watched.setting.rig;
    let opened = rig.open(1)?;
    rig.fill_accept_queue()?;
    let (flow, synack) = opened[0];
    rig.peer.ack(&flow, synack)?;
    rig.peer.ack(&flow, synack)?;
    ensure!(rig.peer.answers(&flow)?.is_empty(), "it was answered");
    rig.listener.accept()?;
    rig.peer.ack(&flow, synack)?;
    rig.peer.settle()?;
    let report = watched.end()?;
    ensure_attempts(&report, &[(flow, 1), (flow, 2)])?;
    ensure_notices(&report, &[("client-recovered", 1)])?;
    let notice = of(&report, "client-recovered", &flow)?;
    ensure!(notice.attempts == Some(2), "{notice:?}");
    Ok(())
}

fn watched_inode(report: &Report) -> Result<Option<u64>> {
    Ok(report.drops.first().context("no drop")?.listener.inode)
}

/// One client never comes again, another one gets in, by SYNs.
fn gone() -> Result<()> {
    let arguments = &["--notices", "client-gone,client-recovered"];
    let mut watched = Watched::start(&ACCEPT_QUEUE_FULL_SYN, Family::V4, arguments)?;
    let rig = &mut watched.setting.rig;
    rig.fill_accept_queue()?;
    let (lost, saved) = (rig.newcomer(), rig.newcomer());
    for flow in [lost, saved, saved] {
        watched.refused(&flow)?;
    }
    let rig = &mut watched.setting.rig;
    rig.listener.accept()?;
    rig.peer.handshake(&saved)?;
    rig.peer.settle()?;
    sleep(GONE);
    // As many as were finished after one was accepted.
    ensure!(rig.listener.accept_all()? == rig.listener.capacity() as usize, "not all got in");
    let report = watched.end()?;
    ensure_attempts(&report, &[(lost, 1), (saved, 1), (saved, 2)])?;
    ensure_notices(&report, &[("client-gone", 1), ("client-recovered", 1)])?;
    let notice = of(&report, "client-gone", &lost)?;
    ensure!((notice.attempts, notice.after_s) == (Some(1), Some(0.0)), "{notice:?}");
    ensure!(notice.event.evidence == "inferred", "{notice:?}");
    let waited = notice.event.boot_ns - report.drops[0].boot_ns;
    ensure!(waited == 3_000_000_000, "it was taken for gone after {waited} ns");
    let notice = of(&report, "client-recovered", &saved)?;
    ensure!(notice.attempts == Some(2), "{notice:?}");
    Ok(())
}

/// Who asks for nothing else is told the same, though the drops themselves are hidden.
fn gone_alone() -> Result<()> {
    let arguments = &["--reason", "client-gone", "--stage", "syn"];
    let mut watched = Watched::start(&ACCEPT_QUEUE_FULL_SYN, Family::V6, arguments)?;
    let rig = &mut watched.setting.rig;
    rig.fill_accept_queue()?;
    let (lost, saved) = (rig.newcomer(), rig.newcomer());
    for flow in [lost, saved] {
        watched.refused(&flow)?;
    }
    let rig = &mut watched.setting.rig;
    rig.listener.accept()?;
    rig.peer.handshake(&saved)?;
    rig.peer.settle()?;
    sleep(GONE);
    let report = watched.end()?;
    ensure!(report.drops.is_empty() && report.summary.total() == 0, "{report:?}");
    ensure_notices(&report, &[("client-gone", 1)])?;
    of(&report, "client-gone", &lost)?;
    Ok(())
}

/// With `tcp_abort_on_overflow` there is nothing to wait for.
fn gone_by_reset() -> Result<()> {
    let row = &ACCEPT_QUEUE_FULL_ACK_RST;
    let mut watched = Watched::start(row, Family::V4, &["--notices", "client-gone"])?;
    let provoked = watched.setting.provoke(row)?;
    let report = watched.end()?;
    ensure_notices(&report, &[("client-gone", provoked.refused.len() as u64)])?;
    for refused in &provoked.refused {
        let notice = of(&report, "client-gone", &refused.flow)?;
        ensure!(notice.event.evidence == "observed", "{notice:?}");
    }
    Ok(())
}

/// Of what was sampled out nobody knows whose it was, so no client of that listener is taken for gone.
fn gone_perhaps() -> Result<()> {
    let arguments = &["--notices", "client-gone", "--detail", "1/s"];
    let mut watched = Watched::start(&ACCEPT_QUEUE_FULL_SYN, Family::V4, arguments)?;
    let rig = &mut watched.setting.rig;
    rig.fill_accept_queue()?;
    let told = rig.newcomer();
    for flow in [told, rig.newcomer(), rig.newcomer()] {
        rig.peer.syn(&flow)?;
    }
    rig.peer.settle()?;
    sleep(GONE);
    let report = watched.trace.stop()?;
    ensure_attempts(&report, &[(told, 1)])?;
    ensure_notices(&report, &[])?;
    let summary = &report.summary;
    let bounds = (summary.total(), summary.sampled_out, summary.unfollowed_clients);
    ensure!(bounds == (3, 2, 1), "drops, sampled out, not followed: {bounds:?}");
    ensure!(!summary.clients_exact, "{summary:?}");
    Ok(())
}

/// Notices are off by default, and whoever got in starts from one again.
fn unasked() -> Result<()> {
    let mut watched = Watched::start(&ACCEPT_QUEUE_FULL_SYN, Family::V4, &[])?;
    let rig = &mut watched.setting.rig;
    rig.fill_accept_queue()?;
    let flow = rig.newcomer();
    watched.refused(&flow)?;
    watched.refused(&flow)?;
    let rig = &mut watched.setting.rig;
    let (room, _) = rig.listener.accept()?;
    rig.peer.handshake(&flow)?;
    rig.peer.rst(&flow)?;
    rig.peer.settle()?;
    drop(room);
    watched.refused(&flow)?;
    let report = watched.end()?;
    ensure_attempts(&report, &[(flow, 1), (flow, 2), (flow, 1)])?;
    ensure_notices(&report, &[])
}
