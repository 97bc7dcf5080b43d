//! A program on a terminal, as a person has it: what it shows, what is typed, what it leaves.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

use crate::process::has_ended;

/// Only a guard against waiting for ever.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// A program and the terminal that it has to itself. It is killed if it is dropped before its end.
pub(crate) struct OnTerminal {
    child: Child,
    /// The person's end; `None` once they hung up.
    person: Option<File>,
    /// The program's end, to see what it left.
    tty: File,
    before: Termios,
    parser: vt100::Parser,
}

impl OnTerminal {
    /// Starts it with stdin, stdout and stderr at a terminal of this size that controls it.
    pub(crate) fn start(program: &Command, size: (u16, u16)) -> Result<Self> {
        Self::start_as(0, program, size)
    }

    /// The same as another user.
    pub(crate) fn start_as(
        user: u32,
        program: &Command,
        (rows, columns): (u16, u16),
    ) -> Result<Self> {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .context("failed to open a terminal")?;
        grantpt(&person)?;
        unlockpt(&person)?;
        let name = ptsname(&person, Vec::new())?;
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let tty = open(name, flags, Mode::empty()).context("failed to open its other end")?;
        tcsetwinsize(&tty, size(rows, columns))?;
        let before = tcgetattr(&tty)?;
        let mut command = Command::new("setsid");
        command.arg("-c").arg(program.get_program()).args(program.get_args());
        command.env_remove("NO_COLOR").env("TERM", "xterm").env("LANG", "C.UTF-8");
        for (name, value) in program.get_envs() {
            value.map(|value| command.env(name, value));
        }
        command.stdin(tty.try_clone()?).stdout(tty.try_clone()?).stderr(tty.try_clone()?);
        if user != 0 {
            command.uid(user).gid(user);
        }
        let child = command.spawn().context("failed to start setsid")?;
        let parser = vt100::Parser::new(some(rows)?, some(columns)?, 0);
        Ok(Self { child, person: Some(person.into()), tty: tty.into(), before, parser })
    }

    /// Waits until it shows what is looked for, and gives the lines of the screen.
    pub(crate) fn shows(&mut self, sought: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if sought(&screen) {
                return Ok(screen);
            }
            ensure!(Instant::now() < deadline, "it is not to be seen on\n{screen}");
            self.read()?;
        }
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.parser.screen().contents()
    }

    /// The terminal itself.
    pub(crate) fn terminal(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// Types.
    pub(crate) fn types(&mut self, keys: &str) -> Result<()> {
        let person = self.person.as_mut().context("nobody is there")?;
        person.write_all(keys.as_bytes()).context("failed to type")
    }

    /// The window gets another size.
    pub(crate) fn resize(&mut self, rows: u16, columns: u16) -> Result<()> {
        tcsetwinsize(&self.tty, size(rows, columns))?;
        self.parser.screen_mut().set_size(some(rows)?, some(columns)?);
        Ok(())
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal).context("failed to signal it")
    }

    /// The connection breaks: nobody is at the terminal any more.
    pub(crate) fn hang_up(&mut self) {
        self.person = None;
    }

    /// Waits for its end; what it wrote until then is on the screen.
    pub(crate) fn ends(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while !has_ended(&self.child, Duration::from_millis(20))? {
            ensure!(Instant::now() < deadline, "no end; its screen is\n{}", self.screen());
            self.read()?;
        }
        while self.read()? {}
        Ok(self.child.wait()?)
    }

    /// Fails unless the terminal is as it was before.
    pub(crate) fn ensure_restored(&self) -> Result<()> {
        let after = tcgetattr(&self.tty)?;
        let same = after.local_modes == self.before.local_modes
            && after.input_modes == self.before.input_modes
            && after.output_modes == self.before.output_modes;
        ensure!(same, "the terminal's modes are {after:?}, not {:?}", self.before);
        let screen = self.parser.screen();
        ensure!(!screen.alternate_screen(), "it is still on the other screen");
        ensure!(!screen.hide_cursor(), "the cursor is still hidden");
        Ok(())
    }

    /// Takes what was written; says whether anything was.
    fn read(&mut self) -> Result<bool> {
        let Some(person) = &mut self.person else { return Ok(false) };
        let mut ready = [PollFd::new(&*person, PollFlags::IN)];
        if poll(&mut ready, Some(&POLL))? == 0 {
            return Ok(false);
        }
        let mut bytes = [0; 1 << 14];
        let length = person.read(&mut bytes).context("failed to read the screen")?;
        self.parser.process(&bytes[..length]);
        Ok(length > 0)
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // Both fail when it has ended and was waited for, and then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn some(size: u16) -> Result<NonZero<u16>> {
    NonZero::new(size).context("a screen of no size")
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}
