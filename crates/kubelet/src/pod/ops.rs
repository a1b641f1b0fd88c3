//! The things a worker begins: each does its IO alone, away from the worker, and ends in one [`Outcome`].
//!
//! Nothing here decides what happens next, and nothing here keeps state: what an operation needs is handed to it,
//! what it found out is in its outcome.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use runtime::{EngineError, Mount, MountSource, Propagation, SandboxSpec, Seccomp};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::model::{Desired, Slot};
use crate::context::{Context, container_ref, pod_ref};
use crate::handlers::Target;
use crate::spec::container::{self, Parts};
use crate::spec::env::{self, Objects};
use crate::spec::expand::expand_noting;
use crate::spec::files::{self, Resolver};
use crate::spec::security::{self, SeccompChoice};
use crate::spec::{resources, service_env};
use crate::volumes::{self, Holds, Volumes};
use crate::{hooks, images};

/// How an operation ended.
pub(crate) enum Outcome {
    Sandbox(Result<Ipv4Addr, String>),
    SandboxRemoved(Result<(), String>),
    Volumes(Box<Result<Volumes, String>>),
    VolumesRemoved(Result<(), String>),
    Started {
        name: String,
        id: String,
        result: Result<Started, StartError>,
    },
    Hooked {
        name: String,
        id: String,
        result: Result<(), String>,
    },
    /// The API has this status now, or does not.
    Status(Box<PodStatus>, Result<(), StatusError>),
    Deleted(Result<(), String>),
}

/// A container that runs.
pub(crate) struct Started {
    pub(crate) image: String,
    pub(crate) image_id: String,
}

/// Why a container does not run.
pub(crate) struct StartError {
    pub(crate) reason: String,
    pub(crate) message: String,
    /// It was created and its program could not be started: counts as a run that failed.
    pub(crate) ran: bool,
}

impl StartError {
    fn waiting(reason: &str, message: String) -> StartError {
        StartError { reason: reason.to_owned(), message, ran: false }
    }
}

/// Why a status was not taken.
pub(crate) enum StatusError {
    /// The pod is gone, or another of its name is there.
    Gone,
    Failed(String),
}

/// Creates namespaces and shim, and connects them to the network.
pub(crate) async fn create_sandbox(ctx: Arc<Context>, desired: Desired) -> Outcome {
    let result = sandbox(&ctx, &desired).await;
    if let Err(message) = &result {
        let text = format!("Failed to create pod sandbox: {message}");
        ctx.events.warning(pod_ref(&desired.pod), "FailedCreatePodSandBox", text);
    }
    Outcome::Sandbox(result)
}

async fn sandbox(ctx: &Context, desired: &Desired) -> Result<Ipv4Addr, String> {
    let spec = desired.spec();
    let security = spec.security_context.clone().unwrap_or_default();
    let host_network = spec.host_network == Some(true);
    let sandbox = SandboxSpec {
        uid: desired.uid().to_owned(),
        name: desired.name().to_owned(),
        namespace: desired.namespace().to_owned(),
        hostname: files::hostname(desired.name(), desired.namespace(), spec, &ctx.cluster_domain),
        host_network,
        host_pid: spec.host_pid == Some(true),
        host_ipc: spec.host_ipc == Some(true),
        share_pid: spec.share_process_namespace == Some(true),
        sysctls: security.sysctls.iter().flatten().map(|s| (s.name.clone(), s.value.clone())).collect(),
        resources: resources::pod(spec, None),
        shm_size: None,
        labels: BTreeMap::new(),
    };
    match ctx.engine.create_sandbox(&sandbox).await {
        Ok(_) | Err(EngineError::Exists(_)) => {}
        Err(error) => return Err(error.to_string()),
    }
    if host_network {
        return Ok(ctx.node_address);
    }
    attach(ctx, desired.uid()).await
}

/// Connects a sandbox to the network; idempotent.
async fn attach(ctx: &Context, uid: &str) -> Result<Ipv4Addr, String> {
    let (engine, network, uid) = (ctx.engine.clone(), ctx.network.clone(), uid.to_owned());
    let work = move || {
        let namespace = engine.network_namespace(&uid).map_err(|e| e.to_string())?;
        network.attach(&uid, namespace.as_fd()).map_err(|e| e.to_string())
    };
    tokio::task::spawn_blocking(work).await.map_err(|e| e.to_string())?
}

