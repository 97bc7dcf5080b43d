//! The command that `run` runs: started, sent the signals that were meant for it, awaited.
//!
//! All of that happens on a thread of its own, because the pipeline may be busy with a flood or
//! sit in a write. The command stays in syndrop's process group, so that it can read from the
//! terminal and be stopped and continued with it, as if nothing stood in between.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::os::unix::process::ExitStatusExt;
use std::process::{self, ExitStatus};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, getpgrp, kill_process};
use rustix::termios::tcgetpgrp;
use tokio::process::Child;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc as told, oneshot};

use crate::exit::Exit;

/// What goes on to the command.
const PASSED_ON: &[Signal] =
    &[Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM, Signal::USR1, Signal::USR2];

/// A signal that comes so much later than the command's end was not meant for the command.
const TOO_LATE: Duration = Duration::from_secs(1);

/// How the command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// With status 0.
    Succeeded,
    /// With this status, as a shell gives it.
    Failed(u8),
}

/// Why there is no command, or no end of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("failed to run {name}")]
    Start { name: String, source: io::Error },
    #[error("failed to listen to signals and to the command")]
    Watch(#[source] io::Error),
    #[error("failed to wait for the command")]
    Wait(#[source] io::Error),
}

impl CommandError {
    /// What it means for the exit status.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Start { source, .. } if source.kind() == ErrorKind::NotFound => {
                Exit::CommandNotFound
            }
            Self::Start { .. } => Exit::CannotExecute,
            Self::Watch(_) | Self::Wait(_) => Exit::WrapperFailed,
        }
    }
}

impl From<ExitStatus> for Ending {
    fn from(status: ExitStatus) -> Self {
        let killed = status.signal().map(|signal| 128 + signal);
        match status.code().or(killed).map(u8::try_from) {
            Some(Ok(0)) => Self::Succeeded,
            Some(Ok(code)) => Self::Failed(code),
            // Neither is possible.
            Some(Err(_)) | None => Self::Failed(u8::MAX),
        }
    }
}

/// The command, while it runs.
pub(super) struct Command {
    told: oneshot::Receiver<io::Result<ExitStatus>>,
    ending: Option<io::Result<ExitStatus>>,
}

impl Command {
    /// Starts it.
    pub(super) fn start(words: &[OsString]) -> Result<Self, CommandError> {
        let [name, arguments @ ..] = words else {
            let source = io::Error::from(ErrorKind::NotFound);
            return Err(CommandError::Start { name: String::new(), source });
        };
        let mut command = tokio::process::Command::new(name);
        command.args(arguments);
        let (started, is_started) = mpsc::channel();
        let (tell, told) = oneshot::channel();
        thread::Builder::new()
            .name("command".to_owned())
            .spawn(move || attend(command, &started, tell))
            .map_err(CommandError::Watch)?;
        match is_started.recv() {
            Ok(Ok(())) => Ok(Self { told, ending: None }),
            Ok(Err(Refusal::Start(source))) => {
                Err(CommandError::Start { name: name.display().to_string(), source })
            }
            Ok(Err(Refusal::Watch(source))) => Err(CommandError::Watch(source)),
            Err(gone) => Err(CommandError::Watch(io::Error::other(gone))),
        }
    }

    /// Waits for the end. To drop the future loses nothing.
    pub(super) async fn ended(&mut self) {
        if self.ending.is_none() {
            let ending = (&mut self.told).await;
            self.ending = Some(ending.unwrap_or_else(|gone| Err(io::Error::other(gone))));
        }
    }

    /// Waits for the end and says how it was.
    pub(super) async fn end(mut self) -> Result<Ending, CommandError> {
        self.ended().await;
        let status = self.ending.unwrap_or_else(|| Err(ErrorKind::Other.into()));
        status.map(Ending::from).map_err(CommandError::Wait)
    }
}

/// What kept the command from starting.
enum Refusal {
    Start(io::Error),
    Watch(io::Error),
}

/// The thread: starts the command when signals are listened to, so that none is lost.
fn attend(
    mut command: tokio::process::Command,
    started: &mpsc::Sender<Result<(), Refusal>>,
    tell: oneshot::Sender<io::Result<ExitStatus>>,
) {
    let attended = Builder::new_current_thread().enable_io().build().and_then(|runtime| {
        let inside = runtime.enter();
        let signals = listen()?;
        drop(inside);
        Ok((runtime, signals))
    });
    let (runtime, mut signals) = match attended {
        Ok(attended) => attended,
        Err(error) => {
            // Whoever asked waits for the answer; here and below.
            let _ = started.send(Err(Refusal::Watch(error)));
            return;
        }
    };
    runtime.block_on(async {
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let _ = started.send(Err(Refusal::Start(error)));
                return;
            }
        };
        let _ = started.send(Ok(()));
        let status = pass_on(&mut child, &mut signals).await;
        let ended = Instant::now();
        let _ = tell.send(status);
        // Nothing but a write that nobody reads can take so long.
        while signals.recv().await.is_some() {
            if ended.elapsed() > TOO_LATE {
                process::exit(Exit::WrapperFailed.code().into());
            }
        }
    });
}

/// All signals that are passed on, as one stream. What is ignored stays ignored, as by `nohup`:
/// the command would not have got it either.
fn listen() -> io::Result<told::UnboundedReceiver<Signal>> {
    let (heard, signals) = told::unbounded_channel();
    let ignored = ignored();
    for &wanted in PASSED_ON.iter().filter(|signal| ignored >> (signal.as_raw() - 1) & 1 == 0) {
        let mut stream = signal(SignalKind::from_raw(wanted.as_raw()))?;
        let heard = heard.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() && heard.send(wanted).is_ok() {}
        });
    }
    Ok(signals)
}

/// One bit per signal that this process ignores.
fn ignored() -> u64 {
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    status.map_or(0, |status| status.sigign)
}

async fn pass_on(
    child: &mut Child,
    signals: &mut told::UnboundedReceiver<Signal>,
) -> io::Result<ExitStatus> {
    // Until it is reaped, which happens nowhere but below, no other process has its id.
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    loop {
        tokio::select! {
            biased;
            Some(signal) = signals.recv() => {
                if let Some(pid) = pid.filter(|_| !is_of_terminal(signal)) {
                    // It may have become a user whom we may not signal, as by sudo.
                    let _ = kill_process(pid, signal);
                }
            }
            ended = child.wait() => return ended,
        }
    }
}

/// Whether a key of the terminal is behind the signal: then the terminal has sent it to all of the
/// process group in its foreground, the command included.
fn is_of_terminal(signal: Signal) -> bool {
    matches!(signal, Signal::INT | Signal::QUIT)
        && terminal().and_then(tcgetpgrp).is_ok_and(|group| group == getpgrp())
}

fn terminal() -> rustix::io::Result<OwnedFd> {
    open("/dev/tty", OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::Ending;

    #[test]
    fn statuses_are_those_of_a_shell() {
        let ending = |raw| Ending::from(ExitStatus::from_raw(raw));
        assert_eq!(ending(0), Ending::Succeeded);
        assert_eq!(ending(3 << 8), Ending::Failed(3));
        assert_eq!(ending(255 << 8), Ending::Failed(255));
        assert_eq!(ending(15), Ending::Failed(143), "SIGTERM");
        assert_eq!(ending(0x8b), Ending::Failed(139), "SIGSEGV with a core");
    }
}
