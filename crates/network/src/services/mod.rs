//! Service addresses and ports that lead to endpoints, as one nf_tables table of our own.
//!
//! [`Table::sync`] takes the whole list of rules and tells the kernel the difference to what it said last, in
//! one transaction. Established connections are never touched: an endpoint that is taken away gets no new
//! ones. UDP flows to endpoints that are gone are forgotten, since they would never end.
//!
//! What is here beside that: pods' way out of the cluster (masquerading), hairpins (a pod that reaches itself
//! through a service), 127.0.0.1 as an address of node ports (::1 cannot be one: the kernel routes nothing from
//! there), and sources that alone may use a front end. What is not: network policy. The form of the table is
//! described in `layout.rs`.
//!
//! Other programs' tables are neither read nor changed. A connection that another program translates first
//! (a smaller hook priority, or an earlier registration at the same one) keeps that translation, and a drop
//! in any table is final. From Linux 6.9 on the table belongs to the process that syncs it: nobody else can
//! change it or flush it away (`nft flush ruleset`) while that process lives, and it stays when the process
//! ends. On older kernels, if somebody deletes the table, the next sync that has something to change makes it
//! anew.

mod family;
mod fixed;
mod layout;
mod plan;

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;

use crate::conntrack::{self, Flow};
use crate::netlink::{self, Family, Socket};
use crate::nft::{self, Batch, Data, Element};
use crate::{IpNet, Ipv4Net, Ipv6Config, route, sysctl};
pub use family::IpFamily;
use plan::{Changes, State, plan};

/// A transport protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The number in IP packets.
    pub fn number(self) -> u8 {
        match self {
            Protocol::Tcp => libc::IPPROTO_TCP as u8,
            Protocol::Udp => libc::IPPROTO_UDP as u8,
            Protocol::Sctp => libc::IPPROTO_SCTP as u8,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].into_iter().find(|p| p.number() == number)
    }
}

/// Where a service is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frontend {
    /// The address.
    pub place: Place,
    /// The protocol.
    pub protocol: Protocol,
    /// The port.
    pub port: u16,
    /// For whom it is.
    pub clients: Clients,
}

/// An address, or all of the node's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// This address.
    Address(IpAddr),
    /// Every address of the node of this family, 127.0.0.1 included, ::1 not (node ports, host ports).
    Node(IpFamily),
}

impl Place {
    /// The family of its addresses.
    pub fn family(self) -> IpFamily {
        match self {
            Place::Address(address) => IpFamily::of(address),
            Place::Node(family) => family,
        }
    }
}

/// Clients that a front end is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Clients {
    /// Everybody for whom there is no other front end.
    #[default]
    All,
    /// Pods of the cluster and the node's own processes; for them it stands before the one for all. There must
    /// be one for all with the same affinity.
    Inside,
}

impl Clients {
    /// As a field of keys.
    const fn bytes(self) -> &'static [u8; 4] {
        const INSIDE: [u8; 4] = 1u32.to_ne_bytes();
        match self {
            Clients::All => &[0; 4],
            Clients::Inside => &INSIDE,
        }
    }
}

/// What a client gets when a service has no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Empty {
    /// A TCP reset or an ICMP "port unreachable": refused at once.
    #[default]
    Reject,
    /// Nothing: another node may answer for this address.
    Drop,
}

/// One front end and the endpoints behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRule {
    /// Where clients connect to.
    pub frontend: Frontend,
    /// Who answers; chosen at random per connection. Order does not matter.
    pub endpoints: Vec<SocketAddr>,
    /// How long a client (by source address) stays with its endpoint after its last new connection, in
    /// whole seconds; `None` for no stickiness.
    pub affinity: Option<Duration>,
    /// What happens without endpoints.
    pub empty: Empty,
    /// Networks whose clients may use it, of any family; those of the other family do not count. If none
    /// counts, everybody may. Only for front ends for all clients.
    pub sources: Vec<IpNet>,
}

/// What a [`Table`] needs to know of the node.
#[derive(Debug, Clone)]
pub struct TableConfig {
    /// Name of the nf_tables table, family `inet`; nothing outside it is touched.
    pub name: String,
    /// The node's own device, behind which other nodes may be.
    pub device: String,
    /// The node's address towards its pods: source of connections that must come back through the node.
    pub node_address: Ipv4Addr,
    /// Addresses of this node's pods: what leaves from here for elsewhere gets the node's address.
    pub pod_cidr: Ipv4Net,
    /// Addresses of pods of all nodes (the same as `pod_cidr` with one node): never masqueraded among each other.
    pub cluster_cidr: Ipv4Net,
    /// Addresses of services: what has no rule is refused at once.
    pub service_cidr: Ipv4Net,
    /// The same for IPv6; `None` leaves that family alone.
    pub ipv6: Option<Ipv6Config>,
}

