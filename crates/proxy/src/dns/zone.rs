//! The cluster's domain in memory: which names exist and what they lead to.
//!
//! The names follow the Kubernetes DNS-Based Service Discovery specification (schema version 1.1.0); where
//! it leaves room, CoreDNS is the model. A zone is changed by [`Zone::apply`] and asked by [`Zone::find`];
//! objects of the API and packets are not known here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use network::IpNet;
use thiserror::Error;

use super::wire::{Change, Entry, Port, Slice};
use crate::slices::ServiceKey;

/// Version of the specification that the names follow; the record `dns-version` says it.
const SCHEMA_VERSION: &str = "1.1.0";
const ANY_PRIORITY: u16 = 0;
const ALL_WEIGHT: u16 = 100;
/// Half bytes of an IPv6 address.
const NIBBLES: usize = 32;

/// What a zone is about.
#[derive(Debug, Clone)]
pub struct ZoneConfig {
    /// The cluster's domain, without a dot at the end: `cluster.local`.
    pub domain: String,
    /// The name server's own addresses, as clients know them.
    pub servers: Vec<IpAddr>,
    /// Ranges of pods and services: reverse look-ups in them are answered here and nowhere else.
    pub ranges: Vec<IpNet>,
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
    servers: Vec<IpAddr>,
    ranges: Vec<IpNet>,
    ttl: u32,
    serial: u32,
    ready: bool,
    namespaces: HashSet<String>,
    services: HashMap<ServiceKey, Entry>,
    /// By Service, then by the slice's name. Slices may come before their Service and outlive it.
    slices: HashMap<ServiceKey, BTreeMap<String, Slice>>,
    /// Slice to Service: a slice's label may change.
    owners: HashMap<ServiceKey, ServiceKey>,
    /// Cluster IPs and endpoints to the names they have.
    reverse: HashMap<IpAddr, BTreeSet<Owner>>,
    /// Namespaces of pods that complete names by the usual search list.
    pods: HashMap<IpAddr, String>,
}

/// A Service, or (with a host name) one of its endpoints.
type Owner = (ServiceKey, Option<String>);

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
            servers: config.servers,
            ranges: config.ranges,
            ttl: config.ttl,
            serial: 1,
            ready: false,
            namespaces: HashSet::new(),
            services: HashMap::new(),
            slices: HashMap::new(),
            owners: HashMap::new(),
            reverse: HashMap::new(),
            pods: HashMap::new(),
        })
    }

    /// Says that all objects were told: before that, a name that is not known may yet exist.
    pub fn set_ready(&mut self) {
        self.ready = true;
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    pub(super) fn services(&self) -> usize {
        self.services.len()
    }

    /// Takes one difference in.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Namespace { name, there: true } => drop(self.namespaces.insert(name)),
            Change::Namespace { name, there: false } => drop(self.namespaces.remove(&name)),
            Change::Service { namespace, name, entry } => {
                let key = (namespace, name);
                self.change(&key, |zone| match entry {
                    Some(entry) => drop(zone.services.insert(key.clone(), entry)),
                    None => drop(zone.services.remove(&key)),
                });
            }
            Change::Slice { namespace, name, content } => {
                self.remove_slice(&(namespace.clone(), name.clone()));
                if let Some(slice) = content {
                    let owner = (namespace.clone(), slice.service.clone());
                    self.change(&owner, |zone| {
                        zone.slices.entry(owner.clone()).or_default().insert(name.clone(), slice);
                        zone.owners.insert((namespace, name), owner.clone());
                    });
                }
            }
            Change::Pod { address, namespace: Some(namespace) } => drop(self.pods.insert(address, namespace)),
            Change::Pod { address, namespace: None } => drop(self.pods.remove(&address)),
        }
    }

    fn remove_slice(&mut self, key: &ServiceKey) {
        let Some(owner) = self.owners.remove(key) else { return };
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

    fn reverse_names(&self, key: &ServiceKey) -> Vec<(IpAddr, Owner)> {
        let endpoints = || {
            let endpoints = self.endpoints(key);
            endpoints.map(|(address, name, _)| (address, (key.clone(), Some(name.to_owned())))).collect()
        };
        match self.services.get(key) {
            None | Some(Entry::External(_)) => Vec::new(),
            Some(Entry::Headless) => endpoints(),
            Some(Entry::Cluster { addresses, .. }) => {
                let own = addresses.iter().map(|address| (*address, (key.clone(), None)));
                own.chain::<Vec<_>>(endpoints()).collect()
            }
        }
    }

    /// Address, host name and ports.
    fn endpoints(&self, key: &ServiceKey) -> impl Iterator<Item = (IpAddr, &str, &[Port])> {
        let slices = self.slices.get(key).into_iter().flat_map(BTreeMap::values);
        slices.flat_map(|slice| {
            let ports = &slice.ports[..];
            slice.endpoints.iter().map(move |(address, name)| (*address, name.as_str(), ports))
        })
    }
}

