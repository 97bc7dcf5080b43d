//! The server: a listening socket that accepts only when a test says so.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::fstat;
use rustix::io::Errno;
use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseport, socket_cookie};
use rustix::net::{
    AddressFamily, Shutdown, SocketFlags, SocketType, bind, ipproto, listen, shutdown, socket_with,
};

use crate::flow::Family;
use crate::option;
use crate::scenario::Kind;

/// A listening socket, and what the kernel calls it.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    bound: SocketAddr,
    backlog: i32,
    inode: Option<u64>,
    cookie: u64,
}

impl Listener {
    /// Listens with exactly this backlog, which `std` does not let one choose.
    pub(crate) fn new(family: Family, address: IpAddr, port: u16, backlog: i32) -> Result<Self> {
        Self::of_kind(Kind::Tcp, family, address, port, backlog)
    }

    /// The same with a choice of the protocol.
    pub(crate) fn of_kind(
        kind: Kind,
        family: Family,
        address: IpAddr,
        port: u16,
        backlog: i32,
    ) -> Result<Self> {
        let bound = SocketAddr::new(address, port);
        Self::open(kind, family, bound, backlog)
            .with_context(|| format!("failed to listen on {bound} with a backlog of {backlog}"))
    }

    fn open(kind: Kind, family: Family, bound: SocketAddr, backlog: i32) -> Result<Self> {
        let domain = match family {
            Family::V4 => AddressFamily::INET,
            Family::V6 | Family::Mapped => AddressFamily::INET6,
        };
        let protocol = match kind {
            Kind::Tcp | Kind::Shared => None,
            Kind::Mptcp => Some(ipproto::MPTCP),
        };
        let socket = socket_with(domain, SocketType::STREAM, SocketFlags::CLOEXEC, protocol)?;
        if family != Family::V4 {
            set_ipv6_v6only(&socket, family == Family::V6)?;
        }
        set_socket_reuseport(&socket, kind == Kind::Shared)?;
        bind(&socket, &bound)?;
        listen(&socket, backlog)?;
        let inode = Some(fstat(&socket)?.st_ino);
        let cookie = socket_cookie(&socket)?;
        Ok(Self { socket: socket.into(), bound, backlog, inode, cookie })
    }

    /// Waits for a client's data before a connection is made, for a while.
    pub(crate) fn defer_accept(&self) -> Result<()> {
        const SECONDS: libc::c_int = 30;
        option::set(&self.socket, libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT, &SECONDS)
            .context("failed to set TCP_DEFER_ACCEPT")
    }

    /// Blocks until a connection waits.
    pub(crate) fn await_connection(&self) -> Result<()> {
        let mut listening = [PollFd::new(&self.socket, PollFlags::IN)];
        poll(&mut listening, None).context("failed to wait for a connection")?;
        Ok(())
    }

    /// Takes the connection that waits longest; blocks while there is none.
    pub(crate) fn accept(&self) -> Result<(TcpStream, SocketAddr)> {
        let (stream, client) = self.socket.accept().context("failed to accept")?;
        // A v4-mapped client is the IPv4 host that the peer knows.
        Ok((stream, SocketAddr::new(client.ip().to_canonical(), client.port())))
    }

    /// How many connections waited; all of them are closed.
    pub(crate) fn accept_all(&self) -> Result<usize> {
        self.socket.set_nonblocking(true)?;
        let mut accepted = 0;
        let ended = loop {
            match self.socket.accept() {
                Ok(_) => accepted += 1,
                Err(error) => break error,
            }
        };
        self.socket.set_nonblocking(false)?;
        match Errno::from_io_error(&ended) {
            Some(Errno::AGAIN) => Ok(accepted),
            _ => Err(ended).context("failed to accept"),
        }
    }

    /// Stops to listen; the socket stays.
    pub(crate) fn stop(&self) -> Result<()> {
        shutdown(&self.socket, Shutdown::Both).context("failed to shut a listener down")
    }

    /// Closes it; another socket takes the place, which is of no use.
    pub(crate) fn close(&mut self) -> Result<()> {
        let useless =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        self.socket = useless.into();
        self.inode = None;
        Ok(())
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The address and port it is bound to.
    pub(crate) fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// The backlog given to `listen`.
    pub(crate) fn backlog(&self) -> u32 {
        self.backlog.unsigned_abs()
    }

    /// How many finished connections the accept queue holds: one more than its limit.
    pub(crate) fn capacity(&self) -> u32 {
        self.backlog() + 1
    }

    /// The inode number of its socket, until it is closed.
    pub(crate) fn inode(&self) -> Option<u64> {
        self.inode
    }

    /// Its socket cookie.
    pub(crate) fn cookie(&self) -> u64 {
        self.cookie
    }
}
