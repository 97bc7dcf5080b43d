//! The terminal: entered in one place, and left whatever ends this process.
//!
//! What it takes to leave is kept where a panic and a second signal find it too. Leaving goes past
//! the buffers and locks of whoever draws, since that may be what hangs.

use std::io::{self, stdout};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;
use std::{panic, thread};

use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyEvent};
use ratatui::crossterm::queue;
use ratatui::crossterm::style::ResetColor;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, kill_current_process_group};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::tty::Tty;

/// How long a terminal that takes nothing is waited for.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 300_000_000 };

/// How soon what is typed is the shell's again once nobody wants it here.
const TURN: Duration = Duration::from_millis(200);

/// The terminal that was entered, and what it was before.
static ENTERED: Mutex<Option<(OwnedFd, Termios)>> = Mutex::new(None);

/// What the terminal told.
#[derive(Debug)]
pub enum Input {
    /// A key.
    Key(KeyEvent),
    /// It has another size.
    Resized,
    /// Nothing more comes from it.
    Failed(io::Error),
}

/// The whole screen of the terminal at stdout, until it is dropped.
pub struct Screen {
    // Its own end would complain to a stderr that may be gone with the terminal.
    terminal: ManuallyDrop<Terminal<Tty>>,
    tty: OwnedFd,
}

impl Screen {
    /// Takes the screen.
    ///
    /// # Errors
    /// If stdout is no terminal, or one that is gone.
    pub fn enter() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                restore();
                hook(info);
            }));
        });
        Self::enter_at(stdout().as_fd().try_clone_to_owned()?)
    }

    fn enter_at(tty: OwnedFd) -> io::Result<Self> {
        let out = Tty::new(tty.try_clone()?)?;
        take(&tty)?;
        match Terminal::new(out) {
            Ok(terminal) => Ok(Self { terminal: ManuallyDrop::new(terminal), tty }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Draws a frame.
    ///
    /// # Errors
    /// If the terminal does not take it.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(picture).map(drop)
    }

    /// Gives the terminal back and stops this process, and all of its pipeline, as Ctrl-Z does.
    ///
    /// # Errors
    /// If the terminal cannot be taken again.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        kill_current_process_group(Signal::TSTP)?;
        self.resume()
    }

    /// Takes the terminal again, which somebody else used meanwhile.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn resume(&mut self) -> io::Result<()> {
        restore();
        take(&self.tty)?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Makes it raw and goes to its other screen.
fn take(tty: &OwnedFd) -> io::Result<()> {
    let before = tcgetattr(tty)?;
    let mut raw = before.clone();
    raw.make_raw();
    let kept = (tty.try_clone()?, before);
    *ENTERED.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
    let mut bytes = Vec::new();
    let entered = tcsetattr(tty, OptionalActions::Now, &raw)
        .map_err(io::Error::from)
        .and_then(|()| queue!(bytes, EnterAlternateScreen))
        .and_then(|()| write(tty, &bytes));
    if entered.is_err() {
        restore();
    }
    entered
}

/// Makes the terminal what it was, if it was entered.
pub fn restore() {
    let entered = ENTERED.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some((tty, before)) = entered else { return };
    let mut bytes = Vec::new();
    // Memory takes it; a terminal that does not is gone, and so is whoever could be told.
    let _ = queue!(bytes, ResetColor, LeaveAlternateScreen, Show);
    let _ = write(&tty, &bytes);
    let _ = tcsetattr(&tty, OptionalActions::Now, &before);
}

fn write(tty: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut ready = [PollFd::new(tty, PollFlags::OUT)];
        if poll(&mut ready, Some(&PATIENCE))? == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let written = rustix::io::write(tty, bytes)?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// What is typed from now on, read on a thread of its own until nobody wants it any more.
///
/// # Errors
/// If there can be no more threads.
pub fn keys() -> io::Result<UnboundedReceiver<Input>> {
    let (sender, keys) = unbounded_channel();
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        while !sender.is_closed() {
            let input = match event::poll(TURN).and_then(|any| any.then(event::read).transpose()) {
                Ok(Some(Event::Key(key))) => Input::Key(key),
                Ok(Some(Event::Resize(..))) => Input::Resized,
                Ok(_) => continue,
                Err(error) => Input::Failed(error),
            };
            let last = matches!(input, Input::Failed(_));
            if sender.send(input).is_err() || last {
                return;
            }
        }
    })?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::panic::catch_unwind;

    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

    use super::Screen;

    const WIDE: Winsize = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };

    /// Both ends of a terminal: what a person has, and what a program has.
    fn pty() -> (OwnedFd, OwnedFd) {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (person, program)
    }

    fn is_raw(tty: &OwnedFd) -> bool {
        !tcgetattr(tty).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// What was written; it comes in pieces.
    fn seen(person: OwnedFd, until: &str) -> String {
        let (mut person, mut seen, mut bytes) = (File::from(person), String::new(), [0; 256]);
        while !seen.ends_with(until) {
            let length = person.read(&mut bytes).unwrap();
            seen += str::from_utf8(&bytes[..length]).unwrap();
        }
        seen
    }

    /// One after the other: a process has but one terminal.
    #[test]
    fn the_terminal_is_what_it_was_whatever_happens() {
        let (person, tty) = pty();
        let screen = Screen::enter_at(tty.try_clone().unwrap()).unwrap();
        assert!(is_raw(&tty));
        drop(screen);
        assert!(!is_raw(&tty));
        let mut screen = Screen::enter_at(tty.try_clone().unwrap()).unwrap();
        screen.resume().unwrap();
        assert!(is_raw(&tty));
        screen.draw(|frame| assert_eq!(frame.area().as_size(), (80, 24).into())).unwrap();
        tcsetwinsize(&tty, WIDE).unwrap();
        screen.draw(|frame| assert_eq!(frame.area().as_size(), (200, 50).into())).unwrap();
        drop(screen);
        let seen = seen(person, "\x1b[?1049l\x1b[?25h");
        assert!(seen.starts_with("\x1b[?1049h"), "{seen:?}");

        let (_person, tty) = pty();
        let own = tty.try_clone().unwrap();
        let panicked = catch_unwind(|| {
            let _screen = Screen::enter_at(own).unwrap();
            panic!("as if a bug had struck");
        });
        assert!(panicked.is_err() && !is_raw(&tty));

        // Who hung up is told nothing, and nothing waits for them.
        let (person, tty) = pty();
        let mut screen = Screen::enter_at(tty).unwrap();
        drop(person);
        assert!(screen.draw(|_| {}).is_err());
        drop(screen);
    }
}
