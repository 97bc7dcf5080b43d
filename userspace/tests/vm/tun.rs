//! A tun device: raw IP packets in and out of the kernel, from a file descriptor.
//!
//! What is written is received by the kernel before `write` returns, on the writer's CPU; answers
//! can be read at once. Nothing at this end answers by itself, so no SYN-ACK is ever reset.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Instant;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::ioctl::{Updater, ioctl, opcode};
use rustix::net::netdevice::name_to_index;
use rustix::net::{AddressFamily, SocketType, socket};

const DEVICE: &str = "/dev/net/tun";
/// `_IOW('T', 202, int)`; the kernel takes a `struct ifreq` all the same.
const TUNSETIFF: rustix::ioctl::Opcode = opcode::write::<i32>(b'T', 202);
const IFF_TUN: u16 = 1;
/// Packets without a prefix of their own.
const IFF_NO_PI: u16 = 0x1000;
const NAME_SIZE: usize = 16;
/// More than the MTU of a tun device.
const PACKET_SIZE: usize = 2048;

/// The part of `struct ifreq` that TUNSETIFF uses, padded to the size of the whole.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; NAME_SIZE],
    flags: u16,
    padding: [u8; 22],
}

const _: () = assert!(size_of::<InterfaceRequest>() == 40);

/// An open tun device, not blocking; the interface lives as long as this does.
#[derive(Debug)]
pub(crate) struct Tun {
    file: File,
    index: u32,
}

impl Tun {
    /// Makes the interface in the network namespace of the calling thread.
    pub(crate) fn create(name: &str) -> Result<Self> {
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(DEVICE)
            .with_context(|| format!("failed to open {DEVICE}; is the module tun loaded?"))?;
        let mut request =
            InterfaceRequest { name: [0; NAME_SIZE], flags: IFF_TUN | IFF_NO_PI, padding: [0; 22] };
        request.name[..name.len()].copy_from_slice(name.as_bytes());
        // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, whose size and layout
        // `InterfaceRequest` has, and keeps no pointer to it.
        unsafe { ioctl(&file, Updater::<TUNSETIFF, _>::new(&mut request)) }
            .with_context(|| format!("failed to create the tun device {name}"))?;
        let socket = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        let index = name_to_index(&socket, name)
            .with_context(|| format!("failed to find the interface {name}"))?;
        Ok(Self { file, index })
    }

    /// The same device for another thread.
    pub(crate) fn twin(&self) -> Result<Self> {
        let file = self.file.try_clone().context("failed to share the tun")?;
        Ok(Self { file, index: self.index })
    }

    /// Its interface index.
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Gives the kernel a packet.
    pub(crate) fn send(&mut self, packet: &[u8]) -> Result<()> {
        let length = self.file.write(packet).context("failed to write a packet to the tun")?;
        anyhow::ensure!(length == packet.len(), "the tun took {length} of {} bytes", packet.len());
        Ok(())
    }

    /// A packet that the kernel has already sent.
    pub(crate) fn try_receive(&mut self) -> Result<Option<Vec<u8>>> {
        let mut packet = vec![0; PACKET_SIZE];
        match self.file.read(&mut packet) {
            Ok(length) => {
                packet.truncate(length);
                Ok(Some(packet))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error).context("failed to read a packet from the tun"),
        }
    }

    /// The next packet that the kernel sends, or `None` when the deadline has passed without one.
    pub(crate) fn receive(&mut self, deadline: Instant) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(packet) = self.try_receive()? {
                return Ok(Some(packet));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let mut wanted = [PollFd::new(&self.file, PollFlags::IN)];
            poll(&mut wanted, Some(&Timespec::try_from(left)?))
                .context("failed to wait for a packet from the tun")?;
        }
    }
}
