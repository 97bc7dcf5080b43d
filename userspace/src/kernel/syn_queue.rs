//! When this kernel calls a SYN queue full: at its limit, or above it.
//!
//! Upstream changed the one into the other, and stable kernels took the change over at different
//! times, so nothing but a SYN tells. It is sent in a network namespace that is made for it and
//! gone a moment later, by its loopback, to a listener whose limit is zero.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::panic::resume_unwind;
use std::time::Duration;
use std::{fs, io, thread};

use ebpf_probes::Counter;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::TcpExt;
use super::counters::NetstatError;
use super::netlink;

const SYNCOOKIES: &str = "/proc/sys/net/ipv4/tcp_syncookies";
const NETSTAT: &str = "/proc/thread-self/net/netstat";
/// Loopback decides within the system call that connects; a filter may see to it that it never
/// does.
const LOOKS: u32 = 200;
const BETWEEN: Duration = Duration::from_millis(1);

/// When a SYN queue of so many requests is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// `>=`, as long ago: it holds as many as its limit says.
    AtLimit,
    /// `>`, as kernels do now: it holds one more.
    AboveLimit,
}

impl Rule {
    /// The comparison, as the kernel spells it.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::AtLimit => ">=",
            Self::AboveLimit => ">",
        }
    }
}

/// The rule, and whether it is that of this kernel or of most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Belief {
    /// The rule.
    pub rule: Rule,
    /// Whether this kernel was seen to follow it.
    pub measured: bool,
}

impl Belief {
    /// What the kernel shows, or else what kernels do now; with what kept it from showing it.
    pub fn form() -> (Self, Option<RuleError>) {
        match measure() {
            Ok(rule) => (Self { rule, measured: true }, None),
            Err(why) => (Self { rule: Rule::AboveLimit, measured: false }, Some(why)),
        }
    }
}

/// Why the rule is not known.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// No network namespace could be made.
    #[error(
        "failed to make a network namespace to try it out: this needs CAP_SYS_ADMIN and CAP_NET_ADMIN, try as root"
    )]
    Namespace(#[source] io::Error),
    /// It could not be set up.
    #[error("failed to set up a network namespace to try it out")]
    Setting(#[source] io::Error),
    /// Its counters are not as known.
    #[error("failed to understand the counters of a network namespace")]
    Counters(#[from] NetstatError),
    /// The SYN was neither answered nor refused.
    #[error("failed to try it out: a SYN on loopback was neither answered nor refused")]
    Silence,
}

/// Asks the running kernel.
///
/// # Errors
/// If these rights do not suffice, or something filters packets on loopback.
pub fn measure() -> Result<Rule, RuleError> {
    // The thread takes the namespace with it when it ends.
    thread::spawn(|| {
        // SAFETY: file descriptors stay shared; only the network namespace is left.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
            .map_err(|errno| RuleError::Namespace(errno.into()))?;
        try_out()
    })
    .join()
    .unwrap_or_else(|panic| resume_unwind(panic))
}

fn try_out() -> Result<Rule, RuleError> {
    let (listener, address) = set_up().map_err(RuleError::Setting)?;
    let client = begin(&address).map_err(RuleError::Setting)?;
    let mut decided = Err(RuleError::Silence);
    for _ in 0..LOOKS {
        // Only an established connection has a peer.
        if client.peer_addr().is_ok() {
            decided = Ok(Rule::AboveLimit);
        } else if drops()? != 0 {
            decided = Ok(Rule::AtLimit);
        }
        if decided.is_ok() {
            break;
        }
        thread::sleep(BETWEEN);
    }
    if matches!(decided, Ok(Rule::AboveLimit)) {
        accept(&listener);
    }
    drop(client);
    drop(listener);
    decided
}

/// Takes the connection, so that nobody who traces meanwhile sees one that was left behind.
fn accept(listener: &TcpListener) {
    let patient = listener.set_nonblocking(true).is_ok();
    for _ in 0..LOOKS {
        if !patient || listener.accept().is_ok() {
            return;
        }
        thread::sleep(BETWEEN);
    }
}

/// A listener with a limit of zero in a namespace without cookies.
fn set_up() -> io::Result<(TcpListener, SocketAddr)> {
    netlink::loopback_up()?;
    match fs::write(SYNCOOKIES, "0") {
        // A kernel without cookies sends none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        written => written?,
    }
    let socket = tcp(SocketFlags::CLOEXEC)?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    listen(&socket, 0)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Sends the one SYN.
fn begin(to: &SocketAddr) -> io::Result<TcpStream> {
    let socket = tcp(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    match connect(&socket, to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket.into()),
        Err(errno) => Err(errno.into()),
    }
}

fn tcp(flags: SocketFlags) -> io::Result<std::os::fd::OwnedFd> {
    Ok(socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?)
}

fn drops() -> Result<u64, RuleError> {
    let text = fs::read_to_string(NETSTAT).map_err(RuleError::Setting)?;
    Ok(TcpExt::parse(&text)?.get(Counter::ListenDrops))
}
