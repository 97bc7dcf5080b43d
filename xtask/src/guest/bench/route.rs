//! A route for the answers to the flood's clients: over `lo`, where they go nowhere.
//!
//! The clients' addresses are nobody's, so an answer is neither reset, which would cost more than
//! the SYN, nor sent through a device whose driver would be measured too. The kernel drops it when
//! it comes back on `lo`.

use anyhow::Result;

use super::flood::{NETWORK, PREFIX};
use crate::loopback::{LO_INDEX, ask};

const RTM_NEWROUTE: u16 = 24;
/// `NLM_F_REQUEST`, `NLM_F_ACK`, `NLM_F_CREATE`
const FLAGS: u16 = 0x1 | 0x4 | 0x400;
const AF_INET: u8 = 2;
/// `RT_TABLE_MAIN`, `RTPROT_BOOT`, `RT_SCOPE_LINK`, `RTN_UNICAST`
const KIND: [u8; 4] = [254, 3, 253, 1];
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
/// A netlink header, an `rtmsg`, two attributes of a header and four bytes each.
const LENGTH: u32 = 16 + 12 + 8 + 8;

/// Adds the route and waits for the kernel's answer.
pub(crate) fn clients_behind_loopback() -> Result<()> {
    ask(&request())
}

fn request() -> Vec<u8> {
    let mut message = Vec::with_capacity(LENGTH as usize);
    // struct nlmsghdr: length, type, flags, sequence, port.
    message.extend(LENGTH.to_ne_bytes());
    message.extend(RTM_NEWROUTE.to_ne_bytes());
    message.extend(FLAGS.to_ne_bytes());
    message.extend([0; 8]);
    // struct rtmsg: family, lengths of both networks, type of service, kind, flags.
    message.extend([AF_INET, PREFIX, 0, 0]);
    message.extend(KIND);
    message.extend([0; 4]);
    attribute(&mut message, RTA_DST, NETWORK.octets());
    attribute(&mut message, RTA_OIF, LO_INDEX.to_ne_bytes());
    message
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: [u8; 4]) {
    message.extend(8_u16.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_as_long_as_it_says() {
        assert_eq!(request().len(), LENGTH as usize);
    }
}
