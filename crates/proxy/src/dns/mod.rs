//! The cluster's name server: names of Services and pods from the API's objects, everything else from the
//! host's name servers.
//!
//! The parts: [`Zone`] is what is known, changed object by object; [`answer()`] is the pure way from a packet
//! to a packet; [`Server`] puts both on UDP and TCP; [`run`] feeds a zone from informers.
//!
//! Not here: DNSSEC signatures of our own, zone transfers, IPv6 addresses of Services.

mod answer;
mod cache;
mod server;
mod upstream;
mod zone;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use client::{Change, Informer, Informers};
use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use thiserror::Error;

pub use answer::answer;
pub use server::{ListenError, Server};
pub use upstream::name_servers;
pub use zone::{DomainError, Zone, ZoneConfig};

/// How the name server is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens, over UDP and TCP.
    pub listen: SocketAddr,
    /// The domain and what belongs to it.
    pub zone: ZoneConfig,
    /// Servers for all other names; see [`name_servers`].
    pub upstream: Vec<SocketAddr>,
}

/// Why the name server ended.
#[derive(Debug, Error)]
pub enum Error {
    /// The domain is no name.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The address is not to be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The informers were shut down.
    #[error("the watch of {0} ended: the API client was closed")]
    Closed(&'static str),
}

/// Serves the cluster's domain; ends only with an error or when dropped. Listens from the start; until all
/// objects are known, questions about the domain are answered "server failure", so that nobody remembers a
/// name as missing.
///
/// Needs list and watch of Services, EndpointSlices and Namespaces.
pub async fn run(informers: &Informers, config: Config) -> Result<Infallible, Error> {
    let zone = Arc::new(RwLock::new(Zone::new(config.zone)?));
    let server = Server::listen(config.listen, zone.clone(), config.upstream).await?;
    tokio::select! {
        never = server.serve() => match never {},
        ended = feed(informers, &zone) => ended,
    }
}

/// Carries every change of the objects into the zone.
async fn feed(informers: &Informers, zone: &RwLock<Zone>) -> Result<Infallible, Error> {
    let namespaces: Informer<Namespace> = informers.of();
    let services: Informer<Service> = informers.of();
    let slices: Informer<EndpointSlice> = informers.of();
    let (mut namespace_changes, mut service_changes, mut slice_changes) =
        (namespaces.subscribe(), services.subscribe(), slices.subscribe());
    let synced = async {
        tokio::join!(namespaces.synced(), services.synced(), slices.synced());
    };
    let mut synced = std::pin::pin!(synced);
    let mut ready = false;
    let write = || zone.write().unwrap_or_else(PoisonError::into_inner);
    loop {
        tokio::select! {
            // In this order: what was known when the informers were in step comes before being ready.
            biased;
            change = namespace_changes.recv() => {
                let change = change.ok_or(Error::Closed("Namespaces"))?;
                let name = change.object().metadata.name.as_deref().unwrap_or_default();
                match change {
                    Change::Deleted(_) => write().remove_namespace(name),
                    _ => write().add_namespace(name),
                }
            }
            change = service_changes.recv() => match change.ok_or(Error::Closed("Services"))? {
                Change::Deleted(service) => write().remove_service(&service),
                change => write().set_service(change.object()),
            },
            change = slice_changes.recv() => match change.ok_or(Error::Closed("EndpointSlices"))? {
                Change::Deleted(slice) => write().remove_slice(&slice),
                change => write().set_slice(change.object()),
            },
            () = &mut synced, if !ready => {
                ready = true;
                write().set_ready();
            }
        }
    }
}
