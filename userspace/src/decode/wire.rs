//! The bytes of one wire struct, read at the offsets that the compiler gave its fields.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ebpf_probes::UnknownId;

use super::DecodeError;

/// A number or an array as it lies in memory, host byte order.
pub(super) trait Plain: Sized {
    /// Reads it from the start of `bytes`, which are as many as it needs.
    fn plain(bytes: &[u8]) -> Self;
}

impl<const N: usize> Plain for [u8; N] {
    fn plain(bytes: &[u8]) -> Self {
        let mut array = [0; N];
        array.copy_from_slice(&bytes[..N]);
        array
    }
}

macro_rules! plain {
    ($($number:ty),+) => {
        $(impl Plain for $number {
            fn plain(bytes: &[u8]) -> Self {
                Self::from_ne_bytes(Plain::plain(bytes))
            }
        })+
    };
}

plain!(u8, u16, u32, u64);

/// Bytes of the right length for a `T`.
pub(super) struct Wire<'a, T> {
    what: &'static str,
    bytes: &'a [u8],
    layout: PhantomData<T>,
}

impl<'a, T> Wire<'a, T> {
    pub(super) fn new(what: &'static str, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (expected, found) = (size_of::<T>(), bytes.len());
        if found != expected {
            return Err(DecodeError::Size { what, expected, found });
        }
        Ok(Self { what, bytes, layout: PhantomData })
    }

    /// The field at `offset`. Naming it a second time gives it the type that it has in `T`.
    pub(super) fn get<F: Plain>(&self, offset: usize, _field: fn(&T) -> F) -> F {
        F::plain(&self.bytes[offset..])
    }

    pub(super) fn id<N, I: TryFrom<N, Error = UnknownId>>(&self, id: N) -> Result<I, DecodeError> {
        I::try_from(id).map_err(|id| DecodeError::Id { what: self.what, id })
    }

    pub(super) fn flag(&self, field: &'static str, value: u8) -> Result<bool, DecodeError> {
        match value {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.value(field, value.into())),
        }
    }

    pub(super) fn zero(&self, padding: &[u8]) -> Result<(), DecodeError> {
        match padding.iter().find(|&&byte| byte != 0) {
            None => Ok(()),
            Some(&byte) => Err(self.value("padding", byte.into())),
        }
    }

    /// An address of the given IP version. IPv4 ones travel v4-mapped; a v4-mapped address in an
    /// IPv6 packet, or that an IPv6 listener is bound to, stays what it is.
    pub(super) fn address(
        &self,
        field: &'static str,
        version: u8,
        address: [u8; 16],
        port: u16,
    ) -> Result<SocketAddr, DecodeError> {
        let address = Ipv6Addr::from(address);
        let ip = match version {
            4 => address.to_ipv4_mapped().map(IpAddr::V4),
            6 => Some(IpAddr::V6(address)),
            _ => None,
        };
        ip.map(|ip| SocketAddr::new(ip, port)).ok_or_else(|| self.value(field, version.into()))
    }

    pub(super) fn value(&self, field: &'static str, value: u32) -> DecodeError {
        DecodeError::Value { what: self.what, field, value }
    }
}