/// Kills and removes everything that runs of the pod, and frees its address.
pub(crate) async fn remove_sandbox(ctx: Arc<Context>, uid: String) -> Outcome {
    // The address goes first: it must not be given out while something still answers on it, and the links die
    // with the namespace anyway.
    let result = match ctx.engine.remove_sandbox(&uid).await {
        Ok(()) => {
            let network = ctx.network.clone();
            let detached = tokio::task::spawn_blocking(move || network.detach(&uid)).await;
            detached.map_err(|e| e.to_string()).and_then(|r| r.map_err(|e| e.to_string()))
        }
        Err(error) => Err(error.to_string()),
    };
    Outcome::SandboxRemoved(result)
}

/// Makes the volumes or brings them up to date.
pub(crate) async fn mount(ctx: Arc<Context>, pod: Arc<Pod>, holds: Arc<Holds>, before: Volumes) -> Outcome {
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let request = volumes::Request {
        client: ctx.client.clone(),
        images: ctx.images.clone(),
        dir: ctx.pod_dir(&uid),
        pod: pod.clone(),
        holds,
        facts: ctx.facts(None),
        before,
    };
    let result = volumes::mount(request).await.map_err(|e| e.to_string());
    if let Err(message) = &result {
        ctx.events.warning(pod_ref(&pod), "FailedMount", message.clone());
    }
    Outcome::Volumes(Box::new(result))
}

/// Unmounts and deletes the pod's folder.
pub(crate) async fn unmount(ctx: Arc<Context>, uid: String) -> Outcome {
    let dir = ctx.pod_dir(&uid);
    let removed = tokio::task::spawn_blocking(move || {
        volumes::remove_tree(&dir).map_err(|e| format!("cannot remove {}: {e}", dir.display()))
    });
    Outcome::VolumesRemoved(removed.await.unwrap_or_else(|e| Err(e.to_string())))
}

/// What a container's start needs.
pub(crate) struct Start {
    pub(crate) ctx: Arc<Context>,
    pub(crate) desired: Desired,
    pub(crate) slot: Slot,
    pub(crate) attempt: u32,
    pub(crate) holds: Arc<Holds>,
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) ip: Ipv4Addr,
}

/// Starts one container: image, environment, mounts, process.
pub(crate) async fn start(start: Start) -> Outcome {
    let name = start.slot.spec.name.clone();
    let id = container::id(start.desired.uid(), &name, start.attempt);
    let result = start_container(&start, &id).await;
    if let Err(error) = &result {
        let object = container_ref(&start.desired.pod, &start.slot);
        let image = start.slot.spec.image.as_deref().unwrap_or_default();
        let text = match error.reason.as_str() {
            "ErrImagePull" => {
                start.ctx.events.warning(
                    object.clone(),
                    "Failed",
                    format!("Failed to pull image \"{image}\": {}", error.message),
                );
                "Error: ErrImagePull".to_owned()
            }
            _ => format!("Error: {}", error.message),
        };
        start.ctx.events.warning(object, "Failed", text);
    }
    Outcome::Started { name, id, result }
}

