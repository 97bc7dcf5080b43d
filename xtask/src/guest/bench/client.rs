//! Connections that work.

use std::net::{SocketAddrV4, TcpListener, TcpStream};

use anyhow::{Context, Result};

/// So many connections, one after the other: connected, accepted, closed by both ends.
pub(crate) fn connect(listener: &TcpListener, to: SocketAddrV4, count: u32) -> Result<()> {
    for _ in 0..count {
        let client = TcpStream::connect(to).context("failed to connect")?;
        let (accepted, _) = listener.accept().context("failed to accept")?;
        drop(client);
        drop(accepted);
    }
    Ok(())
}
