//! What an API server is started with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use store::Store;

/// Settings of one API server; see [`Options::new`] for the defaults.
#[derive(Clone)]
pub struct Options {
    /// Where all objects are.
    pub store: Store,
    /// Addresses for Services of type ClusterIP.
    pub service_cidr: Cidr,
    /// IPv6 addresses for them; `None` is a cluster with IPv4 alone.
    pub service_cidr6: Option<Cidr>,
    /// Ports for Services of type NodePort.
    pub node_ports: RangeInclusive<u16>,
    /// DNS domain of the cluster, e.g. `cluster.local`.
    pub cluster_domain: String,
    /// Address at which pods and other nodes reach this server; goes into the `kubernetes` Endpoints.
    pub advertise_address: IpAddr,
    /// Port that goes with it.
    pub advertise_port: u16,
    /// Certificates (PEM) of the authorities whose client certificates are believed; may be empty.
    pub client_ca_pem: Vec<u8>,
    /// Private key (PEM, PKCS#8, ECDSA P-256 or RSA) that signs service account tokens; without one no
    /// token is issued or believed.
    pub service_account_key_pem: Option<Vec<u8>>,
    /// `iss` of the tokens.
    pub service_account_issuer: String,
    /// `aud` of tokens for this server itself.
    pub api_audiences: Vec<String>,
    /// How to speak to kubelets (logs, exec): who we are and which authority is theirs. Without it those requests
    /// fail with 503.
    pub kubelet_client: Option<Arc<rustls::ClientConfig>>,
    /// Whether requests without an identity are served as `system:anonymous`.
    pub anonymous: bool,
    /// Whether privileged containers may be created.
    pub allow_privileged: bool,
}

/// A network of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    /// Address of the network, host bits zero.
    pub address: IpAddr,
    /// Prefix length, at most 32 or 128.
    pub prefix: u8,
}

// === impl Options ===

impl Options {
    /// The defaults of a cluster on one machine.
    pub fn new(store: Store) -> Self {
        let issuer = "https://kubernetes.default.svc.cluster.local".to_owned();
        Self {
            store,
            service_cidr: Cidr { address: Ipv4Addr::new(10, 43, 0, 0).into(), prefix: 16 },
            service_cidr6: None,
            node_ports: 30000..=32767,
            cluster_domain: "cluster.local".into(),
            advertise_address: IpAddr::V4(Ipv4Addr::new(10, 42, 0, 1)),
            advertise_port: 16443,
            client_ca_pem: Vec::new(),
            service_account_key_pem: None,
            api_audiences: vec![issuer.clone()],
            service_account_issuer: issuer,
            kubelet_client: None,
            anonymous: true,
            allow_privileged: true,
        }
    }
}

// === impl Cidr ===

impl Cidr {
    /// Whether `address` lies in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        let start = |address| bits(address).unbounded_shr(self.host_bits());
        address.is_ipv4() == self.address.is_ipv4() && start(address) == start(self.address)
    }

    /// Number of addresses in the network; the largest number if there are more.
    pub fn size(&self) -> u64 {
        1_u64.checked_shl(self.host_bits()).unwrap_or(u64::MAX)
    }

    /// The address at that offset from the start of the network.
    pub fn nth(&self, offset: u32) -> Option<IpAddr> {
        if u64::from(offset) >= self.size() {
            return None;
        }
        let host = self.host_bits();
        let address = bits(self.address).unbounded_shr(host).unbounded_shl(host) + u128::from(offset);
        Some(match self.address {
            // Bits above the lowest 32 are zero here.
            IpAddr::V4(_) => Ipv4Addr::from_bits(address as u32).into(),
            IpAddr::V6(_) => Ipv6Addr::from_bits(address).into(),
        })
    }

    /// The name of its family in the API.
    pub fn family(&self) -> &'static str {
        if self.address.is_ipv4() { "IPv4" } else { "IPv6" }
    }

    fn host_bits(&self) -> u32 {
        let width = if self.address.is_ipv4() { 32 } else { 128 };
        width - u32::from(self.prefix).min(width)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_bits().into(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_both_families_are_counted_through() {
        let four = Cidr { address: Ipv4Addr::new(10, 43, 0, 0).into(), prefix: 16 };
        assert_eq!((four.size(), four.nth(10).unwrap().to_string()), (65_536, "10.43.0.10".to_owned()));
        assert_eq!(four.nth(65_536), None);
        assert!(four.contains(Ipv4Addr::new(10, 43, 255, 255).into()));
        assert!(!four.contains(Ipv4Addr::new(10, 44, 0, 0).into()));
        let six = Cidr { address: "fd00:10:43::".parse().unwrap(), prefix: 112 };
        assert_eq!((six.size(), six.nth(10).unwrap().to_string()), (65_536, "fd00:10:43::a".to_owned()));
        assert!(six.contains("fd00:10:43::ffff".parse().unwrap()));
        assert!(
            !six.contains("fd00:10:43::1:0".parse().unwrap()) && !six.contains(Ipv4Addr::UNSPECIFIED.into())
        );
        assert_eq!(Cidr { prefix: 64, ..six }.size(), u64::MAX);
    }
}
