//! One guest: how QEMU is started, and what it does reported step by step.
//!
//! Emulation only: KVM is neither needed nor asked for, so a guest behaves the same on a laptop,
//! in a container and on a CI runner. The verdict on it is [`Session`]'s.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use boundary::frame::Report;
use boundary::plan;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::interrupt::Watch;
use crate::qemu::Qemu;
use crate::session::{NotUp, Session};

/// For the kernel. A panicked one reboots at once, and QEMU ends instead of rebooting. The watchdog
/// is told to wait longer: an emulated CPU may stand still because the host is busy.
const ARGUMENTS: &str = "console=ttyS0 loglevel=5 panic=-1 oops=panic watchdog_thresh=30";
/// What else a kernel whose instructions are counted is told: everything lies at the same place in
/// each boot, and no watchdog adds work of its own.
const COUNTED: &str = " nokaslr nmi_watchdog=0";
/// Until a guest that counts is set up: it takes several times as long.
const COUNTED_SETUP: Duration = Duration::from_secs(600);
/// How often a QEMU that has not connected yet is looked at.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// What to boot.
pub(crate) struct Machine<'a> {
    pub(crate) qemu: &'a Qemu,
    pub(crate) image: &'a Path,
    pub(crate) initramfs: &'a Path,
    pub(crate) memory_mib: u32,
    /// From start to verdict; none for a person at a shell.
    pub(crate) limit: Option<Duration>,
    /// The person's terminal is the guest's second serial line.
    pub(crate) interactive: bool,
    pub(crate) on_interrupt: OnInterrupt,
    pub(crate) pace: Pace,
}

/// How the guest's time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As here, on two CPUs.
    Real,
    /// A nanosecond for each instruction, on one CPU; while that idles, to the next timer at once.
    /// Two runs with the same seed do as good as the same, however busy this machine is.
    Counted { seed: u32 },
}

/// What Ctrl-C means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnInterrupt {
    /// The guest ends at once.
    End,
    /// The command in the guest is interrupted; a second Ctrl-C ends the guest.
    PassOn,
}

/// What a guest does, as it does it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// QEMU runs.
    Booting,
    /// The kernel and PID 1 are up, after this time; the command starts.
    Ready(Duration),
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    /// A file that the command left begins; relative to the guest's output directory.
    File(String),
    FileBytes(Vec<u8>),
}

/// What comes from a running QEMU; the channel closes when nothing more can come.
pub(crate) enum Event {
    /// A line on the kernel's console.
    Console(String),
    Report(Report),
    /// The stream of reports broke.
    Garbled(std::io::Error),
    /// A line of QEMU's own.
    Qemu(String),
}

impl Machine<'_> {
    /// Boots, and returns the exit status of the command of the guest's plan. On a busy machine a
    /// kernel seldom hangs while it calibrates its clocks: then it is booted once more.
    pub(crate) fn run(self, progress: &mut dyn FnMut(Progress) -> Result<()>) -> Result<i32> {
        match self.boot(progress) {
            Err(error) if error.is::<NotUp>() => {
                eprintln!("{error}\nbooting it once more");
                self.boot(progress)
            }
            ended => ended,
        }
    }

    fn boot(&self, progress: &mut dyn FnMut(Progress) -> Result<()>) -> Result<i32> {
        // Before QEMU starts: no moment in which Ctrl-C would leave it behind.
        let watch = Watch::start()?;
        let sockets = tempfile::tempdir().context("failed to create a directory for sockets")?;
        let guest = self.start(sockets.path())?;
        progress(Progress::Booting)?;
        let mut session = Session::new(self.limit, self.on_interrupt, self.interactive);
        if let Pace::Counted { .. } = self.pace {
            session = session.with_setup_limit(COUNTED_SETUP);
        }
        session.follow(&watch, &guest.orders, &guest.events, progress)
    }

    /// All that QEMU is told, but for where files and sockets lie: what decides, together with the
    /// content of the image and the archive, what a guest does whose instructions are counted.
    pub(crate) fn settings(&self) -> Result<String> {
        let [image, initramfs, console, port] =
            ["image", "initramfs", "console", "port"].map(Path::new);
        let command = Machine { image, initramfs, ..*self }.command(console, port)?;
        let of_qemu = self.qemu.command()?.get_args().count();
        let words = command.get_args().skip(of_qemu).map(OsStr::to_string_lossy);
        Ok(words.collect::<Vec<_>>().join(" "))
    }

    fn start(&self, sockets: &Path) -> Result<Guest> {
        let [console_path, port_path] = ["console", "port"].map(|name| sockets.join(name));
        let bind = |path: &Path| {
            UnixListener::bind(path)
                .with_context(|| format!("failed to listen on {}", path.display()))
        };
        let (console, port) = (bind(&console_path)?, bind(&port_path)?);
        let mut command = self.command(&console_path, &port_path)?;
        let mut process = command
            .spawn()
            .map(Process)
            .with_context(|| format!("failed to start {}", command.get_program().display()))?;

        let (sender, events) = mpsc::channel();
        let said = process.0.stderr.take().context("failed to listen to QEMU")?;
        forward_lines(said, sender.clone(), Event::Qemu);
        let (Some(console), Some(port)) = (process.accept(&console)?, process.accept(&port)?)
        else {
            drop(sender);
            let said: Vec<_> = events.into_iter().filter_map(Event::said_by_qemu).collect();
            bail!("failed to start the guest, QEMU ended at once: {}", said.join("; "));
        };
        forward_lines(console, sender.clone(), Event::Console);
        let orders = port.try_clone().context("failed to copy a socket")?;
        forward_reports(port, sender);
        Ok(Guest { orders, events, _process: process })
    }

    fn command(&self, console: &Path, port: &Path) -> Result<Command> {
        let socket = |id: &str, path: &Path| format!("socket,id={id},path={}", path.display());
        let mut command = self.qemu.command()?;
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        command.args(["-machine", "q35"]);
        let mut arguments = ARGUMENTS.to_owned();
        match self.pace {
            Pace::Real => {
                // The emulator moves memory one element at a time. It says that bytes are as good as
                // words, so the kernel would move bytes.
                command.args(["-cpu", "max,-erms,-fsrm"]);
                command.args(["-accel", "tcg,thread=multi", "-smp", "2"]);
            }
            Pace::Counted { seed } => {
                command.args(["-cpu", "max"]);
                command.args(["-accel", "tcg", "-icount", "shift=0,sleep=off", "-smp", "1"]);
                command.args(["-rtc", "base=2026-01-01T00:00:00,clock=vm"]);
                command.args(["-seed", &seed.to_string()]);
                arguments.push_str(COUNTED);
            }
        }
        command.args(["-m", &self.memory_mib.to_string()]);
        command.arg("-kernel").arg(self.image).arg("-initrd").arg(self.initramfs);
        command.args(["-append", &arguments]);
        command.args(["-chardev", &socket("console", console), "-serial", "chardev:console"]);
        if self.interactive {
            command.args(["-chardev", "stdio,id=terminal,mux=on,signal=off"]);
            command.args(["-serial", "chardev:terminal", "-mon", "chardev=terminal"]);
        } else {
            // Ctrl-C at the terminal is ours to handle, not QEMU's.
            command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null());
        }
        command.args(["-device", "virtio-serial-pci", "-chardev", &socket("port", port)]);
        command.args(["-device", &format!("virtserialport,chardev=port,name={}", plan::PORT)]);
        command.stderr(Stdio::piped());
        Ok(command)
    }
}

