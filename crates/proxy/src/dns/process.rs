//! The name server's own process: it answers while no daemon runs, and while one is being replaced.
//!
//! [`main`] is the whole life of it. It is started by the daemon with one end of a socket pair as standard input, by
//! which it is fed (see `wire.rs`), and listens on a unix socket in its folder, by which the next daemon finds
//! it. Once its feed is complete it takes the place of whoever serves the folder: it gets that one's sockets, and
//! so each question that waits in them, or binds them if there is nobody.
//!
//! Keeps: between two feeds, or without any, the last complete feed is answered. A process that hands its sockets over
//! goes on as before unless the other says that it serves them. Nothing is written to disk, and nothing polls.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::control::{in_folder, send_descriptors, take_over};
use super::server::{Core, Server, Sockets};
use super::upstream::Upstream;
use super::wire::{Resolve, Say, Setup, Status, Tell, line};
use super::zone::{Zone, ZoneConfig};

/// Where a name server is spoken to, in its folder.
pub(super) const SOCKET: &str = "socket";

/// Runs the name server of the folder that is the only argument, fed by standard input; returns when it is told to
/// end, when another took its place, or when its feed ends before it is complete.
pub fn main(arguments: &[OsString]) -> ExitCode {
    let [folder] = arguments else {
        eprintln!("error: the name server is started by the cluster, with its folder as only argument");
        return ExitCode::FAILURE;
    };
    match run(Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("name server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path) -> io::Result<()> {
    // The terminal and the daemon may go; the kernel may take others first when memory runs out.
    let _ = rustix::process::setsid();
    let _ = fs::write("/proc/self/oom_score_adj", "-998");
    let _ = fs::write("/proc/self/comm", "launchway-names");
    std::env::set_current_dir("/")?;
    let feed = StdStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    feed.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (end, mut ended) = mpsc::unbounded_channel();
        let process = Arc::new(Process {
            folder: folder.to_owned(),
            identity: identity(Path::new("/proc/self/exe"))?,
            end,
            state: Mutex::default(),
        });
        let feed = UnixStream::from_std(feed)?;
        let first = process.clone();
        tokio::spawn(async move {
            first.clone().converse(feed).await;
            if first.state().current.is_none() {
                first.end.send(()).ok(); // nothing was ever answered, and nobody will feed us
            }
        });
        ended.recv().await;
        Ok(())
    })
}

/// Which program this file is: two files with the same answer are the same.
pub(super) fn identity(program: &Path) -> io::Result<String> {
    let file = fs::metadata(program)?;
    Ok(format!("{}:{}:{}:{}", file.dev(), file.ino(), file.size(), file.mtime()))
}

#[derive(Debug)]
struct Process {
    folder: PathBuf,
    identity: String,
    end: mpsc::UnboundedSender<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Number of the feed that counts: the one that began last.
    feed: u64,
    /// Whether that one is complete and goes on.
    complete: bool,
    /// Whether others find this process in its folder.
    listening: bool,
    current: Option<Current>,
}

/// What is being answered.
#[derive(Debug)]
struct Current {
    core: Arc<Core>,
    sockets: Vec<Sockets>,
    /// `None` while the sockets are with somebody else.
    server: Option<Server>,
    since: u64,
    setup: Setup,
    resolve: Resolve,
}

/// A feed that is not complete yet.
struct Building {
    zone: Zone,
    setup: Setup,
    resolve: Resolve,
}

/// How far one conversation is.
#[derive(Default)]
struct Conversation {
    building: Option<Building>,
    feed: u64,
}

