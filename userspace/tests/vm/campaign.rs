//! All scenarios in one trace: each on a stage of its own, a network namespace, so that what
//! syndrop says can be taken apart again.
//!
//! To put probes in place and to take them away takes longer than most scenarios. And in the end
//! everything together has to add up: every counter explained, nothing that has no name.
//!
//! It runs twice: as a user would start syndrop, and with everything asked for; on one kernel of
//! the matrix also with the kind of probe that `auto` does not choose there. All of it happens in a
//! process of its own, once, when the first row is asked about.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::case::{self, Case};
use crate::netns::Home;
use crate::report::{Probe, Report};
use crate::scenario::Scenario;
use crate::scenarios;
use crate::setting::{Played, Setting};
use crate::skips::{self, Series};
use crate::trace::{self, ATTACH, Trace, Vantage};
use crate::verdict;

const NAME: &str = "campaign";
/// Functions of more than six parameters, which fentry does not pass on before Linux 6.6. Some have
/// so many since a point release only.
const WIDE: &[&str] = &[
    "__inet_lookup_listener",
    "inet6_lookup_listener",
    "tcp_inbound_md5_hash",
    "tcp_v4_send_synack",
    "tcp_v4_syn_recv_sock",
    "tcp_v6_send_synack",
    "tcp_v6_syn_recv_sock",
];
/// What must not be interrupted while it is watched, which only a kprobe makes sure of.
const INTERRUPTIBLE: &str = "security_sock_graft";
/// The rows to play, by name, for the process that plays them.
const ROWS: &str = "SYNDROP_VM_ROWS";
/// Only a guard: it would take the other cases with it.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// Begins a line about a row; the rest is its name and what is wrong, as JSON.
const MARK: &str = "row: ";
/// How syndrop is started in each run.
const RUNS: &[(&str, &[&str])] = &[
    ("as-usual", &[]),
    ("asked-for-everything", &["--notices", "--before-listener"]),
    ("by-kprobes", &["--attach", "kprobe"]),
];
/// The runs to make, by name, for the process that makes them.
const CHOSEN: &str = "SYNDROP_VM_RUNS";

/// What became of each row; one that is missing is fine.
type Outcomes = BTreeMap<String, String>;

static OUTCOMES: OnceLock<Result<Outcomes, String>> = OnceLock::new();

/// A trial per row, and one for the whole.
pub(crate) fn trials(arguments: &Arguments) -> Vec<Trial> {
    let whole = RUNS.iter().any(|(run, _)| is_chosen(arguments, &format!("{NAME}::{run}")));
    let chosen = |row: &&Scenario| whole || is_chosen(arguments, row.name);
    let chosen: Vec<_> = scenarios::all().filter(chosen).collect();
    if chosen.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = chosen.iter().map(|row| row.name).collect();
    let names = names.join(",");
    let skipped =
        |run: &str| arguments.skip.iter().any(|skip| format!("{NAME}::{run}").contains(skip));
    let runs: Vec<&str> = RUNS.iter().map(|(run, _)| *run).filter(|run| !skipped(run)).collect();
    let runs = runs.join(",");
    let mut trials = Vec::new();
    for row in chosen {
        let (names, runs) = (names.clone(), runs.clone());
        let judge =
            move || attend(row, &names, &runs).map_err(|error| Failed::from(format!("{error:#}")));
        trials.push(Trial::ignorable_test(row.name, judge));
    }
    for (run, _) in RUNS {
        let (names, runs) = (names.clone(), runs.clone());
        let whole =
            move || outcome(run, &names, &runs).map_err(|error| Failed::from(format!("{error:#}")));
        trials.push(Trial::test(format!("{NAME}::{run}"), whole));
    }
    trials
}

