//! The daemon's part of the name server: a process that answers, and all it has to know.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use client::{Change as Event, Config as Selection, Informer, Informers};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Api;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter};
use tokio::net::UnixStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::control::greet;
use super::objects;
use super::process::identity;
use super::wire::{Change, Resolve, Say, Setup, Tell, line};
use super::zone::{DomainError, Zone, ZoneConfig};

/// Where the settings for names outside the cluster are.
const SETTINGS: (&str, &str) = ("kube-system", "kube-dns");
/// After a process ended that lived no longer than this, before another one is started.
const PAUSE: Duration = Duration::from_secs(1);

/// How the name server is set up.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it listens, over UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// The domain and what belongs to it.
    pub zone: ZoneConfig,
    /// Names the servers for all other names, and the node's search domains: `/etc/resolv.conf`.
    pub resolv_conf: PathBuf,
    /// Folder of the process, made if missing.
    pub folder: PathBuf,
    /// The program and the arguments that lead to [`super::main`]; the folder is added.
    pub command: Vec<OsString>,
    /// The node whose pods' search lists are followed.
    pub node: String,
}

/// Why the name server is fed no longer. Its process goes on.
#[derive(Debug, Error)]
pub enum Error {
    /// The domain is no name.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// The process cannot be started.
    #[error("cannot start the name server's process: {0}")]
    Start(#[source] io::Error),
    /// The process cannot answer.
    #[error("{0}")]
    Failed(String),
    /// The informers were shut down.
    #[error("the watch of {0} ended: the API client was closed")]
    Closed(&'static str),
}

/// Sees to it that the cluster's domain is answered, with what the API says now; ends only with an error or when
/// dropped. Who answers stays then, with what it knew last; [`super::stop`] ends that one.
///
/// A process of another version of this program is replaced; it answers until the new one knows everything.
///
/// Needs list and watch of Services, EndpointSlices, Namespaces and Pods, and of the ConfigMap
/// `kube-system/kube-dns`.
pub async fn run(informers: &Informers, config: Config) -> Result<Infallible, Error> {
    Zone::new(config.zone.clone())?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(&config.folder).map_err(Error::Start)?;
    loop {
        let start = tokio::time::Instant::now();
        let (stream, child) = open(&config).await.map_err(Error::Start)?;
        if let Some(mut child) = child {
            // Somebody has to hear of its end, or it stays in the list of processes.
            tokio::spawn(async move { child.wait().await });
        }
        feed(informers, &config, stream).await?;
        tracing::warn!("the name server's process ended; starting another one");
        if start.elapsed() < PAUSE {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// A connection to a process of this program: the one that answers already, or a new one.
async fn open(config: &Config) -> io::Result<(UnixStream, Option<tokio::process::Child>)> {
    let Some((program, arguments)) = config.command.split_first() else {
        return Err(io::Error::other("no command is configured"));
    };
    let own = identity(program.as_ref())?;
    let folder = config.folder.clone();
    let found = tokio::task::spawn_blocking(move || greet(&folder)).await.map_err(io::Error::other)?;
    match found {
        Ok(Some((stream, other))) if other == own => {
            stream.set_nonblocking(true)?;
            return Ok((UnixStream::from_std(stream)?, None));
        }
        Ok(Some(_)) => tracing::info!("the name server is of another version and is replaced"),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "the name server does not answer and is replaced"),
    }
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg(&config.folder).stdin(Stdio::from(OwnedFd::from(theirs)));
    let child = command.stdout(Stdio::null()).spawn()?;
    // Its copy of the other end would keep us from hearing that the process has gone.
    drop(command);
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, Some(child)))
}

/// Tells everything and every change; returns when the process has gone.
async fn feed(informers: &Informers, config: &Config, stream: UnixStream) -> Result<(), Error> {
    let (reader, writer) = stream.into_split();
    let mut heard = BufReader::new(reader).lines();
    let mut told = Told { writer: BufWriter::new(writer) };
    let namespaces: Informer<Namespace> = informers.of();
    let services: Informer<Service> = informers.of();
    let slices: Informer<EndpointSlice> = informers.of();
    let here = Selection::default().fields(&format!("spec.nodeName={}", config.node));
    let pods: Informer<Pod> = informers.matching(here);
    let (namespace, name) = SETTINGS;
    let settings: Informer<ConfigMap> = Informer::start(
        Api::namespaced(informers.client().clone(), namespace),
        Selection::default().fields(&format!("metadata.name={name}")),
    );
    let (mut namespace_events, mut service_events, mut slice_events) =
        (namespaces.subscribe(), services.subscribe(), slices.subscribe());
    let (mut pod_events, mut settings_events) = (pods.subscribe(), settings.subscribe());
    let synced = async {
        tokio::join!(namespaces.synced(), services.synced(), slices.synced());
    };
    let mut synced = std::pin::pin!(synced);
    let mut complete = false;
    if told.say(Say::Begin(setup(config))).await.is_err() {
        return Ok(());
    }
    loop {
        let written = tokio::select! {
            // In this order: what was known when the informers were in step comes before being complete, and
            // nothing is sent while there is more to say.
            biased;
            text = heard.next_line() => match answer(text) {
                Some(Tell::Failed { reason }) => return Err(Error::Failed(reason)),
                Some(_) => Ok(()),
                None => return Ok(()),
            },
            event = next(&mut settings_events, "ConfigMaps") => match resolve(&event?) {
                Some(resolve) => told.say(Say::Resolve(resolve)).await,
                None => Ok(()),
            },
            event = next(&mut namespace_events, "Namespaces") => {
                let event = event?;
                let name = event.object().metadata.name.clone().unwrap_or_default();
                told.change([Change::Namespace { name, there: !is_gone(&event) }]).await
            }
            event = next(&mut service_events, "Services") => match event? {
                Event::Deleted(service) => told.change(objects::no_service(&service)).await,
                event => told.change(objects::service(event.object())).await,
            },
            event = next(&mut slice_events, "EndpointSlices") => match event? {
                Event::Deleted(slice) => told.change(objects::no_slice(&slice)).await,
                event => told.change(objects::slice(event.object())).await,
            },
            event = next(&mut pod_events, "Pods") => told.change(pod_changes(&event?)).await,
            () = &mut synced, if !complete => {
                complete = true;
                told.say(Say::Complete).await
            }
            sent = told.writer.flush(), if told.waits() => sent,
        };
        if written.is_err() {
            return Ok(());
        }
    }
}

/// What is written to the process, gathered while there is more to say.
struct Told<W> {
    writer: BufWriter<W>,
}

impl<W: AsyncWrite + Unpin> Told<W> {
    async fn say(&mut self, say: Say) -> io::Result<()> {
        self.writer.write_all(&line(&say)).await
    }

    async fn change(&mut self, changes: impl IntoIterator<Item = Change>) -> io::Result<()> {
        for change in changes {
            self.say(Say::Change(change)).await?;
        }
        Ok(())
    }

    fn waits(&self) -> bool {
        !self.writer.buffer().is_empty()
    }
}

async fn next<K>(events: &mut UnboundedReceiver<Event<K>>, kind: &'static str) -> Result<Event<K>, Error> {
    events.recv().await.ok_or(Error::Closed(kind))
}

/// What the process said; `None` when it has gone.
fn answer(text: io::Result<Option<String>>) -> Option<Tell> {
    serde_json::from_str(&text.ok()??).ok()
}

fn is_gone<K>(event: &Event<K>) -> bool {
    matches!(event, Event::Deleted(_))
}

/// What the ConfigMap says now; `None` if it cannot be read, and what it said before goes on.
fn resolve(event: &Event<ConfigMap>) -> Option<Resolve> {
    if is_gone(event) {
        return Some(Resolve::default());
    }
    let (namespace, name) = SETTINGS;
    objects::resolve(event.object())
        .inspect_err(|error| tracing::error!("ConfigMap {namespace}/{name} is not used: {error}"))
        .ok()
}

/// Addresses come and go with a pod's status; one that another pod holds meanwhile is that one's.
fn pod_changes(event: &Event<Pod>) -> Vec<Change> {
    let now = if is_gone(event) { Vec::new() } else { objects::searching(event.object()) };
    let before: Option<&Arc<Pod>> = if is_gone(event) { Some(event.object()) } else { event.previous() };
    let before = before.map(|pod| objects::searching(pod)).unwrap_or_default();
    let gone = before.iter().filter(|(address, _)| !now.iter().any(|(still, _)| still == address));
    let gone = gone.map(|(address, _)| Change::Pod { address: *address, namespace: None });
    let there = now.iter().filter(|pod| !before.contains(pod));
    let there = there
        .map(|(address, namespace)| Change::Pod { address: *address, namespace: Some(namespace.clone()) });
    gone.chain(there).collect()
}

fn setup(config: &Config) -> Setup {
    let ZoneConfig { domain, servers, ranges, ttl } = config.zone.clone();
    let servers: Vec<IpAddr> = servers;
    Setup {
        listen: config.listen.clone(),
        domain,
        servers,
        ranges: ranges.iter().map(ToString::to_string).collect(),
        ttl,
        resolv_conf: config.resolv_conf.clone(),
    }
}