impl Process {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Speaks with one daemon (or another process of ours) until it leaves.
    async fn converse(self: Arc<Self>, stream: UnixStream) {
        let (reader, mut writer) = stream.into_split();
        let mut lines = BufReader::new(reader).lines();
        let hello = line(&Tell::Hello { identity: self.identity.clone() });
        if writer.write_all(&hello).await.is_err() {
            return;
        }
        let mut conversation = Conversation::default();
        while let Ok(Some(text)) = lines.next_line().await {
            let say: Say = match serde_json::from_str(&text) {
                Ok(say) => say,
                Err(error) => {
                    tracing::error!(%error, "the daemon says what this name server does not understand");
                    break;
                }
            };
            if matches!(say, Say::HandOver) {
                self.hand_over(lines, writer).await;
                return;
            }
            let Some(answer) = self.hear(&mut conversation, say).await else { continue };
            if writer.write_all(&line(&answer)).await.is_err() {
                break;
            }
        }
        let mut state = self.state();
        if state.feed == conversation.feed {
            state.complete = false;
        }
    }

    async fn hear(self: &Arc<Self>, conversation: &mut Conversation, say: Say) -> Option<Tell> {
        match say {
            Say::Begin(setup) => {
                let mut state = self.state();
                state.feed += 1;
                state.complete = false;
                conversation.feed = state.feed;
                match Zone::new(zone_config(&setup)) {
                    Ok(zone) => {
                        conversation.building = Some(Building { zone, setup, resolve: Resolve::default() });
                    }
                    Err(error) => return Some(Tell::Failed { reason: error.to_string() }),
                }
            }
            Say::Change(change) => match &mut conversation.building {
                Some(building) => building.zone.apply(change),
                None => {
                    let state = self.state();
                    if let Some(current) = state.current.as_ref().filter(|_| state.feed == conversation.feed)
                    {
                        current.core.change(|zone| zone.apply(change));
                    }
                }
            },
            Say::Resolve(resolve) => match &mut conversation.building {
                Some(building) => building.resolve = resolve,
                None => {
                    let mut state = self.state();
                    let counts = state.feed == conversation.feed;
                    if let Some(current) = state.current.as_mut().filter(|_| counts) {
                        current.ask(resolve);
                    }
                }
            },
            Say::Complete => {
                let building = conversation.building.take()?;
                return Some(match self.answer(building).await {
                    Ok(()) => {
                        let mut state = self.state();
                        state.complete = state.feed == conversation.feed;
                        Tell::Serving
                    }
                    Err(reason) => Tell::Failed { reason },
                });
            }
            Say::Status => return Some(Tell::Status(self.status())),
            Say::Stop => drop(self.end.send(())),
            Say::HandOver | Say::Taken => {}
        }
        None
    }

    /// From now on answers what `building` says.
    async fn answer(self: &Arc<Self>, building: Building) -> Result<(), String> {
        let Building { mut zone, setup, resolve } = building;
        zone.set_ready();
        let known = self.state().current.as_mut().is_some_and(|current| {
            current.core.change(|old| std::mem::swap(old, &mut zone));
            let listens = current.setup.listen == setup.listen;
            current.setup = setup.clone();
            current.ask(resolve.clone());
            listens
        });
        if known {
            return Ok(());
        }
        // The first feed, or one that wants other addresses: those that there are stay as they are.
        let here = self.state().current.as_ref().map(|current| current.sockets.clone());
        let (mut there, predecessor) = match here {
            Some(here) => (here, None),
            None => {
                let folder = self.folder.clone();
                let taken = tokio::task::spawn_blocking(move || take_over(&folder));
                taken.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?
            }
        };
        let mut sockets = Vec::new();
        for address in &setup.listen {
            sockets.push(match there.iter().position(|sockets| sockets.address == *address) {
                Some(at) => there.swap_remove(at),
                None => Sockets::bind(*address).await.map_err(|error| error.to_string())?,
            });
        }
        self.begin(zone, setup, resolve, sockets);
        if !self.state().listening {
            let listener = self.listen().map_err(|error| {
                format!("cannot listen on {}: {error}", self.folder.join(SOCKET).display())
            })?;
            self.state().listening = true;
            tokio::spawn(self.clone().accept(listener));
        }
        if let Some(mut predecessor) = predecessor {
            // If it does not hear it, it goes on answering from the same sockets what it knew last.
            let _ = io::Write::write_all(&mut predecessor, &line(&Say::Taken));
        }
        Ok(())
    }

