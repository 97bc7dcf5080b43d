//! TCP segments as bytes of IP packets, and back.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};
use etherparse::{
    Icmpv4Type, Icmpv6Type, NetHeaders, PacketBuilder, PacketHeaders, TcpHeader, TcpOptionElement,
    TransportHeader,
};

use crate::flow::Flow;
use crate::signature;

const HOPS: u8 = 64;
const WINDOW: u16 = 64_000;
/// Fits the MTU of a tun device with IPv6 headers.
const MSS: u16 = 1440;

/// What a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the protocol's flags")]
pub(crate) struct Segment {
    pub(crate) syn: bool,
    pub(crate) ack: bool,
    pub(crate) rst: bool,
    pub(crate) fin: bool,
    pub(crate) seq: u32,
    pub(crate) ack_seq: u32,
    /// The timestamps option: the sender's clock, and the echo of the other's.
    pub(crate) stamps: Option<(u32, u32)>,
    /// Further TCP options as they are on the wire.
    pub(crate) options: &'static [u8],
    pub(crate) data: &'static [u8],
    /// What it is signed with.
    pub(crate) key: Option<&'static [u8]>,
}

impl Segment {
    /// Whether it opens the server's half of a connection.
    pub(crate) fn is_synack(&self) -> bool {
        self.syn && self.ack && !self.rst
    }

    /// The IP packet that carries it from the flow's client to its server.
    pub(crate) fn packet(&self, flow: &Flow) -> Result<Vec<u8>> {
        let ip = match (flow.client.ip(), flow.server.ip()) {
            (IpAddr::V4(client), IpAddr::V4(server)) => {
                PacketBuilder::ipv4(client.octets(), server.octets(), HOPS)
            }
            (IpAddr::V6(client), IpAddr::V6(server)) => {
                PacketBuilder::ipv6(client.octets(), server.octets(), HOPS)
            }
            mixed => bail!("no packet has the two addresses {mixed:?}"),
        };
        let mut header = TcpHeader::new(flow.client.port(), flow.server.port(), self.seq, WINDOW);
        header.syn = self.syn;
        header.ack = self.ack;
        header.rst = self.rst;
        header.fin = self.fin;
        header.acknowledgment_number = self.ack_seq;
        let mut options = Vec::new();
        if self.syn {
            options.push(TcpOptionElement::MaximumSegmentSize(MSS));
        }
        if let Some((own, echo)) = self.stamps {
            options.push(TcpOptionElement::Timestamp(own, echo));
        }
        header.set_options(&options).context("failed to write TCP options")?;
        let mut raw = [header.options.as_slice(), self.options].concat();
        header.set_options_raw(&raw).context("failed to write TCP options")?;
        if let Some(key) = self.key {
            let signature = raw.len() + signature::SIZE - signature::LENGTH;
            raw.extend(signature::place());
            header.set_options_raw(&raw).context("failed to write TCP options")?;
            let bytes = [header.to_bytes().as_slice(), self.data].concat();
            let signed = signature::of(&bytes, header.header_len(), flow, key);
            raw[signature..].copy_from_slice(&signed);
            header.set_options_raw(&raw).context("failed to write TCP options")?;
        }
        let mut packet = Vec::new();
        ip.tcp_header(header).write(&mut packet, self.data).context("failed to build a packet")?;
        Ok(packet)
    }

    fn of(header: &TcpHeader) -> Self {
        let stamps = header.options_iterator().find_map(|option| match option {
            Ok(TcpOptionElement::Timestamp(own, echo)) => Some((own, echo)),
            _ => None,
        });
        Self {
            syn: header.syn,
            ack: header.ack,
            rst: header.rst,
            fin: header.fin,
            seq: header.sequence_number,
            ack_seq: header.acknowledgment_number,
            stamps,
            options: &[],
            data: &[],
            key: None,
        }
    }
}

/// A packet that came from the kernel.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A segment from a server to a client.
    Tcp(Flow, Segment),
    /// The reply to the echo request of this number.
    Echo(u16),
    /// What a host sends on its own, such as router solicitations.
    Other,
}

impl Heard {
    pub(crate) fn parse(packet: &[u8]) -> Result<Self> {
        let headers = PacketHeaders::from_ip_slice(packet)
            .context("failed to parse a packet of the kernel")?;
        let (source, destination): (IpAddr, IpAddr) = match headers.net {
            Some(NetHeaders::Ipv4(ip, _)) => (ip.source.into(), ip.destination.into()),
            Some(NetHeaders::Ipv6(ip, _)) => (ip.source.into(), ip.destination.into()),
            _ => return Ok(Self::Other),
        };
        Ok(match headers.transport {
            Some(TransportHeader::Tcp(tcp)) => {
                let flow = Flow {
                    client: SocketAddr::new(destination, tcp.destination_port),
                    server: SocketAddr::new(source, tcp.source_port),
                };
                Self::Tcp(flow, Segment::of(&tcp))
            }
            Some(TransportHeader::Icmpv4(icmp)) => match icmp.icmp_type {
                Icmpv4Type::EchoReply(echo) => Self::Echo(echo.seq),
                _ => Self::Other,
            },
            Some(TransportHeader::Icmpv6(icmp)) => match icmp.icmp_type {
                Icmpv6Type::EchoReply(echo) => Self::Echo(echo.seq),
                _ => Self::Other,
            },
            _ => Self::Other,
        })
    }
}

/// An echo request of this number.
pub(crate) fn echo_request(from: IpAddr, to: IpAddr, number: u16) -> Result<Vec<u8>> {
    let mut packet = Vec::new();
    let built = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOPS)
            .icmpv4_echo_request(0, number)
            .write(&mut packet, &[]),
        (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), HOPS)
            .icmpv6_echo_request(0, number)
            .write(&mut packet, &[]),
        mixed => bail!("no packet has the two addresses {mixed:?}"),
    };
    built.context("failed to build an echo request")?;
    Ok(packet)
}
