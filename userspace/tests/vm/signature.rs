//! The MD5 signature of a segment (RFC 2385).

use std::net::IpAddr;

use md5::{Digest, Md5};

use crate::flow::Flow;

/// What the option takes: kind, length, the signature, and two bytes to fill it up.
pub(crate) const SIZE: usize = 20;
/// The signature itself.
pub(crate) const LENGTH: usize = 16;
const PROTOCOL: u8 = 6;
/// The header without its options, and where its checksum is.
const HEADER: usize = 20;
const CHECKSUM: std::ops::Range<usize> = 16..18;

/// The option without a signature, which is the last of a header.
pub(crate) fn place() -> [u8; SIZE] {
    let mut option = [0; SIZE];
    option[..4].copy_from_slice(&[1, 1, 19, 18]);
    option
}

/// The signature of the segment, given as it is on the wire.
pub(crate) fn of(segment: &[u8], header_length: usize, flow: &Flow, key: &[u8]) -> [u8; LENGTH] {
    let mut md5 = Md5::new();
    match (flow.client.ip(), flow.server.ip()) {
        (IpAddr::V4(client), IpAddr::V4(server)) => {
            md5.update(client.octets());
            md5.update(server.octets());
            let length = u16::try_from(segment.len()).unwrap_or(u16::MAX);
            md5.update([0, PROTOCOL]);
            md5.update(length.to_be_bytes());
        }
        (client, server) => {
            for end in [client, server] {
                match end {
                    IpAddr::V4(address) => md5.update(address.to_ipv6_mapped().octets()),
                    IpAddr::V6(address) => md5.update(address.octets()),
                }
            }
            let length = u32::try_from(segment.len()).unwrap_or(u32::MAX);
            md5.update(length.to_be_bytes());
            md5.update([0, 0, 0, PROTOCOL]);
        }
    }
    let mut header = [0; HEADER];
    header.copy_from_slice(&segment[..HEADER]);
    header[CHECKSUM].fill(0);
    md5.update(header);
    md5.update(&segment[header_length..]);
    md5.update(key);
    md5.finalize().into()
}