    fn begin(&self, zone: Zone, setup: Setup, resolve: Resolve, sockets: Vec<Sockets>) {
        let mut state = self.state();
        let core = match &state.current {
            Some(current) => current.core.clone(),
            None => {
                let upstream = Upstream::new(resolve.clone(), setup.resolv_conf.clone(), own(&setup));
                Arc::new(Core::new(zone, upstream))
            }
        };
        let server = Server::start(&sockets, &core);
        let since = state.current.as_ref().map_or_else(now, |current| current.since);
        state.current = Some(Current { core, sockets, server: Some(server), since, setup, resolve });
    }

    /// The socket by which others find this process from now on.
    fn listen(&self) -> io::Result<UnixListener> {
        let own = format!("{SOCKET}.{}", std::process::id());
        let _ = fs::remove_file(self.folder.join(&own));
        let listener = in_folder(&self.folder, &own, StdListener::bind)?;
        listener.set_nonblocking(true)?;
        fs::rename(self.folder.join(&own), self.folder.join(SOCKET))?;
        UnixListener::from_std(listener)
    }

    /// Speaks with whoever comes. Boxed, because it is begun within a conversation.
    fn accept(self: Arc<Self>, listener: UnixListener) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(self.clone().converse(stream))),
                    Err(error) => {
                        tracing::error!(%error, "the name server can no longer be spoken to");
                        return;
                    }
                }
            }
        })
    }

    /// Gives the sockets to another process, and ends once that one serves them.
    async fn hand_over(&self, mut lines: Lines<BufReader<OwnedReadHalf>>, writer: OwnedWriteHalf) {
        let given = {
            let mut state = self.state();
            state.current.as_mut().map(|current| {
                current.server = None;
                (current.core.clone(), current.sockets.clone())
            })
        };
        let Some((core, sockets)) = given else { return };
        let sent = descriptors(&sockets).and_then(|descriptors| {
            let addresses = sockets.iter().map(|sockets| sockets.address).collect();
            send_descriptors(writer.as_ref(), &line(&Tell::Sockets { addresses }), &descriptors)
        });
        let taken = match sent {
            Ok(()) => lines
                .next_line()
                .await
                .is_ok_and(|text| text.and_then(|text| serde_json::from_str(&text).ok()) == Some(Say::Taken)),
            Err(error) => {
                tracing::error!(%error, "the name server's sockets cannot be handed over");
                false
            }
        };
        if taken {
            core.rest().await;
            self.end.send(()).ok();
        } else if let Some(current) = &mut self.state().current {
            current.server = Some(Server::start(&current.sockets, &current.core));
        }
    }

    fn status(&self) -> Status {
        let state = self.state();
        let current = state.current.as_ref();
        Status {
            pid: std::process::id(),
            serving_since: current.map(|current| current.since),
            fed: state.complete,
            services: current.map_or(0, |current| current.core.change(|zone| zone.services())),
            answered: current.map_or(0, |current| current.core.answered()),
        }
    }
}

impl Current {
    /// Asks others from now on, if they are others.
    fn ask(&mut self, resolve: Resolve) {
        if resolve != self.resolve {
            let (path, own) = (self.setup.resolv_conf.clone(), own(&self.setup));
            self.core.set_upstream(Upstream::new(resolve.clone(), path, own));
            self.resolve = resolve;
        }
    }
}

fn zone_config(setup: &Setup) -> ZoneConfig {
    ZoneConfig {
        domain: setup.domain.clone(),
        servers: setup.servers.clone(),
        ranges: setup.ranges.iter().filter_map(|range| range.parse().ok()).collect(),
        ttl: setup.ttl,
    }
}

/// Addresses that lead back here.
fn own(setup: &Setup) -> Vec<std::net::SocketAddr> {
    let services = setup.servers.iter().map(|address| (*address, 53).into());
    setup.listen.iter().copied().chain(services).collect()
}

fn descriptors(sockets: &[Sockets]) -> io::Result<Vec<OwnedFd>> {
    let mut all = Vec::new();
    for sockets in sockets {
        all.extend(sockets.descriptors()?);
    }
    Ok(all)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
