//! What a node is made with: names, addresses, folders.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use network::pods::Ipv6Config;
use network::{IpNet, Ipv4Net, PodNetworkConfig};

use crate::agent::AgentSettings;
use crate::error::StartError;
use crate::facts::ClusterFacts;
use crate::layout::Home;
use crate::settings::Settings;

/// Domain of every cluster.
pub(crate) const DOMAIN: &str = "cluster.local";

/// How often the node of the control plane's machine renews its lease. Each renewal is a flush to the disk of the
/// very machine whose death it would report.
const FIRST_RENEWAL: u64 = 30;

/// What a node is made with.
#[derive(Debug, Clone)]
pub(crate) struct NodeConfig {
    /// Folder of the node: its pods, network state and logs.
    pub(crate) home: Home,
    /// Folder of the images that its pods are made of.
    pub(crate) images: PathBuf,
    /// Name of the Node object.
    pub(crate) name: String,
    /// The node's InternalIP, where the kubelet listens.
    pub(crate) address: Ipv4Addr,
    /// The node's address towards its pods: the first of `pod_cidr`, on the node's own device.
    pub(crate) pod_side: Ipv4Addr,
    /// Addresses of this node's pods.
    pub(crate) pod_cidr: Ipv4Net,
    /// Addresses of the pods of all nodes.
    pub(crate) cluster_cidr: Ipv4Net,
    /// Addresses of services.
    pub(crate) service_cidr: Ipv4Net,
    /// The same for IPv6.
    pub(crate) ipv6: Option<Ipv6Config>,
    /// Address of the name server's Service.
    pub(crate) cluster_dns: Ipv4Addr,
    /// The node's own device.
    pub(crate) device: String,
    /// The device of the tunnel to other nodes.
    pub(crate) tunnel: String,
    /// The nftables table, family `inet`.
    pub(crate) table: String,
    /// The parent of all pods' cgroups.
    pub(crate) cgroup: String,
    /// How many addresses at the end of `pod_cidr` are not for pods.
    pub(crate) reserved: u32,
    /// How often the node's lease is renewed, in seconds.
    pub(crate) renewal: u64,
}

// === impl NodeConfig ===

impl NodeConfig {
    /// The node on the machine of the control plane.
    pub(crate) fn first(home: &Home, settings: &Settings) -> Result<Self, StartError> {
        let facts = settings.facts();
        let mut config = Self::new(home, &facts, &settings.node, &facts.first_ranges())?;
        config.address = settings.internal_address();
        config.reserved = facts.local_nodes();
        config.renewal = FIRST_RENEWAL.min(config.renewal * 3);
        Ok(config)
    }

    /// A node on another machine; `None` as long as it was not given addresses for its pods.
    pub(crate) fn agent(home: &Home, settings: &AgentSettings) -> Result<Option<Self>, StartError> {
        if settings.pod_cidrs.is_empty() {
            return Ok(None);
        }
        let mut config = Self::new(home, &settings.cluster, &settings.node, &settings.pod_cidrs)?;
        config.address = settings.address;
        config.cgroup = settings.cgroup();
        config.images = settings.images.clone().unwrap_or(config.images);
        Ok(Some(config))
    }

    fn new(home: &Home, facts: &ClusterFacts, name: &str, pods: &[String]) -> Result<Self, StartError> {
        let ranges = pods.iter().map(|text| parse::<IpNet>(text)).collect::<Result<Vec<_>, _>>()?;
        let pod_cidr: Ipv4Net =
            parse(pods.iter().zip(&ranges).find(|(_, range)| range.is_ipv4()).map_or("", |(text, _)| text))?;
        let pod_side = Ipv4Addr::from_bits(pod_cidr.network().to_bits() + 1);
        let pod_cidr6 = ranges.into_iter().find(|range| !range.is_ipv4());
        let ipv6 = match (pod_cidr6, &facts.pod_cidr6, &facts.service_cidr6) {
            (Some(pods), Some(all), Some(services)) => match pods.network() {
                IpAddr::V6(base) => Some(Ipv6Config {
                    node_address: Ipv6Addr::from_bits(base.to_bits() + 1),
                    pod_cidr: pods,
                    cluster_cidr: parse(all)?,
                    service_cidr: parse(services)?,
                }),
                IpAddr::V4(_) => None,
            },
            _ => None,
        };
        Ok(Self {
            home: home.clone(),
            images: home.images(),
            name: name.to_owned(),
            address: pod_side,
            pod_side,
            pod_cidr,
            cluster_cidr: parse(&facts.pod_cidr)?,
            service_cidr: parse(&facts.service_cidr)?,
            ipv6,
            cluster_dns: facts.service_address(10),
            device: facts.device(),
            tunnel: facts.tunnel(),
            table: facts.table(),
            cgroup: facts.cgroup(),
            reserved: 0,
            // Upstream's ratio: a grace of 50 s, a renewal every 10 s.
            renewal: (facts.node_grace / 5).max(1),
        })
    }

    /// The node's pod ranges as its Node shows them.
    pub(crate) fn pod_cidrs(&self) -> Vec<String> {
        let second = self.ipv6.as_ref().map(|ipv6| ipv6.pod_cidr.to_string());
        std::iter::once(self.pod_cidr.to_string()).chain(second).collect()
    }

    /// How the pod network is made.
    pub(crate) fn network(&self) -> PodNetworkConfig {
        PodNetworkConfig {
            device: self.device.clone(),
            node_address: self.pod_side,
            pod_cidr: self.pod_cidr,
            service_cidr: self.service_cidr,
            ipv6: self.ipv6,
            reserved: self.reserved,
            state: self.home.network(),
            mtu: None,
        }
    }

    /// How the service rules are made.
    pub(crate) fn table(&self) -> network::services::TableConfig {
        network::services::TableConfig {
            name: self.table.clone(),
            device: self.device.clone(),
            node_address: self.pod_side,
            pod_cidr: self.pod_cidr,
            cluster_cidr: self.cluster_cidr,
            service_cidr: self.service_cidr,
            ipv6: self.ipv6,
        }
    }

    /// The nftables table of network policy, family `inet`.
    pub(crate) fn policy_table(&self) -> String {
        format!("{}-policy", self.table)
    }

    /// How the container engine works.
    pub(crate) fn engine(&self) -> runtime::Options {
        runtime::Options { cgroup_parent: self.cgroup.clone(), ..runtime::Options::default() }
    }
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, StartError> {
    text.parse()
        .map_err(|_| StartError::Part { what: "settings", reason: format!("\"{text}\" is no network") })
}
