//! Networks in prefix notation: parsing, containment, overlap. Pure. [`Ipv4Net`] where only IPv4 can be,
//! [`IpNet`] where either family can.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// An IPv4 network such as `10.42.0.0/24`. Bits below the prefix are always zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ipv4Net {
    address: u32,
    prefix: u8,
}

/// Why a text is not an IPv4 network.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The text has not the form `a.b.c.d/prefix`.
    #[error("{0:?} is not an IPv4 network: write it as 10.42.0.0/24")]
    Form(String),
    /// Address bits beyond the prefix are set.
    #[error("{given:?} has host bits set: write {network}")]
    HostBits {
        /// What was given.
        given: String,
        /// The network that the address lies in.
        network: Ipv4Net,
    },
}

impl Ipv4Net {
    /// The network of `prefix` bits (at most 32) that `address` lies in.
    pub fn containing(address: Ipv4Addr, prefix: u8) -> Self {
        let prefix = prefix.min(32);
        Self { address: address.to_bits() & mask(prefix), prefix }
    }

    /// First address of the network.
    pub fn network(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address)
    }

    /// Last address of the network: the broadcast address of a subnet.
    pub fn last(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address | !mask(self.prefix))
    }

    /// Number of leading bits that are fixed, 0 to 32.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The netmask: as many leading ones as the prefix has bits.
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(mask(self.prefix))
    }

    /// Whether `address` lies in this network.
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix) == self.address
    }

    /// Whether the two networks share an address.
    pub fn overlaps(&self, other: &Ipv4Net) -> bool {
        let shorter = mask(self.prefix.min(other.prefix));
        self.address & shorter == other.address & shorter
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Ipv4Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.prefix)
    }
}

impl FromStr for Ipv4Net {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let form = || ParseError::Form(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(form)?;
        let address: Ipv4Addr = address.parse().map_err(|_| form())?;
        let prefix: u8 = prefix.parse().ok().filter(|p| *p <= 32).ok_or_else(form)?;
        let network = Self::containing(address, prefix);
        if network.network() != address {
            return Err(ParseError::HostBits { given: text.to_owned(), network });
        }
        Ok(network)
    }
}

/// A network of either family, such as `10.42.0.0/24` or `fd00:10:42::/64`. Bits below the prefix are
/// always zero; the two families never contain or overlap each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpNet {
    address: IpAddr,
    prefix: u8,
}

/// Why a text is not a network of either family.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum IpParseError {
    /// The text has not the form `address/prefix`.
    #[error("{0:?} is not a network: write it as 10.42.0.0/24 or fd00:10:42::/64")]
    Form(String),
    /// Address bits beyond the prefix are set.
    #[error("{given:?} has host bits set: write {network}")]
    HostBits {
        /// What was given.
        given: String,
        /// The network that the address lies in.
        network: IpNet,
    },
}

impl IpNet {
    /// The network of `prefix` bits (at most 32 or 128) that `address` lies in.
    pub fn containing(address: IpAddr, prefix: u8) -> Self {
        match address {
            IpAddr::V4(address) => Ipv4Net::containing(address, prefix).into(),
            IpAddr::V6(address) => {
                let prefix = prefix.min(128);
                let address = Ipv6Addr::from_bits(address.to_bits() & mask6(prefix));
                Self { address: address.into(), prefix }
            }
        }
    }

    /// The network that holds this address alone.
    pub fn single(address: IpAddr) -> Self {
        Self::containing(address, 128)
    }

    /// First address of the network.
    pub fn network(&self) -> IpAddr {
        self.address
    }

    /// Last address of the network.
    pub fn last(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() | !mask(self.prefix)).into(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() | !mask6(self.prefix)).into(),
        }
    }

    /// Number of leading bits that are fixed, 0 to 32 or 128.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether this is an IPv4 network.
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }

    /// Whether `address` lies in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_ipv4() && Self::containing(address, self.prefix) == *self
    }

    /// Whether the two networks share an address.
    pub fn overlaps(&self, other: &IpNet) -> bool {
        let shorter = self.prefix.min(other.prefix);
        Self::containing(self.address, shorter) == Self::containing(other.address, shorter)
    }
}

