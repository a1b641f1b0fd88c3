//! One node's pods: registration, workers, probes, volumes, status and the kubelet's HTTPS endpoints.
//!
//! A client of the API like any other: it reads pods bound to its node through one watch, and writes
//! their status back. Knows nothing of scheduling, of Services beyond their environment variables, and
//! nothing of how namespaces, cgroups or links are made: that is `runtime` and `network`.
//!
//! Invariant: everything needed to go on after a crash lives in the API and in the runtime's own
//! folders. Killing this process leaves every pod running; the next start adopts them.
#![forbid(unsafe_code)]

mod fetch;
mod grpc;
mod handlers;
mod hooks;
mod images;
mod pod;
mod probes;
mod refs;
mod spec;
mod volumes;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

/// What a kubelet needs to run one node.
pub struct Options {
    /// Folder of the cluster; pods live in `pods/<uid>`, logs in `logs/pods`.
    pub home: PathBuf,
    /// Name of the Node object.
    pub node_name: String,
    /// InternalIP of the node, where the HTTPS endpoints listen.
    pub node_address: Ipv4Addr,
    /// Labels put on the Node beside the well-known ones.
    pub node_labels: BTreeMap<String, String>,
    /// API client with the identity `system:node:<node_name>`, group `system:nodes`.
    pub client: kube::Client,
    /// Starts containers.
    pub engine: runtime::Engine,
    /// Gives pods their address.
    pub network: Arc<network::PodNetwork>,
    /// Where images are found.
    pub images: image::ContentStore,
    /// Address of the cluster's DNS server, written into pods' resolv.conf.
    pub cluster_dns: Ipv4Addr,
    /// Domain of the cluster, usually `cluster.local`.
    pub cluster_domain: String,
    /// The pods' address range, shown in `spec.podCIDR` of the Node.
    pub pod_cidr: String,
    /// The node's own resolver settings, for pods with `dnsPolicy: Default`.
    pub resolv_conf: PathBuf,
    /// HTTPS endpoints; `None` serves none.
    pub server: Option<ServerOptions>,
    /// How many pods the node takes.
    pub max_pods: u32,
}

/// How the kubelet's HTTPS endpoints are served.
pub struct ServerOptions {
    /// Port on the node's address; 0 picks a free one (see [`Kubelet::port`]).
    pub port: u16,
    /// Serving certificate chain, PEM.
    pub certificate_pem: String,
    /// Private key of the serving certificate, PEM.
    pub key_pem: String,
    /// CA of client certificates, PEM. Connections without a certificate of it are refused.
    pub client_ca_pem: String,
    /// Common names that may use the endpoints; members of `system:masters` always may.
    pub trusted_clients: Vec<String>,
}

/// A running kubelet. Dropping it stops the kubelet and leaves every pod running.
pub struct Kubelet {}