async fn start_container(start: &Start, id: &str) -> Result<Started, StartError> {
    let Start { ctx, desired, slot, attempt, holds, volumes, ip } = start;
    let uid = desired.uid();
    let spec = desired.spec();
    let container = &slot.spec;
    let object = container_ref(&desired.pod, slot);
    let reference = container.image.as_deref().unwrap_or_default();
    let policy = container.image_pull_policy.as_deref().unwrap_or("IfNotPresent");

    let image: images::Ready =
        ctx.images.ensure(reference, policy).await.map_err(|e| StartError::waiting(e.reason, e.message))?;
    let present = format!("Container image \"{reference}\" already present on machine");
    ctx.events.normal(object.clone(), "Pulled", present);

    let config = |message: String| StartError::waiting("CreateContainerConfigError", message);
    let objects = holds.objects().await.map_err(config)?;
    let env = environment(ctx, desired, slot, &objects, *ip).await.map_err(config)?;
    let pod_name = format!("{}_{}({uid})", desired.name(), desired.namespace());
    let security =
        security::of(&pod_name, spec, container, &image.config.user).map_err(|e| config(e.to_string()))?;
    let seccomp = match &security.seccomp {
        SeccompChoice::Default => Seccomp::Default,
        SeccompChoice::Unconfined => Seccomp::Unconfined,
        SeccompChoice::Localhost(path) => {
            let file = ctx.home.join("seccomp").join(path);
            let text = tokio::fs::read_to_string(&file).await;
            Seccomp::Profile(
                text.map_err(|e| config(format!("cannot load seccomp profile {}: {e}", file.display())))?,
            )
        }
    };
    let log_dir = ctx.log_dir(desired.namespace(), desired.name(), uid).join(&container.name);
    let mounts = {
        let (ctx, desired, slot) = (ctx.clone(), desired.clone(), slot.clone());
        let (volumes, env, ip, attempt, log_dir) =
            (volumes.clone(), env.clone(), *ip, *attempt, log_dir.clone());
        let work = move || {
            fs::create_dir_all(&log_dir).map_err(|e| format!("cannot make {}: {e}", log_dir.display()))?;
            if attempt > 1 {
                remove_logs(&log_dir, attempt - 1);
            }
            mounts(&ctx, &desired, &slot, &volumes, &env, ip, attempt)
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| config(e.to_string()))?.map_err(config)?
    };
    let parts = Parts {
        pod: &desired.pod,
        container,
        attempt: *attempt,
        image: &image.config,
        image_name: reference,
        image_id: &image.id,
        lower_dirs: image.lower_dirs,
        env,
        mounts,
        security,
        seccomp,
        resources: resources::container(container),
        oom_score_adj: resources::oom_score_adj(spec, container, ctx.node_memory),
        log_path: log_dir.join(format!("{attempt}.log")),
    };
    let create = |message: String| StartError::waiting("CreateContainerError", message);
    let wanted = container::build(parts).map_err(|e| create(e.to_string()))?;

    // At most the run before this one is kept, for `logs --previous` and for a restart of the daemon.
    if *attempt > 1 {
        let old = container::id(uid, &container.name, attempt - 2);
        if let Err(error) = ctx.engine.remove_container(uid, &old).await {
            tracing::debug!(%error, pod = desired.name(), container = container.name, "old container not removed");
        }
    }
    let mut created = ctx.engine.create_container(uid, &wanted).await;
    if let Err(EngineError::Exists(_)) = created {
        // Left by a daemon that ended between creating and starting.
        ctx.engine.remove_container(uid, id).await.map_err(|e| create(e.to_string()))?;
        created = ctx.engine.create_container(uid, &wanted).await;
    }
    created.map_err(|e| create(e.to_string()))?;
    ctx.events.normal(object.clone(), "Created", "Container created");
    ctx.engine.start_container(uid, id).await.map_err(|e| StartError {
        reason: "StartError".to_owned(),
        message: e.to_string(),
        ran: true,
    })?;
    ctx.events.normal(object, "Started", "Container started");
    Ok(Started { image: reference.to_owned(), image_id: image.id })
}

/// Logs of runs before `keep_from` go, rotated ones included.
fn remove_logs(dir: &Path, keep_from: u32) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let run = name.to_str().and_then(|n| n.split('.').next()).and_then(|n| n.parse::<u32>().ok());
        if run.is_some_and(|run| run < keep_from)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::debug!(%error, path = %entry.path().display(), "old log not removed");
        }
    }
}

async fn environment(
    ctx: &Context,
    desired: &Desired,
    slot: &Slot,
    objects: &Objects,
    ip: Ipv4Addr,
) -> Result<Vec<(String, String)>, String> {
    ctx.services.synced().await;
    let links = desired.spec().enable_service_links != Some(false);
    // The API server's own Service is in every pod's environment.
    let mut services = vec![];
    services.extend(ctx.services.get(Some("default"), "kubernetes"));
    if links {
        let own = ctx.services.list_in(desired.namespace());
        services.extend(own.into_iter().filter(|s| s.metadata.name.as_deref() != Some("kubernetes")));
    }
    let services = service_env::variables(services.iter().map(AsRef::as_ref));
    env::build(&desired.pod, &slot.spec, objects, services, &ctx.facts(Some(ip))).map_err(|e| e.to_string())
}