fn mask6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

impl From<Ipv4Net> for IpNet {
    fn from(network: Ipv4Net) -> Self {
        Self { address: network.network().into(), prefix: network.prefix }
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for IpNet {
    type Err = IpParseError;

    fn from_str(text: &str) -> Result<Self, IpParseError> {
        let form = || IpParseError::Form(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(form)?;
        let address: IpAddr = address.parse().map_err(|_| form())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let prefix: u8 = prefix.parse().ok().filter(|p| *p <= longest).ok_or_else(form)?;
        let network = Self::containing(address, prefix);
        if network.network() != address {
            return Err(IpParseError::HostBits { given: text.to_owned(), network });
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_both_families_parse_contain_and_overlap() {
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for text in ["10.42.0.0/24", "fd00:10:42::/64", "::/0", "0.0.0.0/0", "2001:db8::1/128"] {
            assert_eq!(net(text).to_string(), text);
        }
        for text in ["fd00::/129", "fd00::", "10.0.0.0/33", "", "/", "::ffff:1.2.3.4"] {
            assert!(matches!(text.parse::<IpNet>(), Err(IpParseError::Form(_))), "{text}");
        }
        let error = "fd00::1/64".parse::<IpNet>().unwrap_err().to_string();
        assert_eq!(error, "\"fd00::1/64\" has host bits set: write fd00::/64");
        assert!(
            net("fd00::/64").contains(ip("fd00::ffff")) && !net("fd00::/64").contains(ip("fd00:0:0:1::"))
        );
        assert!(!net("::/0").contains(ip("10.0.0.1")) && !net("::/0").overlaps(&net("0.0.0.0/0")));
        assert!(net("fd00::/16").overlaps(&net("fd00:1::/64")) && net("0.0.0.0/0").contains(ip("9.9.9.9")));
        assert_eq!(net("fd00::/112").last(), ip("fd00::ffff"));
        assert_eq!(net("10.1.0.0/23").last(), ip("10.1.1.255"));
        assert_eq!(IpNet::single(ip("10.1.0.7")).to_string(), "10.1.0.7/32");
    }

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn parses_what_it_prints_and_refuses_the_rest() {
        for text in ["10.42.0.0/24", "0.0.0.0/0", "192.0.2.7/32", "10.0.0.0/9"] {
            assert_eq!(net(text).to_string(), text);
        }
        for text in ["10.42.0.0", "10.42.0.0/33", "10.42.0/24", "", "/", "10.42.0.0/-1", "fd00::/64"] {
            assert!(matches!(text.parse::<Ipv4Net>(), Err(ParseError::Form(_))), "{text}");
        }
        let error = "10.42.0.1/24".parse::<Ipv4Net>().unwrap_err();
        assert_eq!(error.to_string(), "\"10.42.0.1/24\" has host bits set: write 10.42.0.0/24");
    }

    #[test]
    fn overlap_is_containment_of_the_smaller() {
        assert!(net("10.42.0.0/24").overlaps(&net("10.0.0.0/8")));
        assert!(net("10.0.0.0/8").overlaps(&net("10.42.0.0/24")));
        assert!(net("0.0.0.0/0").overlaps(&net("10.42.0.0/24")));
        assert!(!net("10.42.0.0/24").overlaps(&net("10.42.1.0/24")));
        assert!(net("10.42.0.0/24").contains(Ipv4Addr::new(10, 42, 0, 255)));
        assert!(!net("10.42.0.0/24").contains(Ipv4Addr::new(10, 42, 1, 0)));
        assert_eq!(net("10.42.0.0/23").last(), Ipv4Addr::new(10, 42, 1, 255));
        assert_eq!(net("10.42.0.0/23").mask(), Ipv4Addr::new(255, 255, 254, 0));
        assert_eq!(net("0.0.0.0/0").mask(), Ipv4Addr::UNSPECIFIED);
    }
}
