//! What an API server is started with.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use store::Store;

/// Settings of one API server; see [`Options::new`] for the defaults.
#[derive(Clone)]
pub struct Options {
    /// Where all objects are.
    pub store: Store,
    /// Addresses for Services of type ClusterIP.
    pub service_cidr: Cidr,
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
    /// How to speak to kubelets (logs, exec); without it those requests fail with 503.
    pub kubelet_client: Option<KubeletClient>,
    /// Whether requests without an identity are served as `system:anonymous`.
    pub anonymous: bool,
    /// Whether privileged containers may be created.
    pub allow_privileged: bool,
}

/// A client identity for kubelets.
#[derive(Clone)]
pub struct KubeletClient {
    /// Client certificate chain, PEM.
    pub cert_pem: Vec<u8>,
    /// Its private key, PEM.
    pub key_pem: Vec<u8>,
    /// Authorities that sign the kubelets' serving certificates, PEM.
    pub ca_pem: Vec<u8>,
}

/// An IPv4 network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    /// Address of the network, host bits zero.
    pub address: Ipv4Addr,
    /// Prefix length, at most 32.
    pub prefix: u8,
}

// === impl Options ===

impl Options {
    /// The defaults of a cluster on one machine.
    pub fn new(store: Store) -> Self {
        let issuer = "https://kubernetes.default.svc.cluster.local".to_owned();
        Self {
            store,
            service_cidr: Cidr { address: Ipv4Addr::new(10, 43, 0, 0), prefix: 16 },
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
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & self.mask() == self.address.to_bits() & self.mask()
    }

    /// Number of addresses in the network.
    pub fn size(&self) -> u64 {
        1 << (32 - u32::from(self.prefix.min(32)))
    }

    /// The address at that offset from the start of the network.
    pub fn nth(&self, offset: u32) -> Option<Ipv4Addr> {
        let base = self.address.to_bits() & self.mask();
        (u64::from(offset) < self.size()).then(|| Ipv4Addr::from_bits(base + offset))
    }

    fn mask(&self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0)
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}
