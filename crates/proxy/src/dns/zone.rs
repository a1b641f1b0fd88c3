//! The cluster's domain in memory: which names exist and what they lead to.
//!
//! The names follow the Kubernetes DNS-Based Service Discovery specification (schema version 1.1.0); where
//! it leaves room, CoreDNS is the model. A zone is changed object by object and asked by [`Zone::find`];
//! packets are not known here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv4Addr;

use hickory_proto::rr::rdata::{A, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use network::Ipv4Net;
use thiserror::Error;

use crate::slices::{self, ServiceKey};

/// Version of the specification that the names follow; the record `dns-version` says it.
const SCHEMA_VERSION: &str = "1.1.0";
const ANY_PRIORITY: u16 = 0;
const ALL_WEIGHT: u16 = 100;

/// What a zone is about.
#[derive(Debug, Clone)]
pub struct ZoneConfig {
    /// The cluster's domain, without a dot at the end: `cluster.local`.
    pub domain: String,
    /// The name server's own address, as clients know it.
    pub server: Ipv4Addr,
    /// Ranges of pods and services: reverse look-ups in them are answered here and nowhere else.
    pub ranges: Vec<Ipv4Net>,
    /// How long clients may remember an answer, in seconds.
    pub ttl: u32,
}

/// The domain cannot be a DNS name.
#[derive(Debug, Error)]
#[error("{domain:?} cannot be the cluster's domain: {reason}")]
pub struct DomainError {
    domain: String,
    reason: String,
}

/// Everything that the cluster's names lead to.
#[derive(Debug)]
pub struct Zone {
    origin: Name,
    server: Ipv4Addr,
    ranges: Vec<Ipv4Net>,
    ttl: u32,
    serial: u32,
    ready: bool,
    namespaces: HashSet<String>,
    services: HashMap<ServiceKey, Entry>,
    /// By Service, then by the slice's name. Slices may come before their Service and outlive it.
    slices: HashMap<ServiceKey, BTreeMap<String, Vec<Endpoint>>>,
    /// Slice to Service: a slice's label may change.
    owners: HashMap<ServiceKey, ServiceKey>,
    /// Cluster IPs and endpoints to the names they have.
    reverse: HashMap<Ipv4Addr, BTreeSet<Owner>>,
}

/// A Service, or (with a host name) one of its endpoints.
type Owner = (ServiceKey, Option<String>);

#[derive(Debug)]
enum Entry {
    /// The addresses and ports of the Service itself.
    Cluster(Vec<Ipv4Addr>, Vec<Port>),
    Headless,
    External(Name),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    name: String,
    protocol: String,
    number: u16,
}

#[derive(Debug, Clone)]
struct Endpoint {
    address: Ipv4Addr,
    hostname: String,
    ports: Vec<Port>,
}

/// What a zone says about a name and a record type.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    /// Records for the answer section, and for the additional section.
    Records(Vec<Record>, Vec<Record>),
    /// The name stands for another one.
    Alias(Name),
    /// The name exists, without records of that type.
    NoData,
    /// There is no such name; nobody else is asked.
    NoName,
    /// The name is none of this zone's.
    Elsewhere,
}

// === impl Zone: changes ===

impl Zone {
    /// A zone without namespaces and Services, that is not [ready](Zone::set_ready).
    pub fn new(config: ZoneConfig) -> Result<Self, DomainError> {
        let domain = config.domain.trim_end_matches('.').to_ascii_lowercase();
        let origin = Name::from_ascii(format!("{domain}.")).map_err(|error| error.to_string());
        let origin = match origin {
            Ok(origin) if !origin.is_root() => Ok(origin),
            Ok(_) => Err("it is empty".to_owned()),
            Err(reason) => Err(reason),
        };
        let origin = origin.map_err(|reason| DomainError { domain: config.domain, reason })?;
        Ok(Self {
            origin,
            server: config.server,
            ranges: config.ranges,
            ttl: config.ttl,
            serial: 1,
            ready: false,
            namespaces: HashSet::new(),
            services: HashMap::new(),
            slices: HashMap::new(),
            owners: HashMap::new(),
            reverse: HashMap::new(),
        })
    }

