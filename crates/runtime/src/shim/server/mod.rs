//! The shim's loop: one thread, woken by its socket, its children, their output, and nothing else.

mod children;
mod output;
mod requests;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;

use super::attach::Attached;
use super::client::Client;
use super::container::{Asker, Container, ExecProcess, Filter};
use super::log::Stream;
use crate::cgroup::Cgroup;
use crate::child::SharedMemory;
use crate::files::replace;
use crate::protocol::{Fault, Message, Request, names};
use crate::spec::{SandboxSpec, Seccomp};
use crate::state::ContainerState;
use crate::sys;

/// What an epoll token stands for.
enum Source {
    Listener(UnixListener),
    Signals(OwnedFd),
    Client(Client),
    /// To a container's first process while it is set up.
    Setup {
        socket: OwnedFd,
        id: String,
    },
    /// To an exec'ed process (by its pid) while it is set up.
    ExecSetup {
        socket: OwnedFd,
        pid: i32,
    },
    Output {
        fd: OwnedFd,
        id: String,
        stream: Stream,
    },
    Attached(Attached),
}

impl Source {
    fn fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match self {
            Source::Listener(listener) => listener.as_fd(),
            Source::Client(client) => client.socket.as_fd(),
            Source::Signals(fd)
            | Source::Setup { socket: fd, .. }
            | Source::ExecSetup { socket: fd, .. }
            | Source::Output { fd, .. } => fd.as_fd(),
            Source::Attached(attached) => attached.fd.as_fd(),
        }
    }
}

/// The shim's state.
pub(super) struct Server {
    folder: PathBuf,
    spec: SandboxSpec,
    cgroup: Cgroup,
    shared_memory: SharedMemory,
    pod_init: Option<i32>,
    epoll: OwnedFd,
    sources: HashMap<u64, Source>,
    next_token: u64,
    containers: BTreeMap<String, Container>,
    execs: HashMap<i32, ExecProcess>,
    filters: Vec<((Seccomp, u64), Filter)>,
    buffer: Vec<u8>,
    over: bool,
}

