//! Who may talk to a pod of this node, and to whom it may talk, as one nf_tables table of our own.
//!
//! [`Table::sync`] takes everything that is to hold and tells the kernel the difference to what it said last, in one
//! transaction. The form of the table is described in `layout.rs`.
//!
//! What holds without being asked for: answers of connections that were allowed when they began; a pod's packets to
//! itself; and whatever passes between a pod and its own node, which is never forwarded and so never looked at
//! (probes come that way, and questions to the node's name server go that way).
//!
//! What is not here: Kubernetes. Callers translate their objects into [`Rules`].
//!
//! Other programs' tables are neither read nor changed. As the service table, this one belongs to the process that
//! syncs it from Linux 6.9 on, and stays when that one ends: pods stay isolated while no daemon runs.

mod layout;
mod spans;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use thiserror::Error;

use crate::IpNet;
use crate::netlink::{self, Family, Socket};
use crate::nft::Batch;
use crate::services::Protocol;
use layout::State;

/// Everything that is to hold on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// The node's pods that are isolated, by address.
    pub pods: BTreeMap<IpAddr, PodRules>,
    /// Pods that rules name together, by the name that [`Peer::Group`] uses.
    pub groups: BTreeMap<Arc<str>, BTreeSet<IpAddr>>,
    /// Ports of pods that rules name together, by the name that [`Peer::Ports`] uses.
    pub ports: BTreeMap<Arc<str>, BTreeSet<(IpAddr, Protocol, u16)>>,
}

/// What holds for one pod. Pods with the same rules share them in the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodRules {
    /// Who may begin to talk to it; `None`: everybody.
    pub ingress: Option<Arc<[Allow]>>,
    /// To whom it may begin to talk; `None`: to everybody.
    pub egress: Option<Arc<[Allow]>>,
}

/// What is allowed: these peers at these ports. A pod's allowances add up.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Allow {
    /// The other end.
    pub peers: Peers,
    /// Ports of whoever is talked to.
    pub ports: Ports,
}

/// Other ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peers {
    /// Everybody.
    Anyone,
    /// These.
    Only(Vec<Peer>),
}

/// Another end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// The pods of a group.
    Group(Arc<str>),
    /// Ports of pods, whatever the allowance's own ports are.
    Ports(Arc<str>),
    /// Addresses, but for some.
    Block {
        /// The addresses.
        network: IpNet,
        /// Those that are not meant.
        except: Vec<IpNet>,
    },
}

/// Ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ports {
    /// All, and protocols without ports.
    Any,
    /// These.
    Only(BTreeSet<PortRange>),
}

/// Neighbouring ports of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    /// The protocol.
    pub protocol: Protocol,
    /// The first port.
    pub first: u16,
    /// The last port, not less than the first.
    pub last: u16,
}

/// The kernel refused a table or a change of it.
#[derive(Debug, Error)]
#[error("network policy, nf_tables table inet {table}: {source}")]
pub struct Error {
    /// The table's name.
    table: String,
    /// The kernel's answer.
    source: netlink::Error,
}

/// Network policy as one nf_tables table.
#[derive(Debug)]
pub struct Table {
    name: String,
    socket: Socket,
    /// What the kernel was told; `None` before the first sync and after trouble.
    state: Option<State>,
}

impl Table {
    /// Opens a netlink socket in the calling thread's network namespace. The kernel's table (family `inet`) is first
    /// touched by [`Table::sync`].
    pub fn new(name: &str) -> Result<Self, Error> {
        let socket = Socket::open(Family::Netfilter);
        let socket = socket.map_err(|source| Error { table: name.to_owned(), source })?;
        Ok(Self { name: name.to_owned(), socket, state: None })
    }

    /// Makes the kernel's table say exactly `rules`, in one atomic transaction, writing only what differs from the
    /// last sync. The first sync replaces the whole table without a gap.
    pub fn sync(&mut self, rules: &Rules) -> Result<(), Error> {
        let wanted = State::of(rules);
        if let Some(state) = self.state.take() {
            if state == wanted {
                self.state = Some(state);
                return Ok(());
            }
            let mut batch = Batch::new(&self.name);
            wanted.write(&mut batch, &state);
            match batch.commit(&mut self.socket) {
                Ok(()) => {
                    self.state = Some(wanted);
                    return Ok(());
                }
                Err(error) => {
                    tracing::warn!(%error, "the policies' rules are not as they were left; making them anew");
                }
            }
        }
        self.replace(&wanted)?;
        self.state = Some(wanted);
        Ok(())
    }

    /// Makes the table anew, in one transaction with the deletion of the old one.
    fn replace(&mut self, wanted: &State) -> Result<(), Error> {
        let fill = |batch: &mut Batch| {
            layout::add_fixed(batch);
            wanted.write(batch, &State::default());
        };
        let mut batch = Batch::new(&self.name);
        batch.destroy_table();
        batch.add_owned_table();
        fill(&mut batch);
        if !self.commit(batch)? {
            let mut batch = Batch::new(&self.name);
            // Deleting fails if there is no table, adding never does.
            batch.add_table();
            batch.delete_table();
            batch.add_table();
            fill(&mut batch);
            let done = batch.commit(&mut self.socket);
            done.map_err(|source| Error { table: self.name.clone(), source })?;
        }
        Ok(())
    }

    /// Removes the table; no error if it is not there. Nobody is isolated any more.
    pub fn teardown(&mut self) -> Result<(), Error> {
        self.state = None;
        let mut batch = Batch::new(&self.name);
        batch.destroy_table();
        if !self.commit(batch)? {
            let mut batch = Batch::new(&self.name);
            batch.add_table();
            batch.delete_table();
            let done = batch.commit(&mut self.socket);
            done.map_err(|source| Error { table: self.name.clone(), source })?;
        }
        Ok(())
    }

    /// `false` if this kernel knows no tables with an owner, or no deletion of a table that may not be there.
    fn commit(&mut self, batch: Batch) -> Result<bool, Error> {
        match batch.commit(&mut self.socket) {
            Ok(()) => Ok(true),
            Err(error) if error.is(libc::EOPNOTSUPP) || error.is(libc::EINVAL) => Ok(false),
            Err(source) => Err(Error { table: self.name.clone(), source }),
        }
    }
}
