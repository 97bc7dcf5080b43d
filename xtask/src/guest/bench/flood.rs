//! SYNs from a raw socket, each of another client, as cheaply as they can be sent.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result, ensure};
use rustix::net::{AddressFamily, Protocol, SendFlags, SocketType, sendto, socket};

use rustix::net::ipproto::RAW;

/// Where clients come from, a network that is for benchmarks (RFC 2544).
pub(crate) const NETWORK: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);
/// Its length.
pub(crate) const PREFIX: u8 = 15;
/// Ports of one address before the next address comes.
const PORTS: u32 = 30_000;
const FIRST_PORT: u32 = 20_000;

const IP_HEADER: usize = 20;
const TCP_HEADER: usize = 24;
const LENGTH: usize = IP_HEADER + TCP_HEADER;

/// A sender that never sends from the same address and port twice.
pub(crate) struct Flood {
    socket: OwnedFd,
    to: SocketAddrV4,
    next: u32,
}

impl Flood {
    /// SYNs to `to`. Each load has a `lane` of clients of its own.
    pub(crate) fn new(to: SocketAddrV4, lane: u8) -> Result<Self> {
        let protocol: Protocol = RAW;
        let socket = socket(AddressFamily::INET, SocketType::RAW, Some(protocol))
            .context("failed to open a raw socket")?;
        Ok(Self { socket, to, next: u32::from(lane) << 8 << 16 })
    }

    /// Sends so many.
    pub(crate) fn send(&mut self, count: u32) -> Result<()> {
        for _ in 0..count {
            let packet = syn(self.client(), self.to);
            let sent = sendto(&self.socket, &packet, SendFlags::empty(), &self.to)
                .context("failed to send a SYN")?;
            ensure!(sent == LENGTH, "only {sent} bytes of a SYN were sent");
        }
        Ok(())
    }

    fn client(&mut self) -> SocketAddrV4 {
        let (lane, number) = (self.next >> 24, self.next & 0xff_ffff);
        self.next += 1;
        let host = u32::from(NETWORK) + (lane << 8) + number / PORTS + 1;
        let port = u16::try_from(FIRST_PORT + number % PORTS).unwrap_or(u16::MAX);
        SocketAddrV4::new(host.into(), port)
    }
}

/// An IP packet with a SYN in it that offers a segment size.
fn syn(from: SocketAddrV4, to: SocketAddrV4) -> [u8; LENGTH] {
    let mut packet = [0; LENGTH];
    let (ip, tcp) = packet.split_at_mut(IP_HEADER);
    // Version and length; the kernel writes total length, number and checksum.
    ip[0] = 0x45;
    ip[8] = 64;
    ip[9] = 6;
    ip[12..16].copy_from_slice(&from.ip().octets());
    ip[16..20].copy_from_slice(&to.ip().octets());
    tcp[0..2].copy_from_slice(&from.port().to_be_bytes());
    tcp[2..4].copy_from_slice(&to.port().to_be_bytes());
    tcp[4..8].copy_from_slice(&1000_u32.to_be_bytes());
    // Six words of header, SYN, window.
    tcp[12..16].copy_from_slice(&[0x60, 0x02, 0xfa, 0xf0]);
    // An option of four bytes: 1460 bytes fit.
    tcp[20..24].copy_from_slice(&[2, 4, 0x05, 0xb4]);
    let checksum = checksum(*from.ip(), *to.ip(), tcp);
    tcp[16..18].copy_from_slice(&checksum.to_be_bytes());
    packet
}

fn checksum(from: Ipv4Addr, to: Ipv4Addr, tcp: &[u8]) -> u16 {
    let words = |bytes: &[u8]| -> u32 {
        bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum()
    };
    let length = u32::try_from(tcp.len()).unwrap_or(u32::MAX);
    let mut sum = words(&from.octets()) + words(&to.octets()) + 6 + length + words(tcp);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_with_its_checksum_sums_up_to_zero() {
        let from = SocketAddrV4::new(Ipv4Addr::new(198, 18, 3, 4), 20_001);
        let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
        let packet = syn(from, to);
        assert_eq!(checksum(*from.ip(), *to.ip(), &packet[IP_HEADER..]), 0);
    }
}