impl Event {
    fn said_by_qemu(self) -> Option<String> {
        if let Self::Qemu(line) = self { Some(line) } else { None }
    }
}

/// A running guest, as long as this lives.
struct Guest {
    orders: UnixStream,
    events: Receiver<Event>,
    _process: Process,
}

/// A QEMU that cannot outlive us.
struct Process(Child);

impl Process {
    /// Waits for QEMU to connect; `None` if it ended instead.
    fn accept(&mut self, listener: &UnixListener) -> Result<Option<UnixStream>> {
        loop {
            let mut waiting = [PollFd::new(listener, PollFlags::IN)];
            if poll(&mut waiting, Some(&TICK)).context("failed to wait for QEMU")? > 0 {
                let (stream, _) = listener.accept().context("failed to connect to QEMU")?;
                return Ok(Some(stream));
            }
            if self.0.try_wait().context("failed to wait for QEMU")?.is_some() {
                return Ok(None);
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if QEMU has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn forward_lines(from: impl Read + Send + 'static, to: Sender<Event>, event: fn(String) -> Event) {
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        // Bytes, since a guest's console may carry any.
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            line.clear();
            if to.send(event(text)).is_err() {
                return;
            }
        }
    });
}

fn forward_reports(port: UnixStream, to: Sender<Event>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(port);
        loop {
            let event = match Report::read_from(&mut reader) {
                Ok(Some(report)) => Event::Report(report),
                Ok(None) => return,
                Err(error) => Event::Garbled(error),
            };
            let garbled = matches!(event, Event::Garbled(_));
            if to.send(event).is_err() || garbled {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(qemu: &Qemu) -> Machine<'_> {
        Machine {
            qemu,
            image: Path::new("/boot/vmlinuz"),
            initramfs: Path::new("/tmp/archive"),
            memory_mib: 512,
            limit: None,
            interactive: false,
            on_interrupt: OnInterrupt::End,
            pace: Pace::Counted { seed: 1 },
        }
    }

    #[test]
    fn settings_tell_machines_apart_but_not_places() {
        let settings = |machine: Machine| machine.settings().expect("settings");
        let [qemu, moved] = ["/usr/bin/qemu", "/opt/qemu"].map(|path| Qemu::System(path.into()));
        let usual = settings(machine(&qemu));
        assert!(usual.contains("-seed 1") && usual.contains(COUNTED), "{usual}");
        let seed = Pace::Counted { seed: 2 };
        assert_ne!(usual, settings(Machine { pace: seed, ..machine(&qemu) }));
        assert_ne!(usual, settings(Machine { pace: Pace::Real, ..machine(&qemu) }));
        assert_ne!(usual, settings(Machine { memory_mib: 1024, ..machine(&qemu) }));
        assert_eq!(usual, settings(Machine { image: Path::new("/other"), ..machine(&qemu) }));
        assert_eq!(usual, settings(Machine { initramfs: Path::new("/other"), ..machine(&qemu) }));
        assert_eq!(usual, settings(machine(&moved)));
    }
}
