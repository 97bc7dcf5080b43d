//! The demonstration: a real server whose workers stop for a while, under a real load.
//!
//! What is shown is checked too: the drops must appear, and what syndrop's summary explains must
//! be what the kernel counted. A demonstration that shows the wrong thing ends with an error.

mod counters;
mod load;
mod server;
mod trace;

use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use self::counters::Counters;
use self::load::Load;
use self::server::{BACKLOG, PORT, Server};
use self::trace::Trace;

/// Reasons that must be seen.
const PROMISED: &[&str] = &["accept-queue-full-syn", "accept-queue-full-ack"];
/// All at once. The queue holds one more than its limit, and wrk tries the server with a connection
/// of its own first: 64 find room, and the last 4 believe that they do.
const FIRST_CLIENTS: u32 = 68;
/// These come one by one, when the queue is full already.
const LATER_CLIENTS: u32 = 5;
/// Long enough for some retransmissions, which meet the same full queue.
const STALL: Duration = Duration::from_secs(4);
/// For the refused to be served after all.
const RECOVERY: Duration = Duration::from_secs(4);

/// Runs it; the exit status is the verdict.
pub(crate) fn run() -> ExitCode {
    match tell() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the demonstration failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn say(line: &str) {
    eprintln!("\n# {line}");
}

fn tell() -> Result<()> {
    let delayed = delay_loopback();
    say(&format!("nginx starts: 2 workers, `listen {PORT} backlog={BACKLOG}`; syndrop watches it"));
    let server = Server::start()?;
    let before = Counters::read()?;
    let trace = Trace::start()?;

    say("20 clients load it for 3 s: every connection finds room, so nothing is to be seen");
    let healthy = Load::start(20, Duration::from_secs(3))?.finish()?;
    eprintln!("20 clients: {healthy}");

    say(&format!(
        "both workers are stopped (SIGSTOP): nobody accepts, {FIRST_CLIENTS} clients come"
    ));
    server.stop()?;
    let first = Load::start(FIRST_CLIENTS, STALL + RECOVERY)?;
    thread::sleep(Duration::from_secs(1));
    say(&format!("{LATER_CLIENTS} more come; the queue is full, its length is over its limit:"));
    show_listener()?;
    let later = (0..LATER_CLIENTS).map(|_| Load::start(1, RECOVERY)).collect::<Result<Vec<_>>>()?;
    thread::sleep(STALL);

    say("the workers go on (SIGCONT): they accept what waits, the refused retry and get in");
    server.resume()?;
    eprintln!("{FIRST_CLIENTS} clients: {}", first.finish()?);
    for load in later {
        eprintln!("1 late client: {}", load.finish()?);
    }
    show_listener()?;

    say("syndrop is interrupted (SIGINT) and sums up:");
    let summary = trace.finish()?;
    let moved = Counters::read()?.since(&before);
    say("the kernel's own counters, read from /proc/net/netstat:");
    for (name, count) in moved.all() {
        eprintln!("TcpExt{name:<17} {count}");
    }

    for reason in PROMISED {
        // Without the delay no two handshakes are under way at once, so no last ACK comes late.
        let expected = delayed || *reason != "accept-queue-full-ack";
        ensure!(!expected || summary.saw(reason), "syndrop showed no {reason}");
    }
    for (name, count) in moved.all() {
        summary.agrees(name, count)?;
    }
    Ok(())
}

/// A network's delay on loopback, so that many handshakes are under way at once, as in real life.
fn delay_loopback() -> bool {
    let words = ["qdisc", "add", "dev", "lo", "root", "netem", "delay", "5ms", "limit", "10000"];
    let status = Command::new("tc").args(words).stderr(Stdio::null()).status();
    let delayed = status.is_ok_and(|status| status.success());
    if !delayed {
        say("this kernel has no netem: without a delay on loopback, only SYNs will be refused");
    }
    delayed
}

/// What `ss` knows of the listener, and what syndrop does.
fn show_listener() -> Result<()> {
    let (filter, port) = (format!("sport = :{PORT}"), PORT.to_string());
    let views: [&[&str]; 2] = [&["ss", "-ltn", &filter], &["syndrop", "listeners", "-P", &port]];
    for view in views {
        eprintln!("$ {}", view.join(" "));
        let [program, arguments @ ..] = view else { continue };
        let output = Command::new(program)
            .args(arguments)
            .output()
            .with_context(|| format!("failed to start {program}"))?;
        eprint!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        ensure!(output.status.success(), "{program} ended with {}", output.status);
    }
    Ok(())
}