fn mounts(
    ctx: &Context,
    desired: &Desired,
    slot: &Slot,
    volumes: &Volumes,
    env: &[(String, String)],
    ip: Ipv4Addr,
    attempt: u32,
) -> Result<Vec<Mount>, String> {
    let dir = ctx.pod_dir(desired.uid());
    let container = &slot.spec;
    let bind = |source: PathBuf, target: &str, readonly| Mount {
        source: MountSource::Bind(source),
        target: target.to_owned(),
        readonly,
        propagation: Propagation::Private,
    };
    let mut list = Vec::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let volume = volumes
            .mounted
            .get(&mount.name)
            .ok_or_else(|| format!("volume \"{}\" is not mounted", mount.name))?;
        let lookup = |name: &str| env.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        let sub = match (&mount.sub_path, &mount.sub_path_expr) {
            (_, Some(text)) if !text.is_empty() => {
                let (path, unknown) = expand_noting(text, lookup);
                if !unknown.is_empty() {
                    return Err(format!("subPathExpr \"{text}\": missing value for {}", unknown.join(", ")));
                }
                path
            }
            (Some(path), _) => path.clone(),
            _ => String::new(),
        };
        let mut source = volume.path.clone();
        if !sub.is_empty() {
            if Path::new(&sub).is_absolute() || sub.split('/').any(|p| p == "..") {
                return Err(format!("subPath \"{sub}\" must be relative and without '..'"));
            }
            source = dir.join("subpaths").join(&container.name).join(index.to_string());
            volumes::sub_path(&volume.path, &sub, &source).map_err(|e| {
                format!(
                    "failed to prepare subPath for volumeMount \"{}\" of container \"{}\": {e}",
                    mount.name, container.name
                )
            })?;
        }
        list.push(Mount {
            propagation: match mount.mount_propagation.as_deref() {
                Some("HostToContainer") => Propagation::HostToContainer,
                Some("Bidirectional") => Propagation::Bidirectional,
                _ => Propagation::Private,
            },
            ..bind(source, &mount.mount_path, volume.readonly || mount.read_only == Some(true))
        });
    }

    let taken = |path: &str| {
        container.volume_mounts.iter().flatten().any(|m| m.mount_path.trim_end_matches('/') == path)
    };
    let spec = desired.spec();
    let write = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(&path, text))
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok::<PathBuf, String>(path)
    };
    if !taken("/etc/hosts") {
        let text = if spec.host_network == Some(true) {
            files::hosts_of_node(&fs::read_to_string("/etc/hosts").unwrap_or_default(), spec)
        } else {
            files::hosts(desired.name(), desired.namespace(), spec, &ctx.cluster_domain, ip)
        };
        list.push(bind(write("etc-hosts", &text)?, "/etc/hosts", false));
    }
    if !taken("/etc/resolv.conf") {
        let node = Resolver::parse(&fs::read_to_string(&ctx.resolv_conf).unwrap_or_default());
        let text = files::resolv_conf(desired.namespace(), spec, &ctx.cluster_domain, ctx.cluster_dns, &node);
        list.push(bind(write("resolv.conf", &text)?, "/etc/resolv.conf", false));
    }
    if !taken("/etc/hostname") && spec.host_network != Some(true) {
        let name = files::hostname(desired.name(), desired.namespace(), spec, &ctx.cluster_domain);
        list.push(bind(write("hostname", &format!("{name}\n"))?, "/etc/hostname", false));
    }
    let message = termination_path(ctx, desired, &container.name, attempt);
    if let Some(parent) = message.parent() {
        fs::create_dir_all(parent).map_err(|e| format!("cannot make {}: {e}", parent.display()))?;
    }
    // Whatever user the container runs as writes here.
    let prepared = fs::File::create(&message).and_then(|file| {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o666))
    });
    prepared.map_err(|e| format!("cannot write {}: {e}", message.display()))?;
    list.push(bind(message, termination_target(slot), false));
    Ok(list)
}

/// Where the container writes its last words, as it sees the path.
fn termination_target(slot: &Slot) -> &str {
    slot.spec.termination_message_path.as_deref().filter(|p| !p.is_empty()).unwrap_or("/dev/termination-log")
}

/// Where that file lies on the node.
pub(crate) fn termination_path(ctx: &Context, desired: &Desired, container: &str, attempt: u32) -> PathBuf {
    ctx.pod_dir(desired.uid()).join("containers").join(container).join(attempt.to_string())
}

/// Runs `postStart`.
pub(crate) async fn post_start(ctx: Arc<Context>, desired: Desired, slot: Slot, target: Target) -> Outcome {
    let (name, id) = (slot.spec.name.clone(), target.id.clone());
    let handler = slot.spec.lifecycle.as_ref().and_then(|l| l.post_start.clone());
    let result = match &handler {
        Some(handler) => hooks::run(handler, &target).await,
        None => Ok(()),
    };
    if let Err(message) = &result {
        let object = container_ref(&desired.pod, &slot);
        ctx.events.warning(object, "FailedPostStartHook", format!("PostStartHook failed: {message}"));
    }
    Outcome::Hooked { name, id, result }
}

