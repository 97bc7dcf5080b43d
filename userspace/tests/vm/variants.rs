//! The same drops under other circumstances: where syndrop stands, when the namespace came to be,
//! what was counted before, what the machine hides.

use anyhow::{Context, Result, ensure};

use crate::bystander::Bystander;
use crate::case::Case;
use crate::flow::Family;
use crate::netns::Home;
use crate::scenario::Scenario;
use crate::scenarios::{ACCEPT_QUEUE_FULL_ACK, ACCEPT_QUEUE_FULL_SYN, SYN_QUEUE_FULL};
use crate::setting::Setting;
use crate::sysctl::Changed;
use crate::trace::{Trace, Vantage};
use crate::verdict;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::new("inside-the-namespace::syn", || inside(&ACCEPT_QUEUE_FULL_SYN, Family::V4)),
        Case::new("inside-the-namespace::ack", || inside(&ACCEPT_QUEUE_FULL_ACK, Family::V6)),
        Case::new("namespace-born-while-tracing", newborn),
        Case::new("drops-before-the-trace-are-not-its", earlier),
        Case::new("two-namespaces-apart", apart),
        Case::new("kernel-pointers-hidden", pointers_hidden),
    ]
}

/// As inside a container, where the initial namespace is not the own one.
fn inside(row: &Scenario, family: Family) -> Result<()> {
    let mut setting = Setting::make(row, family)?;
    let trace = Trace::start(Vantage::Inside, &[])?;
    let played = setting.play(row)?;
    verdict::judge(row, &setting, &played, &trace.stop()?)
}

/// A container starts after syndrop did.
fn newborn() -> Result<()> {
    let home = Home::here()?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    let mut setting = Setting::make(&ACCEPT_QUEUE_FULL_SYN, Family::V4)?;
    let played = setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    verdict::judge(&ACCEPT_QUEUE_FULL_SYN, &setting, &played, &trace.stop()?)
}

/// Counters do not start at zero on a machine that has been up for a while.
fn earlier() -> Result<()> {
    let home = Home::here()?;
    let mut setting = Setting::make(&ACCEPT_QUEUE_FULL_SYN, Family::V4)?;
    let before = setting.provoke(&ACCEPT_QUEUE_FULL_SYN)?;
    ensure!(setting.rig.listener.accept_all()? == 9, "the accept queue should have held 9");
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    let played = setting.play(&ACCEPT_QUEUE_FULL_SYN)?;
    ensure!(before.refused.len() == played.provoked.refused.len(), "nothing was dropped before");
    verdict::judge(&ACCEPT_QUEUE_FULL_SYN, &setting, &played, &trace.stop()?)
}

/// Drops of two namespaces in one run are reconciled each with its own counters.
fn apart() -> Result<()> {
    let home = Home::here()?;
    let mut bystander = Bystander::start()?;
    let mut setting = Setting::make(&SYN_QUEUE_FULL, Family::V6)?;
    let trace = Trace::start(Vantage::Host(&home), &[])?;
    let played = setting.play(&SYN_QUEUE_FULL)?;
    let elsewhere = bystander.play()?;
    let report = trace.stop()?;
    bystander.leave()?;

    verdict::counters(&SYN_QUEUE_FULL, &played)?;
    verdict::complete(&report)?;
    let places = [(setting.netns, &played.moved), (elsewhere.netns, &elsewhere.moved)];
    for (netns, moved) in places {
        let events = report.drops.iter().filter(|event| event.listener.netns == netns).count();
        ensure!(events == 7, "{events} events in namespace {netns}: {:?}", report.drops);
        let kernel = report.summary.kernel(netns);
        ensure!(kernel == *moved, "{kernel:?} of namespace {netns} is not {moved:?}");
    }
    ensure!(report.drops.len() == 14, "{} events", report.drops.len());
    report.summary.ensure_explained()
}

/// Neither symbol addresses nor the knob of perf decide what root may see.
fn pointers_hidden() -> Result<()> {
    let home = Home::here()?;
    let _pointers = Changed::new("kernel.kptr_restrict", 2)?;
    let _events = Changed::new("kernel.perf_event_paranoid", 3)?;
    for row in [&ACCEPT_QUEUE_FULL_SYN, &ACCEPT_QUEUE_FULL_ACK] {
        let mut setting = Setting::make(row, Family::V4)?;
        let trace = Trace::start(Vantage::Host(&home), &[])?;
        let played = setting.play(row)?;
        verdict::judge(row, &setting, &played, &trace.stop()?).context(row.name)?;
    }
    Ok(())
}