    /// Says that all objects were told: before that, a name that is not known may yet exist.
    pub fn set_ready(&mut self) {
        self.ready = true;
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Adds a namespace.
    pub fn add_namespace(&mut self, name: &str) {
        self.namespaces.insert(name.to_owned());
    }

    /// Removes a namespace.
    pub fn remove_namespace(&mut self, name: &str) {
        self.namespaces.remove(name);
    }

    /// Adds or replaces a Service.
    pub fn set_service(&mut self, service: &Service) {
        let Some(key) = service_key(service) else { return };
        self.change(&key, |zone| match entry(service) {
            Some(entry) => drop(zone.services.insert(key.clone(), entry)),
            None => drop(zone.services.remove(&key)),
        });
    }

    /// Removes a Service.
    pub fn remove_service(&mut self, service: &Service) {
        let Some(key) = service_key(service) else { return };
        self.change(&key, |zone| drop(zone.services.remove(&key)));
    }

    /// Adds or replaces an EndpointSlice.
    pub fn set_slice(&mut self, slice: &EndpointSlice) {
        self.remove_slice(slice);
        let (Some(owner), Some(key)) = (slices::service_of(slice), slice_key(slice)) else { return };
        self.change(&owner, |zone| {
            let slices = zone.slices.entry(owner.clone()).or_default();
            slices.insert(key.1.clone(), endpoints(slice));
            zone.owners.insert(key, owner.clone());
        });
    }

    /// Removes an EndpointSlice.
    pub fn remove_slice(&mut self, slice: &EndpointSlice) {
        let Some(key) = slice_key(slice) else { return };
        let Some(owner) = self.owners.remove(&key) else { return };
        self.change(&owner, |zone| {
            if let Some(slices) = zone.slices.get_mut(&owner) {
                slices.remove(&key.1);
                if slices.is_empty() {
                    zone.slices.remove(&owner);
                }
            }
        });
    }

    /// Changes what belongs to one Service, keeping the way back from addresses to names.
    fn change(&mut self, key: &ServiceKey, change: impl FnOnce(&mut Self)) {
        for (address, owner) in self.reverse_names(key) {
            if let Some(owners) = self.reverse.get_mut(&address) {
                owners.remove(&owner);
                if owners.is_empty() {
                    self.reverse.remove(&address);
                }
            }
        }
        change(self);
        for (address, owner) in self.reverse_names(key) {
            self.reverse.entry(address).or_default().insert(owner);
        }
        self.serial = self.serial.wrapping_add(1);
    }

    fn reverse_names(&self, key: &ServiceKey) -> Vec<(Ipv4Addr, Owner)> {
        let endpoints = || {
            let endpoints = self.endpoints(key);
            endpoints.map(|e| (e.address, (key.clone(), Some(e.hostname.clone())))).collect::<Vec<_>>()
        };
        match self.services.get(key) {
            None | Some(Entry::External(_)) => Vec::new(),
            Some(Entry::Headless) => endpoints(),
            Some(Entry::Cluster(addresses, _)) => {
                let own = addresses.iter().map(|address| (*address, (key.clone(), None)));
                own.chain(endpoints()).collect()
            }
        }
    }

    fn endpoints(&self, key: &ServiceKey) -> impl Iterator<Item = &Endpoint> {
        self.slices.get(key).into_iter().flat_map(BTreeMap::values).flatten()
    }
}

// === impl Zone: questions ===

impl Zone {
    /// What there is to say about `name`.
    pub(super) fn find(&self, name: &Name, kind: RecordType) -> Found {
        let labels: Vec<String> =
            name.to_lowercase().iter().map(|l| String::from_utf8_lossy(l).into_owned()).collect();
        if let [rest @ .., "in-addr", "arpa"] = &labels.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            return self.find_reverse(name, rest, kind);
        }
        if !self.origin.zone_of(name) {
            return Found::Elsewhere;
        }
        let depth = labels.len() - usize::from(self.origin.num_labels());
        let labels: Vec<&str> = labels[..depth].iter().map(String::as_str).collect();
        match labels[..] {
            [] => self.find_origin(name, kind),
            ["dns-version"] => {
                let text = TXT::new(vec![SCHEMA_VERSION.to_owned()]);
                only(kind, RecordType::TXT, || vec![self.record(name, RData::TXT(text))])
            }
            ["dns" | "svc" | "pod"] => Found::NoData,
            ["ns", "dns"] => only(kind, RecordType::A, || vec![self.address(name, self.server)]),
            [namespace, "svc" | "pod"] if self.namespaces.contains(namespace) => Found::NoData,
            [pod, namespace, "pod"] if self.namespaces.contains(namespace) => match dashed_address(pod) {
                Some(address) => only(kind, RecordType::A, || vec![self.address(name, address)]),
                None => Found::NoName,
            },
            [ref rest @ .., service, namespace, "svc"] => {
                let key = (namespace.to_owned(), service.to_owned());
                match self.services.get(&key) {
                    Some(entry) => self.find_service(name, kind, &key, entry, rest),
                    None => Found::NoName,
                }
            }
            _ => Found::NoName,
        }
    }