/// The kernel refused a table or a change of it.
#[derive(Debug, Error)]
pub enum Error {
    /// A table of that name belongs to another process that still runs.
    #[error(
        "service rules: another process owns the nf_tables table inet {table}: stop it or choose another name ({source})"
    )]
    Owned {
        /// The table's name.
        table: String,
        /// The kernel's answer.
        source: netlink::Error,
    },
    /// Anything else.
    #[error("service rules, nf_tables table inet {table}: {source}")]
    Refused {
        /// The table's name.
        table: String,
        /// The kernel's answer.
        source: netlink::Error,
    },
}

/// Service rules as one nf_tables table.
#[derive(Debug)]
pub struct Table {
    config: TableConfig,
    socket: Socket,
    /// What the kernel was told; `None` before the first sync and after trouble.
    state: Option<State>,
}

impl Table {
    /// Opens a netlink socket in the calling thread's network namespace. The kernel's table is first touched
    /// by [`Table::sync`].
    pub fn new(config: TableConfig) -> Result<Self, Error> {
        let socket = Socket::open(Family::Netfilter)
            .map_err(|source| Error::Refused { table: config.name.clone(), source })?;
        let ipv6 = config.ipv6.filter(|_| sysctl::has_ipv6());
        let config = TableConfig { ipv6, ..config };
        Ok(Self { config, socket, state: None })
    }

    /// Makes the kernel's table say exactly `rules`, in one atomic transaction, writing only what differs
    /// from the last sync. The first sync replaces the whole table without a gap. Rules of a family that the
    /// table does not have are left out.
    pub fn sync(&mut self, rules: &[ServiceRule]) -> Result<(), Error> {
        let families = self.families();
        let usable: Vec<&ServiceRule> =
            rules.iter().filter(|rule| families.contains(&rule.frontend.place.family())).collect();
        let rules = &usable[..];
        if let Some(mut state) = self.state.take() {
            let changes = plan(&state, rules, &self.pods());
            if changes.is_empty() {
                self.state = Some(state);
                return Ok(());
            }
            let mut batch = Batch::new(&self.config.name);
            changes.write(&mut batch);
            match batch.commit(&mut self.socket) {
                Ok(()) => {
                    self.clean(&changes);
                    state.apply(changes);
                    self.state = Some(state);
                    return Ok(());
                }
                Err(error) => tracing::warn!(%error, "the rules are not as they were left; making them anew"),
            }
        }
        self.replace(rules)
    }

    /// Makes the table anew, in one transaction with the deletion of the old one.
    fn replace(&mut self, rules: &[&ServiceRule]) -> Result<(), Error> {
        let mut state = State::default();
        let changes = plan(&state, rules, &self.pods());
        let mut stay = self.sticky_clients();
        stay.retain(|client| changes.may_stay(&client.asked, &client.endpoint));
        let fill = |batch: &mut Batch, config: &TableConfig| {
            fixed::add(batch, config);
            changes.write(batch);
            for client in &stay {
                batch.add_elements(client.map, std::slice::from_ref(&client.element));
            }
        };
        let mut batch = Batch::new(&self.config.name);
        batch.destroy_table();
        batch.add_owned_table();
        fill(&mut batch, &self.config);
        let result = batch.commit(&mut self.socket);
        if !self.supported(result)? {
            let mut batch = Batch::new(&self.config.name);
            self.delete_if_there(&mut batch);
            batch.add_table();
            fill(&mut batch, &self.config);
            batch.commit(&mut self.socket).map_err(|source| self.error(source))?;
        }
        self.clean(&changes);
        state.apply(changes);
        self.state = Some(state);
        Ok(())
    }

    /// Removes the table; no error if it is not there.
    pub fn teardown(&mut self) -> Result<(), Error> {
        self.state = None;
        let mut batch = Batch::new(&self.config.name);
        batch.destroy_table();
        let result = batch.commit(&mut self.socket);
        if !self.supported(result)? {
            let mut batch = Batch::new(&self.config.name);
            self.delete_if_there(&mut batch);
            batch.commit(&mut self.socket).map_err(|source| self.error(source))?;
        }
        Ok(())
    }

    /// For kernels that cannot do it in one step: deleting fails if there is no table, adding never does.
    fn delete_if_there(&self, batch: &mut Batch) {
        batch.add_table();
        batch.delete_table();
    }

