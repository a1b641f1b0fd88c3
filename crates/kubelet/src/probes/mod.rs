//! Startup, liveness and readiness probes of one running container.
//!
//! One task per container and probe, ended with the container's run. Results go to the pod's worker, which alone
//! decides what follows.

mod schedule;

use std::time::Duration;

use k8s_openapi::api::core::v1::Probe;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::handlers::Target;
use schedule::{Meaning, Numbers, Schedule};

/// Pause before the second try of a probe that has not succeeded yet; a command costs a process.
const EARLY: Duration = Duration::from_millis(10);
const EARLY_EXEC: Duration = Duration::from_millis(100);

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Startup,
    Liveness,
    Readiness,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Startup => "Startup",
            Kind::Liveness => "Liveness",
            Kind::Readiness => "Readiness",
        }
    }
}

/// What a probe has to say about a run of a container.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) container: String,
    /// The run it is about: results of an earlier run mean nothing.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) news: News,
}

/// One piece of news.
#[derive(Debug)]
pub(crate) enum News {
    /// A try failed; the text is for an event.
    Unhealthy(String),
    /// A try succeeded, and there is something to say about it.
    Warning(String),
    /// The success threshold was reached.
    Passed,
    /// The failure threshold was reached.
    Failed,
}

/// The probes of one run; dropping it ends them.
pub(crate) struct Probes {
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Probes {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Begins to probe. `running_for` is how long the container runs already, `startup_done` whether its startup probe
/// passed before (an adopted container); `send` turns a report into the worker's message.
pub(crate) fn start<M: Send + 'static>(
    target: Target,
    running_for: Duration,
    startup_done: bool,
    worker: mpsc::UnboundedSender<M>,
    wrap: fn(Report) -> M,
) -> Option<Probes> {
    let c = &target.container;
    if c.startup_probe.is_none() && c.liveness_probe.is_none() && c.readiness_probe.is_none() {
        return None;
    }
    let began = Instant::now().checked_sub(running_for).unwrap_or_else(Instant::now);
    let send = move |report| {
        // The worker is gone only when the pod is.
        let _ = worker.send(wrap(report));
    };
    let task = tokio::spawn(async move {
        let c = target.container.clone();
        if let Some(probe) = c.startup_probe.as_ref().filter(|_| !startup_done)
            && !run(&target, probe, Kind::Startup, began, &send).await
        {
            return;
        }
        let liveness = async {
            if let Some(probe) = &c.liveness_probe {
                run(&target, probe, Kind::Liveness, began, &send).await;
            }
        };
        let readiness = async {
            if let Some(probe) = &c.readiness_probe {
                run(&target, probe, Kind::Readiness, began, &send).await;
            }
        };
        tokio::join!(liveness, readiness);
    });
    Some(Probes { task })
}

/// Probes until the verdict is final: startup ends with either, liveness with failure, readiness never.
/// True when it ended by passing.
async fn run(target: &Target, probe: &Probe, kind: Kind, began: Instant, send: &impl Fn(Report)) -> bool {
    let numbers = Numbers::of(probe);
    let early = if probe.exec.is_some() { EARLY_EXEC } else { EARLY };
    let mut schedule = Schedule::new(numbers, (kind != Kind::Liveness).then_some(early));
    let first = if kind == Kind::Liveness && numbers.initial_delay.is_zero() {
        // The process deserves a moment before its life is in question.
        numbers.period
    } else {
        numbers.initial_delay
    };
    tokio::time::sleep_until(began + first).await;
    let zero = Instant::now();
    loop {
        let tried = Instant::now();
        let result = once(target, probe, numbers.timeout).await;
        let meaning = schedule.take(result.is_ok(), tried - zero);
        let tell = |news| {
            send(Report { container: target.container.name.clone(), id: target.id.clone(), kind, news });
        };
        match result {
            Err(message) if meaning != Meaning::Ignored => tell(News::Unhealthy(message)),
            Ok(Some(message)) => tell(News::Warning(message)),
            _ => {}
        }
        match meaning {
            Meaning::Passed => {
                tell(News::Passed);
                if kind == Kind::Startup {
                    return true;
                }
            }
            Meaning::Failed => {
                tell(News::Failed);
                if kind != Kind::Readiness {
                    return false;
                }
            }
            Meaning::Ignored | Meaning::Counted => {}
        }
        tokio::time::sleep_until(tried + schedule.pause()).await;
    }
}

/// One try; a success may come with a warning.
async fn once(target: &Target, probe: &Probe, timeout: Duration) -> Result<Option<String>, String> {
    let attempt = async {
        if let Some(action) = &probe.exec {
            let (code, output) = target.exec(action).await?;
            return if code == 0 { Ok(None) } else { Err(output.trim_end().to_owned()) };
        }
        if let Some(action) = &probe.http_get {
            let answer = target.http_get(action).await?;
            return match answer.status {
                200..300 => Ok(None),
                300..400 => Ok(Some(format!("Probe terminated redirects, Response body: {}", answer.body))),
                other => Err(format!("HTTP probe failed with statuscode: {other}")),
            };
        }
        if let Some(action) = &probe.tcp_socket {
            return target.tcp(action).await.map(|()| None);
        }
        match &probe.grpc {
            Some(action) => target.grpc(action).await.map(|()| None),
            None => Err("the probe names nothing to do".to_owned()),
        }
    };
    match tokio::time::timeout(timeout, attempt).await {
        Ok(result) => result,
        Err(_) => Err(late(target, probe, timeout)),
    }
}

/// What a probe says that did not end in time, in upstream's words.
fn late(target: &Target, probe: &Probe, timeout: Duration) -> String {
    let seconds = timeout.as_secs();
    if let Some(action) = &probe.exec {
        let command = action.command.as_deref().unwrap_or_default().join(" ");
        return format!("command timed out: {command:?} timed out after {seconds}s");
    }
    if let Some(action) = &probe.grpc {
        let address = format!("{}:{}", target.ip, action.port);
        return format!(
            "timeout: failed to connect service {address:?} within {seconds}s: context deadline exceeded"
        );
    }
    if let Some(address) = probe.tcp_socket.as_ref().and_then(|action| target.tcp_address(action).ok()) {
        return format!("dial tcp {}:{}: i/o timeout", address.0, address.1);
    }
    let url = probe.http_get.as_ref().and_then(|action| target.http(action).ok()).map(|get| get.url());
    let url = url.unwrap_or_default();
    format!("Get {url:?}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)")
}
