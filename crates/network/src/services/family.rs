//! What differs between IPv4 and IPv6 in a rule: instructions, and how many registers an address takes.

use std::net::IpAddr;

use crate::IpNet;
use crate::nft::expression::{Ct, IPV4, IPV6};
use crate::nft::{Expression, Field, Register};

/// One of the two families of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IpFamily {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl IpFamily {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// Registers (of four bytes) that an address takes.
    pub(super) const fn words(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 4,
        }
    }

    pub(super) const fn field(self) -> Field {
        match self {
            Self::V4 => Field::Ipv4,
            Self::V6 => Field::Ipv6,
        }
    }

    /// Goes on for packets of this family.
    pub(super) const fn only(self) -> [Expression<'static>; 2] {
        match self {
            Self::V4 => IPV4,
            Self::V6 => IPV6,
        }
    }

    pub(super) const fn source(self, to: Register) -> Expression<'static> {
        match self {
            Self::V4 => Expression::Source(to),
            Self::V6 => Expression::Source6(to),
        }
    }

    pub(super) const fn destination(self, to: Register) -> Expression<'static> {
        match self {
            Self::V4 => Expression::Destination(to),
            Self::V6 => Expression::Destination6(to),
        }
    }

    /// Loads the address that the client asked for.
    pub(super) const fn asked(self, to: Register) -> Expression<'static> {
        let key = match self {
            Self::V4 => Ct::Destination,
            Self::V6 => Ct::Destination6,
        };
        Expression::Connection(key, to)
    }

    pub(super) const fn dnat(self, address: Register, port: Register) -> Expression<'static> {
        match self {
            Self::V4 => Expression::Dnat(address, port),
            Self::V6 => Expression::Dnat6(address, port),
        }
    }

    pub(super) const fn snat(self, address: Register) -> Expression<'static> {
        match self {
            Self::V4 => Expression::Snat(address),
            Self::V6 => Expression::Snat6(address),
        }
    }
}

/// The bytes of an address.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// Goes on if the address in `register` lies in `network` (or, if not `inside`, elsewhere). `bytes` is where
/// the network's address lives meanwhile: its [`octets`].
pub(super) fn network<'a>(
    register: Register,
    network: IpNet,
    bytes: &'a [u8],
    inside: bool,
) -> [Expression<'a>; 2] {
    let mask = match network.network() {
        IpAddr::V4(_) => Expression::Mask(register, mask(network.prefix())),
        IpAddr::V6(_) => Expression::Mask6(register, mask(network.prefix())),
    };
    let compare =
        if inside { Expression::Equal(register, bytes) } else { Expression::NotEqual(register, bytes) };
    [mask, compare]
}

/// As many leading ones as `prefix` says.
fn mask<const N: usize>(prefix: u8) -> [u8; N] {
    let mut mask = [0; N];
    for (at, byte) in mask.iter_mut().enumerate() {
        let bits = usize::from(prefix).saturating_sub(8 * at).min(8);
        *byte = (0xff00_u16 >> bits) as u8;
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_the_prefixes_ones() {
        for (prefix, expected) in [
            (0, [0, 0, 0, 0]),
            (1, [0x80, 0, 0, 0]),
            (20, [255, 255, 240, 0]),
            (24, [255, 255, 255, 0]),
            (32, [255; 4]),
        ] {
            assert_eq!(mask::<4>(prefix), expected, "{prefix}");
        }
        assert_eq!(mask::<16>(64)[..], [[255; 8], [0; 8]].concat());
    }
}