/// The case that plays the rows, for a process of its own.
pub(crate) fn case() -> Case {
    Case::new(NAME, || {
        let names = env::var(ROWS).context(ROWS)?;
        let chosen: BTreeSet<&str> = names.split(',').collect();
        let rows: Vec<_> = scenarios::all().filter(|row| chosen.contains(row.name)).collect();
        // A listener that closes takes its half-open requests along, later: that would be the
        // business of the next run.
        let asks = |run: &(&str, &'static [&str])| run.1;
        let everything: BTreeSet<&str> = RUNS.iter().flat_map(asks).copied().collect();
        for row in &rows {
            let unheard = row.asks.iter().find(|ask| !everything.contains(**ask));
            ensure!(unheard.is_none(), "{} is in no run: {unheard:?}", row.name);
        }
        let mut kept = Vec::new();
        let runs = env::var(CHOSEN).context(CHOSEN)?;
        for (run, asked) in RUNS.iter().filter(|(run, _)| runs.split(',').any(|it| it == *run)) {
            let shown = |row: &&&Scenario| row.asks.iter().all(|ask| asked.contains(ask));
            let rows: Vec<&Scenario> = rows.iter().filter(shown).copied().collect();
            kept.push(perform(run, asked, &rows).with_context(|| format!("run {run}"))?);
        }
        Ok(())
    })
}

fn is_chosen(arguments: &Arguments, name: &str) -> bool {
    let matches = |filter: &String| {
        if arguments.exact { name == filter } else { name.contains(filter.as_str()) }
    };
    arguments.filter.as_ref().is_none_or(matches) && !arguments.skip.iter().any(matches)
}

fn attend(row: &Scenario, names: &str, runs: &str) -> Result<Completion> {
    if let Some(missing) = row.need.map(|need| need()).transpose()?.flatten() {
        skips::audit(row.name, &missing)?;
        return Ok(Completion::ignored_with(missing));
    }
    outcome(row.name, names, runs)?;
    Ok(Completion::Completed)
}

/// What became of a row or a whole run; all are played when the first is asked about.
fn outcome(name: &str, names: &str, runs: &str) -> Result<()> {
    let outcomes = OUTCOMES.get_or_init(|| {
        let said = case::in_own_process(NAME, &[(ROWS, names), (CHOSEN, runs)], PATIENCE);
        said.and_then(|said| read(&said)).map_err(|error| format!("{error:#}"))
    });
    match outcomes {
        Err(error) => bail!("the campaign failed: {error}"),
        Ok(outcomes) => match outcomes.get(name) {
            Some(wrong) => Err(anyhow!("{wrong}")),
            None => Ok(()),
        },
    }
}

/// Plays some rows in one run, by the kind of probe that syndrop chooses, and fails if anything is
/// wrong with any of them.
pub(crate) fn play(run: &str, names: &[&str]) -> Result<()> {
    let known = |name: &&&str| scenarios::all().any(|row| row.name == **name);
    ensure!(names.iter().filter(known).count() == names.len(), "unknown rows among {names:?}");
    let names = names.join(",");
    let environment = [(ROWS, names.as_str()), (CHOSEN, run), (ATTACH, "auto")];
    let said = case::in_own_process(NAME, &environment, PATIENCE)?;
    let wrong = read(&said)?;
    ensure!(wrong.is_empty(), "{wrong:?}");
    Ok(())
}

fn read(said: &str) -> Result<Outcomes> {
    let mut outcomes = Outcomes::new();
    for line in said.lines().filter_map(|line| line.strip_prefix(MARK)) {
        let (name, wrong): (String, String) =
            serde_json::from_str(line).with_context(|| format!("failed to read {line:?}"))?;
        let all: &mut String = outcomes.entry(name).or_default();
        *all = format!("{all}{wrong}\n");
    }
    Ok(outcomes)
}

fn tell(run: &str, name: &str, error: &anyhow::Error) -> Result<()> {
    let wrong = format!("{run}: {error:#}");
    println!("{MARK}{}", serde_json::to_string(&(name, wrong))?);
    Ok(())
}

/// Plays the rows one after the other, as on a host where containers come one by one; returns the
/// stages, which are still there.
fn perform(run: &str, asked: &[&str], rows: &[&Scenario]) -> Result<Vec<Setting>> {
    let home = Home::here()?;
    let trace = Trace::start(Vantage::Host(&home), asked)?;
    let (mut scenes, mut spoilt) = (Vec::new(), Vec::new());
    for &row in rows {
        if row.need.map(|need| need()).transpose()?.flatten().is_some() {
            continue;
        }
        for &family in row.families {
            let mut setting = Setting::make(row, family)?;
            match setting.play(row).with_context(|| format!("with {family} clients")) {
                Ok(played) => scenes.push((row, setting, played)),
                Err(error) => {
                    tell(run, row.name, &error)?;
                    // Its counters must stay in reach.
                    spoilt.push(setting);
                }
            }
        }
    }
    let report = trace.stop()?;
    kinds(asked, &report)?;
    for (row, setting, played) in &scenes {
        if let Err(error) = verdict::scene(row, setting, played, &report) {
            tell(run, row.name, &error)?;
        }
    }
    if let Err(error) = whole(&scenes, &report) {
        tell(run, run, &error)?;
    }
    Ok(spoilt.into_iter().chain(scenes.into_iter().map(|(_, setting, _)| setting)).collect())
}

/// Probes are of the kind that was asked for, or of the cheapest that the kernel has.
fn kinds(asked: &[&str], report: &Report) -> Result<()> {
    let wanted = asked.contains(&"kprobe") || trace::wanted(asked).as_deref() == Some("kprobe");
    let by_kprobes = wanted || skips::is_realtime();
    let is_old = Series::running()? < Series(6, 6);
    let is_wrong = |probe: &&Probe| {
        let kind = match probe.target.as_str() {
            target if by_kprobes || target == INTERRUPTIBLE => "kprobe",
            target if is_old && WIDE.contains(&target) => return false,
            _ => "fentry",
        };
        probe.attached && probe.attach.as_deref() != Some(kind)
    };
    let wrong: Vec<_> = report.header.probes.iter().filter(is_wrong).collect();
    ensure!(wrong.is_empty(), "of the other kind: {wrong:?}");
    Ok(())
}

/// Everything together adds up.
fn whole(scenes: &[(&Scenario, Setting, Played)], report: &Report) -> Result<()> {
    verdict::header(report).context("the header is wrong")?;
    verdict::complete(report)?;
    let summary = &report.summary;
    let mut drops: BTreeMap<String, u64> = BTreeMap::new();
    let mut clients = BTreeSet::new();
    for (row, _, played) in scenes.iter().filter(|(row, ..)| !row.is_notice()) {
        let refused = &played.provoked.refused;
        *drops.entry(row.reason.to_owned()).or_default() += u64::try_from(refused.len())?;
        clients.extend(refused.iter().map(|refused| refused.flow.client.ip()));
    }
    ensure!(summary.drops == drops, "drops are {:?}, not {drops:?}", summary.drops);
    ensure!(summary.clients == u64::try_from(clients.len())?, "clients are not {}", clients.len());
    summary.ensure_explained()
}