/// Time between a pod's leaving the endpoints and its termination signal, for pods that a Service selects: requests
/// already sent to it, and those of proxies that have not heard yet, still find it. Pods that serve nothing are
/// signalled at once.
const DRAIN: Duration = Duration::from_millis(300);
/// What is left to a process after a `preStop` hook that used up the grace period.
const AFTER_HOOK: Duration = Duration::from_secs(2);
/// Pause before a kill is repeated when no exit was seen.
const KILL_AGAIN: Duration = Duration::from_secs(10);

/// What a container's end needs.
pub(crate) struct Stop {
    pub(crate) ctx: Arc<Context>,
    pub(crate) desired: Desired,
    pub(crate) slot: Slot,
    pub(crate) target: Target,
    /// When the container is killed; may move nearer while the stop is under way.
    pub(crate) deadline: watch::Receiver<Timestamp>,
    /// The pod leaves its Services: give them time to notice.
    pub(crate) drain: bool,
    /// Name or number of the signal that asks the process to end.
    pub(crate) signal: String,
}

/// Ends a container: hook, signal, kill. Goes on until the worker hears of the exit and drops it.
pub(crate) async fn stop(stop: Stop) {
    let Stop { ctx, desired, slot, target, mut deadline, drain, signal } = stop;
    let now = Timestamp::now();
    let mut extra = None;
    if *deadline.borrow() > now {
        if let Some(handler) = slot.spec.lifecycle.as_ref().and_then(|l| l.pre_stop.clone()) {
            let hook = hooks::run(&handler, &target);
            let ended = tokio::select! {
                result = hook => result,
                () = reached(&mut deadline) => Err("the grace period ended before the hook did".to_owned()),
            };
            if let Err(message) = ended {
                let object = container_ref(&desired.pod, &slot);
                ctx.events.warning(object, "FailedPreStopHook", format!("PreStopHook failed: {message}"));
            }
            extra = Some(tokio::time::Instant::now() + AFTER_HOOK);
        } else if drain {
            tokio::select! {
                () = tokio::time::sleep(DRAIN) => {}
                () = reached(&mut deadline) => {}
            }
        }
        let number = signal_number(&signal);
        if let Err(error) = ctx.engine.signal_container(&target.uid, &target.id, number).await {
            tracing::warn!(%error, pod = desired.name(), container = slot.spec.name, "signal not sent");
        }
        reached(&mut deadline).await;
        if let Some(extra) = extra {
            tokio::time::sleep_until(extra).await;
        }
    }
    loop {
        if let Err(error) = ctx.engine.kill_all(&target.uid, &target.id).await {
            tracing::warn!(%error, pod = desired.name(), container = slot.spec.name, "container not killed");
        }
        tokio::time::sleep(KILL_AGAIN).await;
    }
}

/// Waits for a moment that may move.
async fn reached(deadline: &mut watch::Receiver<Timestamp>) {
    loop {
        let at = *deadline.borrow_and_update();
        let left = Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
        tokio::select! {
            () = tokio::time::sleep(left) => return,
            changed = deadline.changed() => if changed.is_err() {
                // Nobody can move it any more: what is left is to wait for it.
                tokio::time::sleep(left).await;
                return;
            },
        }
    }
}

/// Number of a signal by its name or number; SIGTERM for what is neither.
fn signal_number(name: &str) -> i32 {
    const NAMES: [(&str, i32); 31] = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("ILL", 4),
        ("TRAP", 5),
        ("ABRT", 6),
        ("BUS", 7),
        ("FPE", 8),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("USR2", 12),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
        ("STKFLT", 16),
        ("CHLD", 17),
        ("CONT", 18),
        ("STOP", 19),
        ("TSTP", 20),
        ("TTIN", 21),
        ("TTOU", 22),
        ("URG", 23),
        ("XCPU", 24),
        ("XFSZ", 25),
        ("VTALRM", 26),
        ("PROF", 27),
        ("WINCH", 28),
        ("IO", 29),
        ("PWR", 30),
        ("SYS", 31),
    ];
    if let Ok(number) = name.parse::<i32>() {
        return if (1..=64).contains(&number) { number } else { 15 };
    }
    let bare = name.strip_prefix("SIG").unwrap_or(name);
    let realtime = |base: i32, rest: &str| {
        if rest.is_empty() { Some(base) } else { rest.parse::<i32>().ok().map(|n| base + n) }
    };
    if let Some(number) = bare.strip_prefix("RTMIN").and_then(|rest| realtime(34, rest)) {
        return number;
    }
    if let Some(number) = bare.strip_prefix("RTMAX").and_then(|rest| realtime(64, rest)) {
        return number;
    }
    NAMES.iter().find(|(n, _)| *n == bare).map_or(15, |(_, number)| *number)
}