    /// Whether the kernel knew all of it; other errors remain errors.
    fn supported(&self, result: Result<(), netlink::Error>) -> Result<bool, Error> {
        match result {
            Ok(()) => Ok(true),
            Err(error) if error.is(libc::EOPNOTSUPP) || error.is(libc::EINVAL) => {
                tracing::debug!(%error, "this kernel's tables have no owners");
                Ok(false)
            }
            Err(error) if error.is(libc::EPERM) => {
                Err(Error::Owned { table: self.config.name.clone(), source: error })
            }
            Err(error) => Err(self.error(error)),
        }
    }

    fn error(&self, source: netlink::Error) -> Error {
        Error::Refused { table: self.config.name.clone(), source }
    }

    /// What remains to be done once new rules stand. The rules are right without it, so trouble is reported
    /// and no more: a client may stay with an endpoint that is gone.
    fn clean(&mut self, changes: &Changes) {
        if changes.unsettles()
            && let Err(error) = self.unstick(changes)
        {
            tracing::warn!(%error, "cannot free clients of removed endpoints");
        }
        if !changes.datagrams.is_empty()
            && let Err(error) = self.forget_datagrams(changes)
        {
            tracing::warn!(%error, "cannot forget UDP flows to removed endpoints");
        }
    }

    /// Frees clients from endpoints that are gone.
    fn unstick(&mut self, changes: &Changes) -> Result<(), netlink::Error> {
        for client in self.sticky_clients() {
            if changes.must_leave(&client.asked, &client.endpoint) {
                let mut batch = Batch::new(&self.config.name);
                let key = Element { data: Data::None, expires: None, ..client.element };
                batch.delete_elements(client.map, &[key]);
                match batch.commit(&mut self.socket) {
                    Err(error) if !error.is(libc::ENOENT) => return Err(error),
                    _ => {} // gone, or expired meanwhile
                }
            }
        }
        Ok(())
    }

    /// Who stays with whom. Empty if there is no table.
    fn sticky_clients(&mut self) -> Vec<StickyClient> {
        let mut clients = Vec::new();
        for family in self.families() {
            let map = layout::common(family).sticky;
            let elements = nft::list_elements(&mut self.socket, &self.config.name, map);
            let elements = elements.unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot read which clients stay with which endpoints");
                Vec::new()
            });
            clients.extend(elements.into_iter().filter_map(|element| {
                let (asked, endpoint) = layout::read_sticky(family, &element)?;
                Some(StickyClient { asked, endpoint, map, element })
            }));
        }
        clients
    }

    /// The families that the table has.
    fn families(&self) -> Vec<IpFamily> {
        let second = self.config.ipv6.map(|_| IpFamily::V6);
        std::iter::once(IpFamily::V4).chain(second).collect()
    }

    /// Addresses of this node's pods.
    fn pods(&self) -> Vec<IpNet> {
        let second = self.config.ipv6.map(|ipv6| ipv6.pod_cidr);
        std::iter::once(self.config.pod_cidr.into()).chain(second).collect()
    }

    fn forget_datagrams(&mut self, changes: &Changes) -> Result<(), netlink::Error> {
        let flows = conntrack::udp_flows(&mut self.socket)?;
        let own = || -> Result<HashSet<IpAddr>, netlink::Error> {
            let addresses = route::addresses(&mut Socket::open(Family::Route)?)?;
            Ok(addresses.into_iter().map(|(_, address)| address).collect())
        };
        let of_node = changes.datagrams.keys().any(|(place, _)| matches!(place, Place::Node(_)));
        let own = if of_node { own()? } else { HashSet::new() };
        let stale: Vec<Flow> = flows.into_iter().filter(|flow| is_stale(flow, changes, &own)).collect();
        conntrack::forget(&mut self.socket, &stale).map(drop)
    }
}

/// A client that stays with an endpoint, as the kernel remembers it.
struct StickyClient {
    /// The front end, with the address that was asked for.
    asked: Frontend,
    endpoint: SocketAddr,
    map: &'static str,
    element: Element,
}

/// Whether a flow to a changed front end goes somewhere else than to one of its endpoints.
fn is_stale(flow: &Flow, changes: &Changes, own: &HashSet<IpAddr>) -> bool {
    let (address, port) = (flow.destination.ip(), flow.destination.port());
    let by_address = changes.datagrams.get(&(Place::Address(address), port));
    let endpoints = by_address.or_else(|| {
        let node = changes.datagrams.get(&(Place::Node(IpFamily::of(address)), port));
        node.filter(|_| own.contains(&address))
    });
    endpoints.is_some_and(|endpoints| !endpoints.contains(&flow.endpoint))
}
