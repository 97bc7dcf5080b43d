//! ICMP errors about packets of a server, as a router on the way to the client sends them.

use std::net::IpAddr;

use anyhow::{Context, Result, bail};
use etherparse::icmpv6::DestUnreachableCode;
use etherparse::{Icmpv4Type, Icmpv6Type, PacketBuilder, icmpv4::TimeExceededCode};

use crate::flow::Flow;
use crate::segment::Segment;

const HOPS: u8 = 64;
/// Ports and number are in the first 8 bytes of a TCP header; more is not quoted.
const QUOTED: usize = 8;
const WINDOW: u16 = 0;

/// The error that ends a half-open request at once, quoting the server's segment: over IPv4 that
/// it went in circles, over IPv6 that it was not let through.
pub(crate) fn fatal(router: IpAddr, flow: &Flow, segment: Segment) -> Result<Vec<u8>> {
    let mut packet = Vec::new();
    let mut quoted = Vec::new();
    let (from, to) = (flow.server, flow.client);
    match (router, from.ip(), to.ip()) {
        (IpAddr::V4(router), IpAddr::V4(server), IpAddr::V4(client)) => {
            PacketBuilder::ipv4(server.octets(), client.octets(), HOPS)
                .tcp(from.port(), to.port(), segment.seq, WINDOW)
                .write(&mut quoted, &[])
                .context("failed to build what is quoted")?;
            PacketBuilder::ipv4(router.octets(), server.octets(), HOPS)
                .icmpv4(Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit))
                .write(&mut packet, &quoted[..20 + QUOTED])
        }
        (IpAddr::V6(router), IpAddr::V6(server), IpAddr::V6(client)) => {
            PacketBuilder::ipv6(server.octets(), client.octets(), HOPS)
                .tcp(from.port(), to.port(), segment.seq, WINDOW)
                .write(&mut quoted, &[])
                .context("failed to build what is quoted")?;
            PacketBuilder::ipv6(router.octets(), server.octets(), HOPS)
                .icmpv6(Icmpv6Type::DestinationUnreachable(DestUnreachableCode::Prohibited))
                .write(&mut packet, &quoted[..40 + QUOTED])
        }
        mixed => bail!("no ICMP error has the addresses {mixed:?}"),
    }
    .context("failed to build an ICMP error")?;
    Ok(packet)
}