// === impl Zone: questions ===

impl Zone {
    /// What stands before the usual first search domain of the pod with this address, if `name` ends with that.
    pub(super) fn searched(&self, client: IpAddr, name: &Name) -> Option<Name> {
        let namespace = self.pods.get(&client)?;
        let domain = self.below_origin(&[namespace, "svc"]);
        let length = name.iter().count().checked_sub(domain.iter().count())?;
        (length > 0 && domain.zone_of(name)).then(|| Name::from_labels(name.iter().take(length)).ok())?
    }

    /// The search domains of the cluster after the first: `svc.cluster.local`, `cluster.local`.
    pub(super) fn search_domains(&self) -> [Name; 2] {
        [self.below_origin(&["svc"]), self.origin.clone()]
    }

    /// Number of labels of the domain if `name` is below it, 0 elsewhere.
    pub(super) fn depth_of(&self, name: &Name) -> u8 {
        if self.origin.zone_of(name) { self.origin.num_labels() } else { 0 }
    }

    /// What there is to say about `name`.
    pub(super) fn find(&self, name: &Name, kind: RecordType) -> Found {
        let labels: Vec<String> =
            name.to_lowercase().iter().map(|l| String::from_utf8_lossy(l).into_owned()).collect();
        match &labels.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [rest @ .., "in-addr", "arpa"] => return self.find_reverse(name, reverse4(rest), kind),
            [rest @ .., "ip6", "arpa"] => return self.find_reverse(name, reverse6(rest), kind),
            _ if !self.origin.zone_of(name) => return Found::Elsewhere,
            _ => {}
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
            ["ns", "dns"] => self.addresses(name, kind, self.servers.iter().copied()),
            [namespace, "svc" | "pod"] if self.namespaces.contains(namespace) => Found::NoData,
            [pod, namespace, "pod"] if self.namespaces.contains(namespace) => {
                self.addresses(name, kind, dashed_address(pod).into_iter())
            }
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
            let target = Name::from_ascii(format!("{}.", target.trim_end_matches('.')));
            return match target {
                Ok(target) if rest.is_empty() => Found::Alias(target),
                _ => Found::NoName,
            };
        }
        match rest {
            [] => match (kind, entry) {
                (RecordType::SRV, _) => self.services_of(name, key, entry, |_| true),
                (_, Entry::Cluster { addresses, .. }) => {
                    self.addresses(name, kind, addresses.iter().copied())
                }
                _ => self.addresses(name, kind, self.endpoints(key).map(|(address, _, _)| address)),
            },
            [protocol] if protocol.starts_with('_') => {
                let wanted = &protocol[1..];
                let found =
                    self.services_of(name, key, entry, |p| p.protocol == wanted && !p.name.is_empty());
                if found == Found::NoName { found } else { Found::NoData }
            }
            [hostname] => {
                let named = self.endpoints(key).filter(|(_, own, _)| own == hostname);
                self.addresses(name, kind, named.map(|(address, _, _)| address))
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

    /// Address records of the family that was asked for; no such name if there is no address of either: the
    /// specification asks for that where a headless Service has no ready endpoint.
    fn addresses(&self, name: &Name, kind: RecordType, addresses: impl Iterator<Item = IpAddr>) -> Found {
        let addresses: BTreeSet<IpAddr> = addresses.collect();
        if addresses.is_empty() {
            return Found::NoName;
        }
        let wanted = addresses.into_iter().filter(|address| match kind {
            RecordType::A => address.is_ipv4(),
            RecordType::AAAA => address.is_ipv6(),
            kind => kind == RecordType::ANY,
        });
        let records: Vec<Record> = wanted.map(|address| self.address(name, address)).collect();
        if records.is_empty() { Found::NoData } else { Found::Records(records, Vec::new()) }
    }

    /// Service records for the ports that are wanted, with the addresses of their targets.
    fn services_of(
        &self,
        name: &Name,
        key: &ServiceKey,
        entry: &Entry,
        wanted: impl Fn(&Port) -> bool,
    ) -> Found {
        let mut targets: Vec<(Name, IpAddr, u16)> = Vec::new();
        match entry {
            Entry::Cluster { addresses, ports } => {
                for port in ports.iter().filter(|port| wanted(port)) {
                    let target = self.service_name(key, None);
                    targets.extend(addresses.iter().map(|address| (target.clone(), *address, port.number)));
                }
            }
            _ => {
                for (address, hostname, ports) in self.endpoints(key) {
                    let target = self.service_name(key, Some(hostname));
                    let ports = ports.iter().filter(|port| wanted(port));
                    targets.extend(ports.map(|port| (target.clone(), address, port.number)));
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
        let addresses: BTreeSet<(&Name, IpAddr)> = targets.iter().map(|(t, a, _)| (t, *a)).collect();
        let additional =
            addresses.into_iter().map(|(target, address)| self.address(target, address)).collect();
        Found::Records(records.collect(), additional)
    }

    fn find_origin(&self, name: &Name, kind: RecordType) -> Found {
        let server = self.below_origin(&["ns", "dns"]);
        match kind {
            RecordType::SOA => Found::Records(vec![self.authority(name)], Vec::new()),
            RecordType::NS => {
                let additional = self.servers.iter().map(|address| self.address(&server, *address)).collect();
                Found::Records(vec![self.record(name, RData::NS(NS(server)))], additional)
            }
            _ => Found::NoData,
        }
    }

    /// `address` is what the name says, if it says a whole one.
    fn find_reverse(&self, name: &Name, address: Option<IpAddr>, kind: RecordType) -> Found {
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

    fn address(&self, name: &Name, address: IpAddr) -> Record {
        match address {
            IpAddr::V4(address) => self.record(name, RData::A(A(address))),
            IpAddr::V6(address) => self.record(name, RData::AAAA(AAAA(address))),
        }
    }

    /// The alias record from `name` to `target`.
    pub(super) fn alias(&self, name: &Name, target: &Name) -> Record {
        self.record(name, RData::CNAME(CNAME(target.clone())))
    }

    /// The start-of-authority record that goes with negative answers about `name`.
    pub(super) fn authority_of(&self, name: &Name) -> Record {
        if self.origin.zone_of(name) {
            return self.authority(&self.origin);
        }
        let length = usize::from(name.num_labels()).saturating_sub(2); // in-addr.arpa, ip6.arpa
        self.authority(&Name::from_labels(name.iter().skip(length)).unwrap_or_default().to_lowercase())
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

/// `10-42-0-7` or `fd00--7` as an address.
fn dashed_address(label: &str) -> Option<IpAddr> {
    let parsed = match label.replace('-', ".").parse() {
        Ok(address) => Some(IpAddr::V4(address)),
        Err(_) => label.replace('-', ":").parse().map(IpAddr::V6).ok(),
    };
    parsed.filter(|address| super::objects::dashed(*address) == label)
}

/// The address in labels before `in-addr.arpa`: last octet first.
fn reverse4(labels: &[&str]) -> Option<IpAddr> {
    let octets: Option<Vec<u8>> = labels.iter().rev().map(|label| label.parse().ok()).collect();
    octets.and_then(|octets| <[u8; 4]>::try_from(octets).ok()).map(|octets| Ipv4Addr::from(octets).into())
}

/// The address in labels before `ip6.arpa`: last half byte first.
fn reverse6(labels: &[&str]) -> Option<IpAddr> {
    if labels.len() != NIBBLES || labels.iter().any(|label| label.len() != 1) {
        return None;
    }
    let digits: String = labels.iter().rev().copied().collect();
    u128::from_str_radix(&digits, 16).ok().map(|bits| Ipv6Addr::from_bits(bits).into())
}