impl Server {
    pub(super) fn new(
        folder: &Path,
        spec: SandboxSpec,
        cgroup: Cgroup,
        shared_memory: SharedMemory,
        pod_init: Option<i32>,
        listener: UnixListener,
        signals: OwnedFd,
    ) -> Result<Server, String> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC);
        let epoll = epoll.map_err(|error| format!("cannot make an epoll: {error}"))?;
        let mut server = Server {
            folder: folder.to_path_buf(),
            spec,
            cgroup,
            shared_memory,
            pod_init,
            epoll,
            sources: HashMap::new(),
            next_token: 0,
            containers: BTreeMap::new(),
            execs: HashMap::new(),
            filters: Vec::new(),
            buffer: vec![0; 64 << 10],
            over: false,
        };
        server.add(Source::Listener(listener));
        server.add(Source::Signals(signals));
        Ok(server)
    }

    /// Serves until the sandbox is removed.
    pub(super) fn run(&mut self) -> ExitCode {
        let mut events = Vec::with_capacity(32);
        while !self.over {
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return ExitCode::FAILURE,
            }
            // Children last: what they said before they ended is then already heard.
            for event in &events {
                self.dispatch(event.data.u64(), event.flags);
            }
        }
        ExitCode::SUCCESS
    }

    // === sources ===

    fn add(&mut self, source: Source) -> u64 {
        let token = self.next_token;
        self.next_token += 1;
        let interest =
            if matches!(source, Source::Attached(_)) { EventFlags::empty() } else { EventFlags::IN };
        // Fails only for want of memory, and then nothing is heard from that source.
        let _ = epoll::add(&self.epoll, source.fd(), EventData::new_u64(token), interest);
        self.sources.insert(token, source);
        token
    }

    fn watch_writing(&self, token: u64, source: &Source, wanted: bool) {
        let reading =
            if matches!(source, Source::Attached(_)) { EventFlags::empty() } else { EventFlags::IN };
        let interest = if wanted { reading | EventFlags::OUT } else { reading };
        let _ = epoll::modify(&self.epoll, source.fd(), EventData::new_u64(token), interest);
    }

    fn dispatch(&mut self, token: u64, flags: EventFlags) {
        match self.sources.get_mut(&token) {
            Some(Source::Listener(_)) => self.accept(token),
            Some(Source::Signals(fd)) => {
                // The counts are of no use: reaping finds every child.
                while matches!(rustix::io::read(&*fd, &mut self.buffer), Ok(1..)) {}
                self.reap();
            }
            Some(Source::Client(_)) => self.serve(token, flags),
            Some(Source::Setup { id, .. }) => {
                let id = id.clone();
                self.hear_setup(&id);
            }
            Some(Source::ExecSetup { pid, .. }) => {
                let pid = *pid;
                self.hear_exec(pid);
            }
            Some(Source::Output { id, .. }) => {
                let id = id.clone();
                self.copy_output(token, &id);
            }
            Some(Source::Attached(_)) if flags.contains(EventFlags::ERR) => self.forget_attached(token),
            Some(Source::Attached(_)) => self.flush_attached(token),
            None => {}
        }
    }

    // === clients ===

    fn accept(&mut self, token: u64) {
        loop {
            let Some(Source::Listener(listener)) = self.sources.get(&token) else { return };
            let Ok((socket, _)) = listener.accept() else { return };
            // The socket's permissions say so already; this also holds where they were changed.
            let peer = rustix::net::sockopt::socket_peercred(&socket);
            let allowed = peer.is_ok_and(|peer| peer.uid == rustix::process::geteuid());
            if allowed && socket.set_nonblocking(true).is_ok() {
                self.add(Source::Client(Client::new(socket)));
            }
        }
    }

    fn serve(&mut self, token: u64, flags: EventFlags) {
        if flags.contains(EventFlags::OUT) {
            let Some(Source::Client(client)) = self.sources.get_mut(&token) else { return };
            if client.flush().is_err() {
                return self.drop_client(token);
            }
            let behind = client.is_behind();
            self.watch_writing(token, &self.sources[&token], behind);
        }
        if !flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
            return;
        }
        loop {
            let Some(Source::Client(client)) = self.sources.get_mut(&token) else { return };
            match client.decoder.fill(client.socket.as_fd()) {
                Ok(0) => return self.drop_client(token),
                Ok(_) => {}
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return self.drop_client(token),
            }
            loop {
                let Some(Source::Client(client)) = self.sources.get_mut(&token) else { return };
                let (json, descriptors) = match client.decoder.next() {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(_) => return self.drop_client(token),
                };
                match serde_json::from_slice::<Request>(&json) {
                    Ok(request) => self.handle((token, request.number), request.call, descriptors),
                    Err(_) => return self.drop_client(token),
                }
            }
        }
    }

    fn drop_client(&mut self, token: u64) {
        self.sources.remove(&token);
        // Nobody is left who could read what these say or how they end.
        for (pid, exec) in &self.execs {
            if exec.asker.0 == token {
                let _ = sys::kill(*pid, libc::SIGKILL);
            }
        }
    }

    fn send(&mut self, token: u64, message: &Message, descriptors: Vec<OwnedFd>) {
        let Some(Source::Client(client)) = self.sources.get_mut(&token) else { return };
        if client.send(message, descriptors).is_err() {
            self.drop_client(token);
        } else if client.is_behind() {
            self.watch_writing(token, &self.sources[&token], true);
        }
    }

    fn reply(&mut self, asker: Asker, result: Result<(), Fault>) {
        self.reply_with(asker, result, Vec::new());
    }

    fn reply_with(&mut self, (token, number): Asker, result: Result<(), Fault>, descriptors: Vec<OwnedFd>) {
        self.send(token, &Message::Reply { number, result }, descriptors);
    }

    /// Keeps a container's state on disk, and only then tells every engine.
    fn publish(&mut self, id: &str) {
        let Some(container) = self.containers.get(id) else { return };
        let status = container.status.clone();
        // An end is on disk before it is told; but not when the container is going in this very moment.
        let durable = matches!(status.state, ContainerState::Exited(_)) && container.removal.is_none();
        if let Ok(json) = serde_json::to_vec(&status)
            && let Err(error) = replace(&self.state_file(id), &json, durable)
        {
            eprintln!("cannot keep the state of container {id}: {error}");
        }
        let clients: Vec<u64> = self
            .sources
            .iter()
            .filter(|(_, s)| matches!(s, Source::Client(_)))
            .map(|(token, _)| *token)
            .collect();
        for client in clients {
            self.send(client, &Message::State(status.clone()), Vec::new());
        }
    }

    fn state_file(&self, id: &str) -> PathBuf {
        self.folder.join(names::CONTAINERS).join(format!("{id}.json"))
    }

    fn root_folder(&self, id: &str) -> PathBuf {
        self.folder.parent().unwrap_or(&self.folder).join(names::ROOTS).join(id)
    }
}