    /// `rest` is what stands before the Service's own name.
    fn find_service(
        &self,
        name: &Name,
        kind: RecordType,
        key: &ServiceKey,
        entry: &Entry,
        rest: &[&str],
    ) -> Found {
        if let Entry::External(target) = entry {
            return if rest.is_empty() { Found::Alias(target.clone()) } else { Found::NoName };
        }
        match rest {
            [] => match kind {
                RecordType::SRV => self.services_of(name, key, entry, |_| true),
                _ => {
                    let addresses = match entry {
                        Entry::Cluster(addresses, _) => addresses.clone(),
                        _ => distinct(self.endpoints(key).map(|endpoint| endpoint.address)),
                    };
                    self.addresses(name, kind, addresses)
                }
            },
            [protocol] if protocol.starts_with('_') => {
                let wanted = &protocol[1..];
                let found =
                    self.services_of(name, key, entry, |p| p.protocol == wanted && !p.name.is_empty());
                if found == Found::NoName { found } else { Found::NoData }
            }
            [hostname] => {
                let named = self.endpoints(key).filter(|endpoint| endpoint.hostname == **hostname);
                self.addresses(name, kind, distinct(named.map(|endpoint| endpoint.address)))
            }
            [port, protocol] if port.starts_with('_') && protocol.starts_with('_') => {
                let (port, protocol) = (&port[1..], &protocol[1..]);
                let named = |p: &Port| p.name == port && p.protocol == protocol && !port.is_empty();
                let found = self.services_of(name, key, entry, named);
                match kind {
                    RecordType::SRV | RecordType::ANY => found,
                    _ if found == Found::NoName => found,
                    _ => Found::NoData,
                }
            }
            _ => Found::NoName,
        }
    }

    /// Address records, or no such name if there is no address: the specification asks for that where a
    /// headless Service has no ready endpoint.
    fn addresses(&self, name: &Name, kind: RecordType, addresses: Vec<Ipv4Addr>) -> Found {
        if addresses.is_empty() {
            return Found::NoName;
        }
        only(kind, RecordType::A, || addresses.iter().map(|address| self.address(name, *address)).collect())
    }

    /// Service records for the ports that are wanted, with the addresses of their targets.
    fn services_of(
        &self,
        name: &Name,
        key: &ServiceKey,
        entry: &Entry,
        wanted: impl Fn(&Port) -> bool,
    ) -> Found {
        let mut targets: Vec<(Name, Ipv4Addr, u16)> = Vec::new();
        match entry {
            Entry::Cluster(addresses, ports) => {
                for port in ports.iter().filter(|port| wanted(port)) {
                    let target = self.service_name(key, None);
                    targets.extend(addresses.iter().map(|address| (target.clone(), *address, port.number)));
                }
            }
            _ => {
                for endpoint in self.endpoints(key) {
                    let target = self.service_name(key, Some(&endpoint.hostname));
                    let ports = endpoint.ports.iter().filter(|port| wanted(port));
                    targets.extend(ports.map(|port| (target.clone(), endpoint.address, port.number)));
                }
            }
        }
        if targets.is_empty() {
            return Found::NoName;
        }
        let pairs: BTreeSet<(&Name, u16)> = targets.iter().map(|(target, _, port)| (target, *port)).collect();
        let weight = (ALL_WEIGHT / u16::try_from(pairs.len()).unwrap_or(u16::MAX)).max(1);
        let records = pairs.into_iter().map(|(target, port)| {
            self.record(name, RData::SRV(SRV::new(ANY_PRIORITY, weight, port, target.clone())))
        });
        let addresses: BTreeSet<(&Name, Ipv4Addr)> = targets.iter().map(|(t, a, _)| (t, *a)).collect();
        let additional =
            addresses.into_iter().map(|(target, address)| self.address(target, address)).collect();
        Found::Records(records.collect(), additional)
    }

    fn find_origin(&self, name: &Name, kind: RecordType) -> Found {
        let server = self.below_origin(&["ns", "dns"]);
        match kind {
            RecordType::SOA => Found::Records(vec![self.authority(name)], Vec::new()),
            RecordType::NS => {
                let additional = vec![self.address(&server, self.server)];
                Found::Records(vec![self.record(name, RData::NS(NS(server)))], additional)
            }
            _ => Found::NoData,
        }
    }

    /// `rest` is the address, last octet first.
    fn find_reverse(&self, name: &Name, rest: &[&str], kind: RecordType) -> Found {
        let octets: Option<Vec<u8>> = rest.iter().rev().map(|label| label.parse().ok()).collect();
        let address = octets.and_then(|octets| <[u8; 4]>::try_from(octets).ok()).map(Ipv4Addr::from);
        let Some(address) = address.filter(|a| self.ranges.iter().any(|range| range.contains(*a))) else {
            return Found::Elsewhere;
        };
        match self.reverse.get(&address) {
            None => Found::NoName,
            Some(owners) => only(kind, RecordType::PTR, || {
                let names = owners.iter().map(|(key, hostname)| self.service_name(key, hostname.as_deref()));
                names.map(|target| self.record(name, RData::PTR(PTR(target)))).collect()
            }),
        }
    }

