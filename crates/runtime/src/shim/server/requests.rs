//! What an engine asks for.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

use super::super::attach::Attached;
use super::super::container::{
    Asker, Container, ExecProcess, Filter, Phase, Spawned, spawn_exec, spawn_init,
};
use super::super::log::{Log, Stream};
use super::{Server, Source};
use crate::cgroup::{DeviceRule, standard_devices};
use crate::child::{SharedMemory, reason};
use crate::files::{now_ms, remove_folder};
use crate::protocol::{Call, Fault, Message};
use crate::spec::{ContainerSpec, Seccomp};
use crate::state::{ContainerState, ContainerStatus};
use crate::{capability, seccomp, sys};

impl Server {
    pub(super) fn handle(&mut self, asker: Asker, call: Call, descriptors: Vec<OwnedFd>) {
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
            Call::Attach { id, stdin } => self.attach(asker, &id, stdin, descriptors).err().map(Err),
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

    pub(super) fn container(&mut self, id: &str) -> Result<&mut Container, Fault> {
        self.containers.get_mut(id).ok_or_else(|| Fault::NotFound(format!("container {id}")))
    }

    pub(super) fn create(&mut self, asker: Asker, spec: ContainerSpec) -> Result<(), Fault> {
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
            let target = self.pid_target(&spec)?;
            let spawned = spawn_init(&spec, &self.spec, confinement, &folder, &self.shared_memory, target)?;
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

    /// First process of the container whose PID namespace is to be shared.
    fn pid_target(&self, spec: &ContainerSpec) -> Result<Option<BorrowedFd<'_>>, Fault> {
        let Some(id) = &spec.pid_target else { return Ok(None) };
        match self.containers.get(id) {
            Some(target) if target.phase == Phase::Running => Ok(Some(target.pidfd.as_fd())),
            _ => Err(Fault::Failed(format!("container {id}, whose processes it is to see, is not running"))),
        }
    }

    pub(super) fn filter(&mut self, wanted: &Seccomp, granted: u64) -> Result<Filter, String> {
        let known = self.filters.iter().find(|((seccomp, set), _)| seccomp == wanted && *set == granted);
        if let Some((_, filter)) = known {
            return Ok(filter.clone());
        }
        let filter = seccomp::filter(wanted, granted).map_err(|error| error.to_string())?.map(Rc::from);
        self.filters.push(((wanted.clone(), granted), Option::clone(&filter)));
        Ok(filter)
    }

    pub(super) fn start(&mut self, asker: Asker, id: &str) -> Result<(), Fault> {
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

    pub(super) fn signal(&mut self, id: &str, signal: i32) -> Result<(), Fault> {
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

    pub(super) fn remove(&mut self, asker: Asker, id: &str) -> Result<(), Fault> {
        let container = self.container(id)?;
        container.removal = Some(asker);
        if container.pid == 0 {
            self.finish_removal(id);
        } else {
            container.cgroup.kill();
        }
        Ok(())
    }

    pub(super) fn finish_removal(&mut self, id: &str) {
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

    pub(super) fn exec(
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

    pub(super) fn attach(
        &mut self,
        asker: Asker,
        id: &str,
        stdin: bool,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), Fault> {
        let container = self.container(id)?;
        if container.phase == Phase::Exited {
            return Err(Fault::State(format!("container {} has exited", container.spec.name)));
        }
        let input = if !stdin && !container.terminal {
            None
        } else if container.spec.stdin_once && !container.terminal {
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

    pub(super) fn reopen_log(&mut self, id: &str) -> Result<(), Fault> {
        let container = self.container(id)?;
        match container.log.as_mut().map(Log::reopen) {
            Some(Err(error)) => {
                let name = &container.spec.name;
                Err(Fault::Failed(format!("container {name}: cannot open its log again: {}", reason(&error))))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn shut_down(&mut self, asker: Asker) {
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
