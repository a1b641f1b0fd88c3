//! The shim's loop: one thread, woken by its socket, its children, their output, and nothing else.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;

use super::attach::Attached;
use super::client::Client;
use super::container::{
    Asker, Container, ExecProcess, Filter, FromChild, Phase, Spawned, read_channel, spawn_exec, spawn_init,
};
use super::log::{Log, Stream};
use crate::capability;
use crate::cgroup::{Cgroup, DeviceRule, standard_devices};
use crate::child::{SharedMemory, reason, tag};
use crate::files::{now_ms, remove_folder, replace};
use crate::protocol::{Call, Fault, Message, Request, names};
use crate::seccomp;
use crate::spec::{ContainerSpec, SandboxSpec, Seccomp};
use crate::state::{ContainerState, ContainerStatus, ExitStatus};
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
        let durable = matches!(status.state, ContainerState::Exited(_));
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

    // === requests ===

    fn handle(&mut self, asker: Asker, call: Call, descriptors: Vec<OwnedFd>) {
        let done = match call {
            Call::Hello => {
                let all: Vec<ContainerStatus> = self.containers.values().map(|c| c.status.clone()).collect();
                for status in all {
                    self.send(asker.0, &Message::State(status), Vec::new());
                }
                Some(Ok(()))
            }
            Call::Create(spec) => self.create(asker, *spec).err().map(Err),
            Call::Start { id } => self.start(asker, &id).err().map(Err),
            Call::Signal { id, signal } => Some(self.signal(&id, signal)),
            Call::KillAll { id } => Some(self.container(&id).map(|container| container.cgroup.kill())),
            Call::Remove { id } => self.remove(asker, &id).err().map(Err),
            Call::Exec { id, spec, streams } => {
                let mut descriptors = descriptors.into_iter();
                let streams = streams.map(|sent| if sent { descriptors.next() } else { None });
                self.exec(asker, &id, &spec, streams).err().map(Err)
            }
            Call::KillExec { exec } => {
                for (pid, process) in &self.execs {
                    if process.asker == (asker.0, exec) {
                        let _ = sys::kill(*pid, libc::SIGKILL);
                    }
                }
                Some(Ok(()))
            }
            Call::Attach { id } => self.attach(asker, &id, descriptors).err().map(Err),
            Call::Update { id, resources } => {
                let applied = self.container(&id).map(|c| c.cgroup.apply(&resources));
                Some(applied.and_then(|result| result.map_err(|error| Fault::Failed(error.to_string()))))
            }
            Call::ReopenLog { id } => Some(self.reopen_log(&id)),
            Call::Shutdown => {
                self.shut_down(asker);
                None
            }
        };
        if let Some(result) = done {
            self.reply(asker, result);
        }
    }

    fn container(&mut self, id: &str) -> Result<&mut Container, Fault> {
        self.containers.get_mut(id).ok_or_else(|| Fault::NotFound(format!("container {id}")))
    }

    fn create(&mut self, asker: Asker, spec: ContainerSpec) -> Result<(), Fault> {
        let id = spec.id.clone();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > 128 || id.starts_with('.') || !id.chars().all(plain) {
            return Err(Fault::Failed(format!(
                "container id {id:?} must be letters, digits, '-', '_' and '.'"
            )));
        }
        if self.containers.contains_key(&id) {
            return Err(Fault::Exists(format!("container {id}")));
        }
        let name = spec.name.clone();
        let in_container = |text: String| Fault::Failed(format!("container {name}: {text}"));
        let sets = capability::resolve(&spec.capabilities, spec.privileged, capability::bounding());
        let sets = sets.map_err(in_container)?;
        let seccomp = if spec.privileged { &Seccomp::Unconfined } else { &spec.seccomp };
        let filter = self.filter(seccomp, sets.granted).map_err(in_container)?;
        let log =
            match &spec.log_path {
                Some(path) => Some(Log::open(path, spec.log_limit.clone()).map_err(|e| {
                    in_container(format!("cannot open log {}: {}", path.display(), reason(&e)))
                })?),
                None => None,
            };
        let devices = device_rules(&spec).map_err(in_container)?;
        let cgroup = self.cgroup.child(&id, spec.resources.cpuset.is_some());
        let cgroup = cgroup.map_err(|error| in_container(error.to_string()))?;
        let folder = self.root_folder(&id);
        let ready = cgroup.apply(&spec.resources).and_then(|()| cgroup.allow_devices(&devices));
        let confinement =
            crate::child::Confinement { spec: &spec, cgroup: &cgroup, sets, filter: filter.as_deref() };
        let spawned = ready.map_err(|error| Fault::Failed(error.to_string())).and_then(|()| {
            let spawned = spawn_init(&spec, &self.spec, confinement, &folder, &self.shared_memory)?;
            match sys::pidfd_open(spawned.pid) {
                Ok(pidfd) => Ok((spawned, pidfd)),
                Err(error) => Err(Fault::Failed(format!("cannot open a pidfd: {}", reason(&error)))),
            }
        });
        let (spawned, pidfd) = match spawned {
            Ok(spawned) => spawned,
            Err(fault) => {
                let _ = cgroup.remove();
                let _ = remove_folder(&folder);
                let Fault::Failed(text) = fault else { return Err(fault) };
                return Err(in_container(text));
            }
        };
        let Spawned { pid, channel, outputs, input } = spawned;
        let channel = self.add(Source::Setup { socket: channel, id: id.clone() });
        let streams = [Stream::Out, Stream::Err];
        let outputs = outputs.into_iter().zip(streams);
        let outputs = outputs
            .map(|(fd, stream)| self.add(Source::Output { fd, id: id.clone(), stream }))
            .collect::<Vec<_>>();
        let status = ContainerStatus {
            id: id.clone(),
            name: spec.name.clone(),
            attempt: spec.attempt,
            log_path: spec.log_path.clone(),
            tty: spec.tty,
            stdin: spec.stdin,
            created_at: now_ms(),
            labels: spec.labels.clone(),
            warnings: Vec::new(),
            state: ContainerState::Created,
        };
        let container = Container {
            terminal: spec.tty,
            spec,
            status,
            phase: Phase::Creating(asker),
            cgroup,
            sets,
            filter,
            pid,
            pidfd,
            log,
            input,
            outputs,
            channel: Some(channel),
            attached: Vec::new(),
            failure: None,
            removal: None,
        };
        self.containers.insert(id, container);
        Ok(())
    }

    fn filter(&mut self, wanted: &Seccomp, granted: u64) -> Result<Filter, String> {
        let known = self.filters.iter().find(|((seccomp, set), _)| seccomp == wanted && *set == granted);
        if let Some((_, filter)) = known {
            return Ok(filter.clone());
        }
        let filter = seccomp::filter(wanted, granted).map_err(|error| error.to_string())?.map(Rc::from);
        self.filters.push(((wanted.clone(), granted), Option::clone(&filter)));
        Ok(filter)
    }

    fn start(&mut self, asker: Asker, id: &str) -> Result<(), Fault> {
        let container =
            self.containers.get_mut(id).ok_or_else(|| Fault::NotFound(format!("container {id}")))?;
        let name = &container.spec.name;
        let channel = container.channel.and_then(|token| self.sources.get(&token));
        let (Phase::Created, Some(Source::Setup { socket, .. })) = (container.phase, channel) else {
            return Err(Fault::State(format!("container {name} was started already")));
        };
        Container::release(socket).map_err(|e| Fault::Failed(format!("container {name}: {}", reason(&e))))?;
        container.phase = Phase::Starting(asker);
        Ok(())
    }

    fn signal(&mut self, id: &str, signal: i32) -> Result<(), Fault> {
        let container = self.container(id)?;
        if container.phase == Phase::Exited {
            return Ok(());
        }
        let sent = sys::pidfd_signal(container.pidfd.as_fd(), signal);
        match sent {
            Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
                let name = &container.spec.name;
                Err(Fault::Failed(format!(
                    "container {name}: cannot send signal {signal}: {}",
                    reason(&error)
                )))
            }
            _ => Ok(()),
        }
    }

    fn remove(&mut self, asker: Asker, id: &str) -> Result<(), Fault> {
        let container = self.container(id)?;
        container.removal = Some(asker);
        if container.pid == 0 {
            self.finish_removal(id);
        } else {
            container.cgroup.kill();
        }
        Ok(())
    }

    fn finish_removal(&mut self, id: &str) {
        let Some(container) = self.containers.remove(id) else { return };
        for token in container.outputs.iter().chain(&container.attached).chain(&container.channel) {
            self.sources.remove(token);
        }
        let removed = container.cgroup.remove();
        let _ = fs::remove_file(self.state_file(id));
        if let Some(asker) = container.removal {
            self.reply(asker, removed.map_err(|error| Fault::Failed(error.to_string())));
        }
    }

    fn exec(
        &mut self,
        asker: Asker,
        id: &str,
        spec: &crate::spec::ExecSpec,
        streams: [Option<OwnedFd>; 3],
    ) -> Result<(), Fault> {
        let container = self.containers.get(id).ok_or_else(|| Fault::NotFound(format!("container {id}")))?;
        let name = container.spec.name.clone();
        if container.phase != Phase::Running {
            return Err(Fault::State(format!("container {name} is not running")));
        }
        let Spawned { pid, channel, .. } = spawn_exec(container, &self.spec, spec, streams)?;
        let channel = self.add(Source::ExecSetup { socket: channel, pid });
        let process = ExecProcess {
            asker,
            container: name,
            channel: Some(channel),
            terminal: None,
            failure: None,
            answered: false,
        };
        self.execs.insert(pid, process);
        Ok(())
    }

    fn attach(&mut self, asker: Asker, id: &str, descriptors: Vec<OwnedFd>) -> Result<(), Fault> {
        let container = self.container(id)?;
        if container.phase == Phase::Exited {
            return Err(Fault::State(format!("container {} has exited", container.spec.name)));
        }
        let input = if container.spec.stdin_once && !container.terminal {
            container.input.take()
        } else {
            container.input.as_ref().and_then(|input| input.try_clone().ok())
        };
        let streams = [Stream::Out, Stream::Err];
        for (fd, stream) in descriptors.into_iter().zip(streams) {
            let token = self.add(Source::Attached(Attached::new(fd, id, stream)));
            self.container(id)?.attached.push(token);
        }
        self.reply_with(asker, Ok(()), input.into_iter().collect());
        Ok(())
    }

    fn reopen_log(&mut self, id: &str) -> Result<(), Fault> {
        let container = self.container(id)?;
        match container.log.as_mut().map(Log::reopen) {
            Some(Err(error)) => {
                let name = &container.spec.name;
                Err(Fault::Failed(format!("container {name}: cannot open its log again: {}", reason(&error))))
            }
            _ => Ok(()),
        }
    }

    fn shut_down(&mut self, asker: Asker) {
        self.cgroup.kill();
        let ids: Vec<String> = self.containers.keys().cloned().collect();
        for id in &ids {
            self.drain(id);
            if let Some(log) = self.containers.get_mut(id).and_then(|c| c.log.as_mut()) {
                log.finish();
            }
        }
        if let Some(pid) = self.pod_init {
            let _ = sys::kill(pid, libc::SIGKILL);
        }
        let removed = self.cgroup.remove();
        while sys::reap().is_some() {}
        if let SharedMemory::Folder(folder) = &self.shared_memory {
            let _ = sys::unmount(folder);
        }
        self.reply(asker, removed.map_err(|error| Fault::Failed(error.to_string())));
        self.over = true;
    }

    // === children ===

    fn hear_setup(&mut self, id: &str) {
        loop {
            let Some(container) = self.containers.get_mut(id) else { return };
            let Some(token) = container.channel else { return };
            let Some(Source::Setup { socket, .. }) = self.sources.get(&token) else { return };
            match read_channel(socket) {
                FromChild::Nothing => return,
                FromChild::Message(tag::READY, ..) => {
                    if let Phase::Creating(asker) = container.phase {
                        container.phase = Phase::Created;
                        self.publish(id);
                        self.reply(asker, Ok(()));
                    }
                }
                FromChild::Message(tag::WARNING, text, _) => container.status.warnings.push(text),
                FromChild::Message(tag::TERMINAL, _, Some(master)) => {
                    container.input = master.try_clone().ok();
                    let fd = master;
                    if let Ok(flags) = rustix::fs::fcntl_getfl(&fd) {
                        let _ = rustix::fs::fcntl_setfl(&fd, flags | rustix::fs::OFlags::NONBLOCK);
                    }
                    let token = self.add(Source::Output { fd, id: id.into(), stream: Stream::Out });
                    if let Ok(container) = self.container(id) {
                        container.outputs.push(token);
                    }
                }
                FromChild::Message(_, text, _) => container.failure = Some(text),
                FromChild::Closed => {
                    container.channel = None;
                    // Without a failure it has exec'ed; with one, or during set-up, its end follows.
                    if let (Phase::Starting(asker), None) = (container.phase, &container.failure) {
                        container.phase = Phase::Running;
                        let pid = container.pid;
                        container.status.state = ContainerState::Running { pid, started_at: now_ms() };
                        self.sources.remove(&token);
                        self.publish(id);
                        self.reply(asker, Ok(()));
                    } else {
                        self.sources.remove(&token);
                    }
                    return;
                }
            }
        }
    }

    fn hear_exec(&mut self, pid: i32) {
        loop {
            let Some(exec) = self.execs.get_mut(&pid) else { return };
            let Some(token) = exec.channel else { return };
            let Some(Source::ExecSetup { socket, .. }) = self.sources.get(&token) else { return };
            match read_channel(socket) {
                FromChild::Nothing => return,
                FromChild::Message(tag::TERMINAL, _, master) => exec.terminal = master,
                FromChild::Message(tag::FAILED, text, _) => exec.failure = Some(text),
                FromChild::Message(..) => {}
                FromChild::Closed => {
                    exec.channel = None;
                    self.sources.remove(&token);
                    if exec.failure.is_none() {
                        exec.answered = true;
                        let (asker, terminal) = (exec.asker, exec.terminal.take());
                        self.reply_with(asker, Ok(()), terminal.into_iter().collect());
                    }
                    return;
                }
            }
        }
    }

    fn reap(&mut self) {
        while let Some((pid, status)) = sys::reap() {
            let signal = libc::WIFSIGNALED(status).then(|| libc::WTERMSIG(status));
            let code = signal.map_or_else(|| libc::WEXITSTATUS(status), |signal| 128 + signal);
            if self.execs.contains_key(&pid) {
                self.exec_ended(pid, code);
            } else if let Some(id) =
                self.containers.values().find(|c| c.pid == pid).map(|c| c.spec.id.clone())
            {
                self.container_ended(&id, code, signal);
            }
        }
    }

    fn exec_ended(&mut self, pid: i32, code: i32) {
        self.hear_exec(pid);
        let Some(exec) = self.execs.remove(&pid) else { return };
        if let Some(token) = exec.channel {
            self.sources.remove(&token);
        }
        if exec.answered {
            let (client, number) = exec.asker;
            self.send(client, &Message::ExecExited { number, code }, Vec::new());
        } else {
            let text =
                exec.failure.unwrap_or_else(|| format!("the process ended with {code} while it was set up"));
            self.reply(exec.asker, Err(Fault::Failed(format!("container {}: {text}", exec.container))));
        }
    }

    fn container_ended(&mut self, id: &str, code: i32, signal: Option<i32>) {
        self.hear_setup(id);
        let own_pids = !self.spec.share_pid && !self.spec.host_pid;
        let Some(container) = self.containers.get_mut(id) else { return };
        container.pid = 0;
        if !own_pids {
            // In a PID namespace of its own everything ended with its first process; here it has to be told.
            container.cgroup.kill();
        }
        self.drain(id);
        let Some(container) = self.containers.get_mut(id) else { return };
        if let Some(log) = &mut container.log {
            log.finish();
        }
        let outputs = std::mem::take(&mut container.outputs);
        let attached = std::mem::take(&mut container.attached);
        container.input = None;
        let phase = std::mem::replace(&mut container.phase, Phase::Exited);
        let started_at = match container.status.state {
            ContainerState::Running { started_at, .. } => Some(started_at),
            _ => None,
        };
        let oom_killed = code != 0 && container.cgroup.oom_kills() > 0;
        container.status.state = ContainerState::Exited(ExitStatus {
            code,
            signal,
            oom_killed,
            started_at,
            finished_at: now_ms(),
            unknown: false,
        });
        let name = container.spec.name.clone();
        let failure = container.failure.take();
        let removal = container.removal;
        for token in outputs {
            self.sources.remove(&token);
        }
        for token in attached {
            self.close_attached(token);
        }
        let text = failure.unwrap_or_else(|| format!("its process ended with {code} while it was set up"));
        let fault = Fault::Failed(format!("container {name}: {text}"));
        if let Phase::Creating(asker) = phase {
            // Nothing of a container that could not be created stays.
            self.finish_removal(id);
            let _ = remove_folder(&self.root_folder(id));
            return self.reply(asker, Err(fault));
        }
        self.publish(id);
        if let Phase::Starting(asker) = phase {
            self.reply(asker, Err(fault));
        }
        if removal.is_some() {
            self.finish_removal(id);
        }
    }

    // === output ===

    /// Copies what a pipe or terminal has now, at most one buffer of it, so that others get their turn.
    fn copy_output(&mut self, token: u64, id: &str) -> bool {
        let Some(Source::Output { fd, stream, .. }) = self.sources.get(&token) else { return false };
        let stream = *stream;
        let count = match rustix::io::read(fd, &mut self.buffer) {
            Ok(count @ 1..) => count,
            Err(Errno::INTR) => return true,
            Err(Errno::AGAIN) => return false,
            // The end: a terminal says it with an error.
            Ok(0) | Err(_) => {
                self.sources.remove(&token);
                return false;
            }
        };
        let Some(container) = self.containers.get_mut(id) else { return false };
        if let Some(log) = &mut container.log {
            log.write(stream, &self.buffer[..count]);
        }
        for token in container.attached.clone() {
            let Some(Source::Attached(attached)) = self.sources.get_mut(&token) else { continue };
            if attached.stream != stream {
                continue;
            }
            attached.push(&self.buffer[..count]);
            self.flush_attached(token);
        }
        true
    }

    fn drain(&mut self, id: &str) {
        let outputs = self.containers.get(id).map(|c| c.outputs.clone()).unwrap_or_default();
        for token in outputs {
            while self.copy_output(token, id) {}
        }
    }

    fn flush_attached(&mut self, token: u64) {
        let Some(Source::Attached(attached)) = self.sources.get_mut(&token) else { return };
        match attached.flush() {
            Ok(done) if done && attached.closing => self.forget_attached(token),
            Ok(done) => self.watch_writing(token, &self.sources[&token], !done),
            Err(_) => self.forget_attached(token),
        }
    }

    /// Closes after what waits has been written.
    fn close_attached(&mut self, token: u64) {
        if let Some(Source::Attached(attached)) = self.sources.get_mut(&token) {
            attached.closing = true;
        }
        self.flush_attached(token);
    }

    fn forget_attached(&mut self, token: u64) {
        let Some(Source::Attached(attached)) = self.sources.remove(&token) else { return };
        if let Some(container) = self.containers.get_mut(&attached.container) {
            container.attached.retain(|other| *other != token);
        }
    }
}

/// The devices of a container: the standard ones, those asked for, or all.
fn device_rules(spec: &ContainerSpec) -> Result<Vec<DeviceRule>, String> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    if spec.privileged {
        let all = |block| DeviceRule { block, major: None, minor: None, access: "rwm".into() };
        return Ok(vec![all(false), all(true)]);
    }
    let mut rules = standard_devices();
    for device in &spec.devices {
        let found = fs::metadata(&device.source)
            .map_err(|error| format!("cannot use device {}: {}", device.source.display(), reason(&error)))?;
        let number = found.rdev();
        rules.push(DeviceRule {
            block: found.file_type().is_block_device(),
            major: Some(libc::major(number)),
            minor: Some(libc::minor(number)),
            access: if device.access.is_empty() { "rwm".into() } else { device.access.clone() },
        });
    }
    Ok(rules)
}
