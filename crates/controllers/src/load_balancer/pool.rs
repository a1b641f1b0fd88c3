//! Addresses that LoadBalancer Services are given: networks and ranges of either family. Pure.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ranges of addresses, in the order in which they are used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPool {
    /// First and last address, of one family.
    ranges: Vec<(IpAddr, IpAddr)>,
}

impl AddressPool {
    /// Reads `192.0.2.0/28,192.0.2.100-192.0.2.120,2001:db8::/120`. Of an IPv4 network of more than two addresses
    /// the first and the last are left out: hosts take them for the network and its broadcast address.
    /// `None` if a part is neither a network nor a range.
    pub fn parse(text: &str) -> Option<Self> {
        let ranges = text.split(',').map(|part| range(part.trim())).collect::<Option<Vec<_>>>()?;
        Some(Self { ranges })
    }

    /// Whether the address is one of the pool's.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.ranges
            .iter()
            .any(|(first, last)| first.is_ipv4() == address.is_ipv4() && (*first..=*last).contains(&address))
    }

    /// The first address of a family that is not taken.
    pub(super) fn free(&self, ipv4: bool, taken: &HashSet<IpAddr>) -> Option<IpAddr> {
        let of_family = self.ranges.iter().filter(|(first, _)| first.is_ipv4() == ipv4);
        // At most as many steps as there are taken addresses in the range.
        of_family.into_iter().find_map(|(first, last)| {
            (0..=bits(*last) - bits(*first)).map(|step| at(*first, step)).find(|one| !taken.contains(one))
        })
    }
}

fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    if let Some((first, last)) = text.split_once('-') {
        let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        return (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last));
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let first: IpAddr = address.parse().ok()?;
    let width = if first.is_ipv4() { 32 } else { 128 };
    let host = width - prefix.unwrap_or(width).min(width);
    if prefix.is_some_and(|prefix| prefix > width) || bits(first).trailing_zeros() < host.min(127) {
        return None;
    }
    let ones = 1_u128.checked_shl(host).map_or(u128::MAX, |size| size - 1);
    let edges = u128::from(first.is_ipv4() && host > 1);
    Some((at(first, edges), at(first, ones - edges)))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The address so many after `first`.
fn at(first: IpAddr, step: u128) -> IpAddr {
    match first {
        // A step of IPv4 has 32 bits.
        IpAddr::V4(first) => Ipv4Addr::from_bits(first.to_bits().wrapping_add(step as u32)).into(),
        IpAddr::V6(first) => Ipv6Addr::from_bits(first.to_bits().wrapping_add(step)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn pools_are_read_and_bad_ones_refused() {
        let pool =
            AddressPool::parse("192.0.2.0/30, 198.51.100.7-198.51.100.8,2001:db8::/127,203.0.113.9").unwrap();
        for (address, inside) in [
            ("192.0.2.0", false),
            ("192.0.2.1", true),
            ("192.0.2.2", true),
            ("192.0.2.3", false),
            ("198.51.100.8", true),
            ("198.51.100.9", false),
            ("2001:db8::", true),
            ("2001:db8::2", false),
            ("203.0.113.9", true),
        ] {
            assert_eq!(pool.contains(ip(address)), inside, "{address}");
        }
        for text in ["", "x", "192.0.2.1/24", "192.0.2.9-192.0.2.1", "192.0.2.1-2001:db8::", "192.0.2.0/33"] {
            assert_eq!(AddressPool::parse(text), None, "{text}");
        }
        assert!(AddressPool::parse("0.0.0.0/0,::/0").is_some());
    }

    #[test]
    fn free_addresses_are_given_in_order_until_there_are_none() {
        let pool = AddressPool::parse("192.0.2.0/30,198.51.100.7,2001:db8::5-2001:db8::6").unwrap();
        let mut taken = HashSet::new();
        for expected in [Some("192.0.2.1"), Some("192.0.2.2"), Some("198.51.100.7"), None] {
            let free = pool.free(true, &taken);
            assert_eq!(free, expected.map(ip));
            taken.extend(free);
        }
        assert_eq!(pool.free(false, &taken), Some(ip("2001:db8::5")));
    }
}
