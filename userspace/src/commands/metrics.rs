//! `syndrop metrics`: the running kernel's totals and listeners, for Prometheus.

use std::collections::HashSet;
use std::fs;
use std::future::{Future, pending};
use std::io::{self, stderr};
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::output::OutputError;
use super::{runtime, stop, wanted};
use crate::cli;
use crate::cost::Cost;
use crate::decode::Listener;
use crate::enrich::{Census, Enricher, OwnedListener};
use crate::exit::{Exit, Failure};
use crate::filter::{Notices, OwnerFilter, concerns};
use crate::kernel::Ahead;
use crate::kernel::hooks::Asked;
use crate::listeners::{Place, Surveyor};
use crate::metrics::{Gatherer, Scrape};
use crate::render::{self, Exposition};
use crate::source::live::{Live, object_sha256};
use crate::source::{Occasion, Settings, Source, live};

mod server;

use server::{Ask, Server};

/// Questions of scrapers that may wait; more are told to come again.
const WAITING: usize = 4;
/// To find out who holds what takes a walk through every process.
const OWNERS_FRESH: Duration = Duration::from_secs(30);

pub(super) fn run(arguments: &cli::Metrics, types: Ahead) -> Result<Exit, Failure> {
    let wanted = wanted(&arguments.filter, Notices::None)?;
    let filter = wanted.compile()?;
    let before_listener = arguments.filter.before_listener(arguments.before_listener, &[]);
    let asked = Asked { notices: filter.notices, before_listener, ..Asked::default() };
    // Totals say all that is wanted.
    let (stats, verbose) = (arguments.stats, arguments.verbose);
    let settings = Settings { detail: 0, asked, stats, verbose, ..Settings::of(filter) };
    if arguments.verbose {
        render::diagnostics_to_stderr();
    }
    let stop = stop::watch()?;
    runtime()?.block_on(async {
        // An address that is taken is no reason to trouble the kernel.
        let server = match arguments.output {
            None => Some(Server::bind(arguments.listen).await?),
            Some(_) => None,
        };
        let source = live::open(&settings, types);
        let source = source.map_err(|error| Failure::new(error.exit(), error))?;
        let place = wanted.netns.map_or(Place::All, Place::One);
        let gatherer = Gatherer::new(arguments.max_listeners.try_into().unwrap_or(usize::MAX));
        let mut exporter = Exporter {
            source,
            surveyor: Surveyor::new(),
            place,
            filter,
            gatherer,
            owners: Owners::default(),
            owner: arguments.filter.owner(),
            enricher: Enricher::of(arguments.filter.owner()),
        };
        // Nobody is told that stderr is gone; likewise below.
        let _ = render::ready(&mut stderr(), exporter.source.opening(), arguments.verbose);
        let (ask, asked) = mpsc::channel(WAITING);
        if let Some(server) = server {
            let _ = render::note(&mut stderr(), &format!("metrics at {}", server.url()));
            tokio::spawn(server.run(ask));
        }
        let file = arguments.output.as_deref();
        exporter.run(asked, file, arguments.interval, stop).await?;
        Ok(Exit::Ended)
    })
}

struct Exporter {
    source: Live,
    surveyor: Surveyor,
    place: Place,
    filter: ebpf_probes::Filter,
    gatherer: Gatherer,
    owners: Owners,
    /// Whose listeners are wanted.
    owner: OwnerFilter,
    enricher: Enricher,
}

impl Exporter {
    async fn run(
        &mut self,
        mut asked: mpsc::Receiver<Ask>,
        file: Option<&Path>,
        every: Duration,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Failure> {
        let mut ticks = file.map(|_| interval(every));
        if let Some(ticks) = &mut ticks {
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut stop = pin!(stop);
        // Totals are all that is wanted; but events that nobody takes would count as lost.
        let mut events = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(ask) = asked.recv() => {
                    // A scraper that hung up is told nothing.
                    let _ = ask.send(self.scrape()?);
                }
                () = tick(ticks.as_mut()) => self.write(file)?,
                next = self.source.next(&mut events) => {
                    next?;
                    events.clear();
                    tokio::task::yield_now().await;
                }
            }
        }
        self.write(file)
    }

    fn write(&mut self, file: Option<&Path>) -> Result<(), Failure> {
        let Some(path) = file else { return Ok(()) };
        let text = Exposition::Text.write(self.scrape()?)?;
        replace(path, &text).map_err(|source| {
            OutputError::Write { name: path.display().to_string(), source }.into()
        })
    }

    fn scrape(&mut self) -> Result<Scrape, Failure> {
        let mut snapshot = self.source.snapshot(Occasion::Interval, &mut Vec::new())?;
        self.enricher.choose(&mut snapshot.totals);
        let mut listeners = self.listeners();
        listeners.retain(|listener| concerns(&self.filter, &listener.id));
        let mut listeners = self.owners.of(listeners);
        listeners.retain(|listener| listener.is_of(&self.owner));
        let mut scrape = self.gatherer.gather(&snapshot, &listeners);
        // Somebody else may let the kernel measure.
        let mut programs = Cost::of(snapshot.duration, self.source.program_costs()).programs;
        programs.sort_by(|one, other| one.program.cmp(&other.program));
        let seconds = programs.into_iter().map(|it| (it.program, it.time.as_secs_f64()));
        scrape.run_seconds = seconds.collect();
        scrape.object_sha256 = object_sha256();
        Ok(scrape)
    }

    /// The listeners as they are now. What cannot be seen has no series, and why is said once.
    fn listeners(&mut self) -> Vec<Listener> {
        match self.surveyor.look(self.place) {
            Ok(survey) => {
                for gap in &survey.gaps {
                    let _ = render::failure(&mut stderr(), gap);
                }
                survey.listeners
            }
            Err(error) => {
                let _ = render::failure(&mut stderr(), &error);
                Vec::new()
            }
        }
    }
}

async fn tick(ticks: Option<&mut Interval>) {
    match ticks {
        Some(ticks) => _ = ticks.tick().await,
        None => pending().await,
    }
}

/// Who holds what, not asked at every scrape.
#[derive(Default)]
struct Owners {
    census: Census,
    asked: HashSet<u64>,
    taken: Option<Instant>,
}

impl Owners {
    fn of(&mut self, listeners: Vec<Listener>) -> Vec<OwnedListener> {
        let sockets: HashSet<u64> = listeners.iter().filter_map(|it| it.id.inode).collect();
        let fresh = self.taken.is_some_and(|taken| taken.elapsed() < OWNERS_FRESH);
        if !fresh || !sockets.is_subset(&self.asked) {
            self.census = Census::take(&sockets);
            self.taken = Some(Instant::now());
            self.asked = sockets;
        }
        let holder = |listener: &Listener| self.census.holder(listener.id.inode?).cloned();
        let owned = |listener| OwnedListener { holder: holder(&listener), listener };
        listeners.into_iter().map(owned).collect()
    }
}

/// Writes a file so that readers see the old content or the new, never a part.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Collectors read what ends in .prom.
    let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let written = fs::write(&partial, text).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        let _ = fs::remove_file(&partial);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::replace;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_stays_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.prom");
        fs::write(&path, "old").unwrap();
        replace(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        fs::create_dir(directory.path().join("y.prom")).unwrap();
        assert!(replace(&directory.path().join("y.prom"), "new").is_err());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }
}