    fn record(&self, name: &Name, data: RData) -> Record {
        Record::from_rdata(name.clone(), self.ttl, data)
    }

    fn address(&self, name: &Name, address: Ipv4Addr) -> Record {
        self.record(name, RData::A(A(address)))
    }

    /// The alias record from `name` to `target`.
    pub(super) fn alias(&self, name: &Name, target: &Name) -> Record {
        self.record(name, RData::CNAME(CNAME(target.clone())))
    }

    /// The start-of-authority record that goes with negative answers about `name`.
    pub(super) fn authority_of(&self, name: &Name) -> Record {
        match self.origin.zone_of(name) {
            true => self.authority(&self.origin),
            false => self.authority(&Name::from_ascii("in-addr.arpa.").unwrap_or_default()),
        }
    }

    fn authority(&self, owner: &Name) -> Record {
        let (server, mailbox) = (self.below_origin(&["ns", "dns"]), self.below_origin(&["hostmaster"]));
        let soa = SOA::new(server, mailbox, self.serial, 7200, 1800, 86_400, self.ttl);
        self.record(owner, RData::SOA(soa))
    }

    fn service_name(&self, (namespace, service): &ServiceKey, hostname: Option<&str>) -> Name {
        match hostname {
            Some(hostname) => self.below_origin(&[hostname, service, namespace, "svc"]),
            None => self.below_origin(&[service, namespace, "svc"]),
        }
    }

    /// The origin if the labels make no name: objects' names are checked before they get here.
    fn below_origin(&self, labels: &[&str]) -> Name {
        let labels = labels.iter().map(|label| label.as_bytes()).chain(self.origin.iter());
        Name::from_labels(labels).unwrap_or_else(|_| self.origin.clone())
    }
}

/// Records if they are of the type that was asked for.
fn only(asked: RecordType, kind: RecordType, records: impl FnOnce() -> Vec<Record>) -> Found {
    if asked == kind || asked == RecordType::ANY {
        Found::Records(records(), Vec::new())
    } else {
        Found::NoData
    }
}

fn distinct(addresses: impl Iterator<Item = Ipv4Addr>) -> Vec<Ipv4Addr> {
    addresses.collect::<BTreeSet<_>>().into_iter().collect()
}

/// `10-42-0-7` as an address.
fn dashed_address(label: &str) -> Option<Ipv4Addr> {
    label
        .replace('-', ".")
        .parse()
        .ok()
        .filter(|address: &Ipv4Addr| address.to_string().replace('.', "-") == label)
}

// === objects ===

fn service_key(service: &Service) -> Option<ServiceKey> {
    Some((service.metadata.namespace.clone()?, service.metadata.name.clone()?))
}

fn slice_key(slice: &EndpointSlice) -> Option<ServiceKey> {
    Some((slice.metadata.namespace.clone()?, slice.metadata.name.clone()?))
}

/// `None` for Services without an address so far, or with IPv6 addresses alone.
fn entry(service: &Service) -> Option<Entry> {
    let spec = service.spec.as_ref()?;
    if spec.type_.as_deref() == Some("ExternalName") {
        let target = spec.external_name.as_deref()?.trim_end_matches('.');
        return Name::from_ascii(format!("{target}.")).ok().map(Entry::External);
    }
    let texts: Vec<&String> = spec.cluster_ips.iter().flatten().chain(&spec.cluster_ip).collect();
    if texts.iter().any(|text| *text == "None") {
        return Some(Entry::Headless);
    }
    let addresses = distinct(texts.iter().filter_map(|text| text.parse().ok()));
    let ports = spec.ports.iter().flatten().filter_map(|port| {
        let number = u16::try_from(port.port).ok()?;
        Some(port_of(port.name.as_deref().unwrap_or(""), port.protocol.as_deref().unwrap_or("TCP"), number))
    });
    (!addresses.is_empty()).then(|| Entry::Cluster(addresses, ports.collect()))
}

fn port_of(name: &str, protocol: &str, number: u16) -> Port {
    Port { name: name.to_ascii_lowercase(), protocol: protocol.to_ascii_lowercase(), number }
}

/// The ready endpoints of a slice (which are all of them where a Service publishes addresses that are not
/// ready). Without a host name an endpoint is called by its address.
fn endpoints(slice: &EndpointSlice) -> Vec<Endpoint> {
    let ports: Vec<Port> =
        slices::ports(slice).map(|(name, protocol, number)| port_of(name, protocol, number)).collect();
    let ready = slices::endpoints(slice).filter(|endpoint| endpoint.ready);
    ready
        .map(|endpoint| Endpoint {
            address: endpoint.address,
            hostname: endpoint
                .hostname
                .map_or_else(|| endpoint.address.to_string().replace('.', "-"), str::to_ascii_lowercase),
            ports: ports.clone(),
        })
        .collect()
}
