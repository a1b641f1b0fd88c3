//! Starting one container: image, environment, mounts, files, process.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::{EngineError, Mount, MountSource, Propagation, Seccomp};
use tokio::sync::watch;

use super::{Outcome, StartError, Started};
use crate::context::{Context, container_ref};
use crate::images;
use crate::pod::model::{Desired, Slot};
use crate::spec::container::{self, Parts};
use crate::spec::env::{self, Objects};
use crate::spec::expand::expand_noting;
use crate::spec::files::{self, Resolver};
use crate::spec::security::{self, SeccompChoice};
use crate::spec::{resources, service_env};
use crate::volumes::{self, Holds, Volumes};

/// What a container's start needs.
pub(crate) struct Start {
    pub(crate) ctx: Arc<Context>,
    pub(crate) desired: Desired,
    pub(crate) slot: Slot,
    pub(crate) attempt: u32,
    pub(crate) holds: Arc<Holds>,
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) ip: Ipv4Addr,
    /// Turns true when the pod ends.
    pub(crate) given_up: watch::Receiver<bool>,
}

/// Starts one container: image, environment, mounts, process.
pub(crate) async fn start(start: Start) -> Outcome {
    let name = start.slot.spec.name.clone();
    let id = container::id(start.desired.uid(), &name, start.attempt);
    let result = start_container(&start, &id).await;
    if let Err(error) = &result
        && error.reason != images::GIVEN_UP
    {
        let object = container_ref(&start.desired.pod, &start.slot);
        // What is wrong with an image was told by whoever looked for it.
        let text = match error.reason.as_str() {
            reason @ ("ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName") => {
                format!("Error: {reason}")
            }
            _ => format!("Error: {}", error.message),
        };
        start.ctx.events.warning(object, "Failed", text);
    }
    Outcome::Started { name, id, result }
}

async fn start_container(start: &Start, id: &str) -> Result<Started, StartError> {
    let Start { ctx, desired, slot, attempt, holds, volumes, ip, given_up } = start;
    let uid = desired.uid();
    let spec = desired.spec();
    let container = &slot.spec;
    let object = container_ref(&desired.pod, slot);
    let reference = container.image.as_deref().unwrap_or_default();
    let policy = container.image_pull_policy.as_deref().unwrap_or("IfNotPresent");

    let (pod, given_up) = (&desired.pod, given_up.clone());
    let wanted = images::Wanted { reference, policy, pod, object: object.clone(), given_up };
    let image: images::Ready =
        ctx.images.ensure(wanted).await.map_err(|e| StartError::waiting(e.reason, e.message))?;

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
    let mut wanted = container::build(parts).map_err(|e| create(e.to_string()))?;
    wanted.pid_target = debugged(ctx, desired, &container.name).map_err(config)?;

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

/// The run of the container that an ephemeral container is to look into (`targetContainerName`).
fn debugged(ctx: &Context, desired: &Desired, name: &str) -> Result<Option<String>, String> {
    let ephemeral = desired.spec().ephemeral_containers.iter().flatten().find(|c| c.name == name);
    let Some(target) = ephemeral.and_then(|c| c.target_container_name.as_deref()).filter(|t| !t.is_empty())
    else {
        return Ok(None);
    };
    let runs = ctx.engine.sandbox(desired.uid()).map(|s| s.containers).unwrap_or_default();
    let running = |c: &runtime::ContainerStatus| {
        c.name == target && matches!(c.state, runtime::ContainerState::Running { .. })
    };
    let found = runs.into_iter().find(running);
    found.map(|c| Some(c.id)).ok_or_else(|| format!("unable to find target container {target:?}"))
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
        // Other containers of the pod have the file open: the same content is left as it is.
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(path);
        }
        fs::create_dir_all(&dir)
            .and_then(|()| fs::write(&path, text))
            .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok::<PathBuf, String>(path)
    };
    if !taken("/etc/hosts") {
        let text = if spec.host_network == Some(true) {
            files::hosts_of_node(&fs::read_to_string("/etc/hosts").unwrap_or_default(), spec)
        } else {
            let second = ctx.second_address(ip).map(IpAddr::from);
            let ips: Vec<IpAddr> = std::iter::once(ip.into()).chain(second).collect();
            files::hosts(desired.name(), desired.namespace(), spec, &ctx.cluster_domain, &ips)
        };
        list.push(bind(write("etc-hosts", &text)?, "/etc/hosts", false));
    }
    if !taken("/etc/resolv.conf") {
        let node = Resolver::parse(&fs::read_to_string(&ctx.resolv_conf).unwrap_or_default());
        let text = files::resolv_conf(desired.namespace(), spec, &ctx.cluster_domain, ctx.cluster_dns, &node);
        list.push(bind(write("resolv.conf", &text)?, "/etc/resolv.conf", false));
    }
    if !taken("/etc/hostname") && spec.host_network != Some(true) {
        let name = files::hostname(desired.name(), desired.namespace(), spec, &ctx.cluster_domain)?;
        list.push(bind(write("hostname", &format!("{name}\n"))?, "/etc/hostname", false));
    }
    let message = termination_path(ctx, desired, &container.name, attempt);
    if let Some(old) = attempt.checked_sub(2) {
        let _ = fs::remove_file(termination_path(ctx, desired, &container.name, old));
    }
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
