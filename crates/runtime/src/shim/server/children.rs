//! What children say while they are set up, and how they end.

use super::super::container::{FromChild, Phase, read_channel};
use super::super::log::Stream;
use super::{Server, Source};
use crate::child::tag;
use crate::files::{now_ms, remove_folder};
use crate::protocol::{Fault, Message};
use crate::state::{ContainerState, ExitStatus};
use crate::sys;

impl Server {
    pub(super) fn hear_setup(&mut self, id: &str) {
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

    pub(super) fn hear_exec(&mut self, pid: i32) {
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

    pub(super) fn reap(&mut self) {
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

    pub(super) fn exec_ended(&mut self, pid: i32, code: i32) {
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

    pub(super) fn container_ended(&mut self, id: &str, code: i32, signal: Option<i32>) {
        self.hear_setup(id);
        let Some(container) = self.containers.get_mut(id) else { return };
        let own_pids = !self.spec.share_pid && !self.spec.host_pid && container.spec.pid_target.is_none();
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
}