/// Writes what differs between two statuses.
pub(crate) async fn write_status(
    ctx: Arc<Context>,
    desired: Desired,
    from: PodStatus,
    to: PodStatus,
) -> Outcome {
    let Some(patch) = status_patch(desired.uid(), &from, &to) else {
        return Outcome::Status(Box::new(to), Ok(()));
    };
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), desired.namespace());
    let answer = api.patch_status(desired.name(), &PatchParams::default(), &Patch::Strategic(&patch)).await;
    let result = match answer {
        Ok(_) => Ok(()),
        Err(error) => match client::failure(&error) {
            // A conflict here is the uid: this name is another pod now.
            client::Failure::NotFound | client::Failure::Conflict => Err(StatusError::Gone),
            _ => Err(StatusError::Failed(error.to_string())),
        },
    };
    Outcome::Status(Box::new(to), result)
}

/// Strategic merge patch from one status to another; `None` when nothing differs.
fn status_patch(uid: &str, from: &PodStatus, to: &PodStatus) -> Option<Value> {
    let (Ok(Value::Object(from)), Ok(Value::Object(to))) =
        (serde_json::to_value(from), serde_json::to_value(to))
    else {
        return None;
    };
    let mut changed = serde_json::Map::new();
    for (key, value) in &to {
        if from.get(key) == Some(value) {
            continue;
        }
        let value = match (key.as_str(), value) {
            // Merged by type: the ones that did not change stay out, and with them those of other owners.
            ("conditions", Value::Array(list)) => {
                let old = from.get(key).and_then(Value::as_array);
                let new = list.iter().filter(|c| old.is_none_or(|old| !old.contains(c)));
                let new: Vec<Value> = new.cloned().collect();
                if new.is_empty() {
                    continue;
                }
                Value::Array(new)
            }
            // Merged by address: the old address has to be dropped explicitly.
            ("podIPs" | "hostIPs", Value::Array(list)) if from.contains_key(key) => {
                let replace = json!({"$patch": "replace"});
                Value::Array(list.iter().cloned().chain([replace]).collect())
            }
            _ => value.clone(),
        };
        changed.insert(key.clone(), value);
    }
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        // Fields that this kubelet computes; others are none of its business.
        if matches!(key.as_str(), "reason" | "message") {
            changed.insert(key.clone(), Value::Null);
        }
    }
    (!changed.is_empty()).then(|| json!({"metadata": {"uid": uid}, "status": changed}))
}

/// Removes the object, if it is still this very pod.
pub(crate) async fn delete(ctx: Arc<Context>, desired: Desired) -> Outcome {
    let api: Api<Pod> = Api::namespaced(ctx.client.clone(), desired.namespace());
    let params = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions { uid: Some(desired.uid().to_owned()), resource_version: None }),
        ..DeleteParams::default()
    };
    let result = match api.delete(desired.name(), &params).await {
        Ok(_) => Ok(()),
        Err(error) => match client::failure(&error) {
            client::Failure::NotFound | client::Failure::Conflict => Ok(()),
            _ => Err(error.to_string()),
        },
    };
    Outcome::Deleted(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_by_name_and_number() {
        for (name, number) in [
            ("SIGTERM", 15),
            ("INT", 2),
            ("9", 9),
            ("SIGRTMIN+3", 37),
            ("RTMAX-2", 62),
            ("", 15),
            ("BOGUS", 15),
        ] {
            assert_eq!(signal_number(name), number, "{name}");
        }
    }

    #[test]
    fn only_what_changed_is_sent() {
        let status = |value| serde_json::from_value::<PodStatus>(value).unwrap();
        let from = status(
            json!({"phase": "Pending", "reason": "X", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
            "nominatedNodeName": "n",
            "conditions": [{"type": "Ready", "status": "False"}, {"type": "Mine", "status": "True"}]}),
        );
        let to = status(json!({"phase": "Running", "podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}],
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]}));
        assert_eq!(
            status_patch("u", &from, &to).unwrap(),
            json!({"metadata": {"uid": "u"}, "status": {
                "phase": "Running", "podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}, {"$patch": "replace"}],
                "reason": null,
                "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}]}})
        );
        assert_eq!(status_patch("u", &to, &to), None);
    }
}
