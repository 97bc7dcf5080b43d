//! An ordinary user with CAP_BPF and CAP_PERFMON, and nothing else: what he may trace.

use std::panic::resume_unwind;
use std::thread;

use anyhow::{Context, Result, ensure};
use rustix::process::{Gid, Resource, Rlimit, Signal, Uid, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, configure_capability_in_ambient_set, set_capabilities,
    set_keep_capabilities, set_thread_res_gid, set_thread_res_uid,
};

use crate::case::Case;
use crate::flow::Family;
use crate::process::{Process, command};
use crate::report::Report;
use crate::scenario::Scenario;
use crate::scenarios::SYN_QUEUE_FULL;
use crate::setting::Setting;
use crate::skips::Series;
use crate::sysctl;

pub(crate) const NOBODY: u32 = 65534;
const DROPS: usize = 3;

pub(crate) fn cases() -> Vec<Case> {
    vec![Case::new("nobody::traces", traces)]
}

/// At this level Debian's kernels let only root hook kprobes, but nobody is kept from fentry.
fn traces() -> Result<()> {
    let mut setting = Setting::make(&Scenario { backlog: 4, ..SYN_QUEUE_FULL }, Family::V4)?;
    sysctl::set("kernel.perf_event_paranoid", 3)?;
    let start = || Process::start(command(&["trace", "--json"]));
    let mut process = with_two_capabilities(start)?;
    // tcp_v4_syn_recv_sock has got one parameter more than the fentry of these passes on.
    if (Series(5, 11)..Series(6, 6)).contains(&Series::running()?) {
        let ending = process.wait()?;
        ending.ensure_code(77)?;
        let told = ending.stderr.len() == 1 && ending.stderr[0].contains("perf_event_paranoid");
        ensure!(told, "{ending:?}");
        return Ok(());
    }
    process.await_ready()?;
    let rig = &mut setting.rig;
    let (held, _) = rig.syns_until_refused(rig.listener.capacity())?;
    rig.refused_syns(DROPS - 1, held)?;
    process.signal(Signal::INT)?;
    let ending = process.wait()?;
    ending.ensure_code(0)?;
    let report = Report::parse(&ending.stdout)?;
    let told: Vec<_> =
        report.drops.iter().map(|it| (it.reason.as_str(), it.evidence.as_str())).collect();
    ensure!(told == [("syn-queue-full", "observed"); DROPS], "{told:?}");
    report.summary.ensure_explained()
}

/// Does something as such a user.
pub(crate) fn with_two_capabilities<T: Send>(job: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    // Before 5.11 maps count as locked memory.
    setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None })?;
    let as_nobody = || {
        become_nobody(CapabilitySet::BPF | CapabilitySet::PERFMON)?;
        job()
    };
    match thread::scope(|scope| scope.spawn(as_nobody).join()) {
        Ok(done) => done,
        Err(panic) => resume_unwind(panic),
    }
}

/// Makes the calling thread, and what it starts, an ordinary user with these capabilities.
fn become_nobody(capabilities: CapabilitySet) -> Result<()> {
    set_keep_capabilities(true)?;
    let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
    set_thread_res_gid(group, group, group).context("failed to change the group")?;
    set_thread_res_uid(user, user, user).context("failed to change the user")?;
    let sets = CapabilitySets {
        effective: capabilities,
        permitted: capabilities,
        inheritable: capabilities,
    };
    set_capabilities(None, sets).context("failed to keep capabilities")?;
    for capability in capabilities.iter() {
        configure_capability_in_ambient_set(capability, true)
            .context("failed to hand a capability on")?;
    }
    Ok(())
}
