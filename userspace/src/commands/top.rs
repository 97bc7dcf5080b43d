//! `syndrop top`: the running kernel, live, on a whole screen.

use std::env;
use std::io::{self, ErrorKind, IsTerminal};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustix::io::Errno;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::output::colour;
use super::{filter, runtime, stop};
use crate::cli;
use crate::enrich::{self, Enricher, OwnedListener};
use crate::exit::{Exit, Failure};
use crate::filter::{Notices, OwnerFilter, concerns};
use crate::kernel::Ahead;
use crate::kernel::hooks::Asked;
use crate::listeners::{Gap, Place, SurveyError, Surveyor};
use crate::render;
use crate::source::live::{self, Live, LiveError};
use crate::source::{Event, Occasion, Settings, Source};
use crate::top::{Board, Glyphs, Input, Look, Model, Screen, Theme, Then, draw, keys, restore};
use crate::totals::Tally;

/// Why there is no such view.
#[derive(Debug, thiserror::Error)]
enum TopError {
    #[error("failed to show a live view: stdout is no terminal; `syndrop trace` writes anywhere")]
    NoTerminal,
    #[error("failed to show a live view: TERM is dumb; `syndrop trace` needs no screen")]
    Dumb,
    #[error(
        "failed to trace, and top needs that; `syndrop listeners --watch` shows queues without"
    )]
    Trace(#[source] LiveError),
    #[error("failed to take the terminal")]
    Enter(#[source] io::Error),
    #[error("failed to draw on the terminal")]
    Draw(#[source] io::Error),
    #[error("failed to read keys from the terminal")]
    Keys(#[source] io::Error),
    #[error("failed to look at the listeners any longer")]
    Surveyor,
}

/// Events a second of each reason of a listener: the last clients are shown, no more.
const DETAIL: u64 = 100;

pub(super) fn run(arguments: &cli::Top, types: Ahead) -> Result<Exit, Failure> {
    if !io::stdout().is_terminal() {
        return Err(TopError::NoTerminal.into());
    }
    if env::var_os("TERM").is_some_and(|term| term == "dumb") {
        return Err(TopError::Dumb.into());
    }
    let filter = filter(&arguments.filter, Notices::None)?;
    let asked = Asked {
        notices: filter.notices,
        before_listener: arguments.filter.before_listener(arguments.before_listener, &[]),
        ..Asked::default()
    };
    let place = if filter.netns == 0 { Place::All } else { Place::One(filter.netns) };
    let stop = stop::watch_for(&stop::OF_A_TERMINAL, restore)?;
    runtime()?.block_on(async {
        let (begin, surveys) = surveys(place, arguments.interval)?;
        let stats = arguments.stats;
        let settings = Settings { detail: DETAIL, asked, stats, ..Settings::of(filter) };
        let source = live::open(&settings, types);
        let source = source.map_err(|error| Failure::new(error.exit(), TopError::Trace(error)))?;
        // It ended only if it failed, which it says itself.
        let _ = begin.send(());
        let mut view = View::new(arguments, filter, source)?;
        let watched = tokio::select! {
            biased;
            () = stop => Ok(()),
            watched = view.watch(surveys) => watched,
        };
        drop(view);
        watched.map(|()| Exit::Ended)
    })
}

/// What a look at all listeners found.
type Surveyed = Result<(Vec<OwnedListener>, Vec<Gap>), SurveyError>;

/// Looks again and again, once it shall begin, on a thread of its own: on a busy machine it takes a
/// while to find out who holds what, in which keys and drops are not to wait.
fn surveys(
    place: Place,
    interval: Duration,
) -> io::Result<(oneshot::Sender<()>, mpsc::Receiver<Surveyed>)> {
    let (begin, beginning) = oneshot::channel();
    let (sender, surveys) = mpsc::channel(1);
    thread::Builder::new().name("listeners".to_owned()).spawn(move || {
        let mut surveyor = Surveyor::new();
        if beginning.blocking_recv().is_err() {
            return;
        }
        loop {
            let start = Instant::now();
            let looked = surveyor.look(place);
            let looked = looked.map(|survey| (enrich::owned(survey.listeners), survey.gaps));
            let failed = looked.is_err();
            if sender.blocking_send(looked).is_err() || failed {
                return;
            }
            thread::sleep(interval.saturating_sub(start.elapsed()));
        }
    })?;
    Ok((begin, surveys))
}

/// The model, and what it is fed from and shown on.
struct View {
    /// Given back first: to take the probes away keeps nobody waiting.
    screen: Screen,
    filter: ebpf_probes::Filter,
    source: Live,
    model: Model,
    theme: Theme,
    /// Whose listeners are wanted.
    owner: OwnerFilter,
    enricher: Enricher,
    tally: Tally,
    batch: Vec<Event>,
}

impl View {
    fn new(
        arguments: &cli::Top,
        filter: ebpf_probes::Filter,
        source: Live,
    ) -> Result<Self, Failure> {
        let opening = source.opening();
        let board = Board::new(
            opening.host.clone().unwrap_or_default(),
            opening.kernel.clone().unwrap_or_default(),
            arguments.interval,
            render::notes(opening),
        );
        let theme = Theme {
            colour: colour(),
            glyphs: Glyphs::of(|name| env::var(name).ok()),
            zone: TimeZone::system(),
        };
        Ok(Self {
            screen: Screen::enter().map_err(TopError::Enter)?,
            filter,
            source,
            model: Model::new(board, arguments.sort),
            theme,
            owner: arguments.filter.owner(),
            enricher: Enricher::of(arguments.filter.owner()),
            tally: Tally::default(),
            batch: Vec::new(),
        })
    }

    /// Until somebody has seen enough. Drops are taken in as they come, and shown with the next
    /// look or key: a flood of them is not to be a flood of frames.
    async fn watch(&mut self, mut surveys: mpsc::Receiver<Surveyed>) -> Result<(), Failure> {
        let mut keys = keys()?;
        let mut continued = signal(SignalKind::from_raw(Signal::CONT.as_raw()))?;
        loop {
            tokio::select! {
                biased;
                input = keys.recv() => {
                    let goes_on = match self.input(input)? {
                        Then::GoOn => true,
                        Then::Suspend => there(self.screen.suspend(), TopError::Enter)?,
                        Then::Quit => false,
                    };
                    if !goes_on {
                        return Ok(());
                    }
                }
                _ = continued.recv() => {
                    // A terminal that is hung up continues this process, too.
                    if !there(self.screen.resume(), TopError::Enter)? {
                        return Ok(());
                    }
                }
                surveyed = surveys.recv() => self.look(surveyed.ok_or(TopError::Surveyor)??)?,
                next = self.source.next(&mut self.batch) => {
                    self.take_in();
                    next?;
                    // What always has something must not keep the rest from being looked at.
                    tokio::task::yield_now().await;
                    continue;
                }
            }
            if !self.show()? {
                return Ok(());
            }
        }
    }

    fn input(&mut self, input: Option<Input>) -> Result<Then, Failure> {
        match input {
            Some(Input::Key(key)) => Ok(self.model.key(key)),
            Some(Input::Resized) => Ok(Then::GoOn),
            Some(Input::Failed(error)) => Err(TopError::Keys(error).into()),
            None => Err(TopError::Keys(ErrorKind::UnexpectedEof.into()).into()),
        }
    }

    fn look(&mut self, (listeners, gaps): (Vec<OwnedListener>, Vec<Gap>)) -> Result<(), Failure> {
        let mut snapshot = self.source.snapshot(Occasion::Interval, &mut self.batch)?;
        self.enricher.choose(&mut snapshot.totals);
        self.take_in();
        for gap in &gaps {
            self.model.note(render::causes(gap));
        }
        let mut listeners = listeners;
        listeners.retain(|it| concerns(&self.filter, &it.listener.id) && it.is_of(&self.owner));
        self.model.look(&Look {
            time: Timestamp::now(),
            listeners: &listeners,
            snapshot: &snapshot,
            tally: &self.tally,
        });
        Ok(())
    }

    fn take_in(&mut self) {
        self.enricher.refresh();
        for event in self.batch.drain(..) {
            let incident = match event {
                Event::Drop(drop) if self.enricher.chooses(&drop.listener) != Some(true) => {
                    continue;
                }
                Event::Drop(drop) => self.enricher.incident(drop),
                Event::Recorded(incident) => *incident,
                Event::Note(note) => {
                    self.model.note(note);
                    continue;
                }
                // The next snapshot counts them.
                Event::Lost(_) => continue,
            };
            self.tally.add(&incident);
            self.model.incident(&incident);
        }
    }

    /// Says whether anybody is there to see it.
    fn show(&mut self) -> Result<bool, Failure> {
        let Self { model, theme, .. } = self;
        there(self.screen.draw(|frame| draw(frame, model, theme)), TopError::Draw)
    }
}

/// Whether somebody is at the terminal still, by what became of an attempt to use it. That nobody
/// is, is an end like others.
fn there(used: io::Result<()>, error: fn(io::Error) -> TopError) -> Result<bool, Failure> {
    match used {
        Ok(()) => Ok(true),
        Err(gone) if is_gone(&gone) => Ok(false),
        Err(source) => Err(error(source).into()),
    }
}

/// Whether nobody is at the terminal any more: a terminal that was hung up fails with `EIO`.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe || Errno::from_io_error(error) == Some(Errno::IO)
}
