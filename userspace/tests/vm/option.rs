//! Socket options that rustix does not know.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use anyhow::Result;

/// Sets one; `T` must be what the option takes.
pub(crate) fn set<T>(socket: impl AsFd, level: i32, name: i32, value: &T) -> Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>())?;
    let socket = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed and open, and so many bytes can be read at the address.
    let set = unsafe { libc::setsockopt(socket, level, name, (&raw const *value).cast(), length) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
}
