//! What all containers of a pod share: namespaces, address, volumes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsFd;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::node::v1::RuntimeClass;
use runtime::{EngineError, SandboxSpec};

use super::Outcome;
use crate::context::{Context, pod_ref};
use crate::pod::model::Desired;
use crate::spec::{files, resources};
use crate::volumes::{self, Holds, Volumes};
use tokio::sync::watch;

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
    runtime_handler(ctx, spec.runtime_class_name.as_deref().unwrap_or_default()).await?;
    if spec.host_users == Some(false) {
        return Err("can't set `spec.hostUsers: false`, runtime does not support user namespaces".to_owned());
    }
    let hostname = files::hostname(desired.name(), desired.namespace(), spec, &ctx.cluster_domain)?;
    let sandbox = SandboxSpec {
        uid: desired.uid().to_owned(),
        name: desired.name().to_owned(),
        namespace: desired.namespace().to_owned(),
        hostname,
        host_network,
        host_pid: spec.host_pid == Some(true),
        host_ipc: spec.host_ipc == Some(true),
        share_pid: spec.share_process_namespace == Some(true),
        sysctls: security.sysctls.iter().flatten().map(|s| (s.name.clone(), s.value.clone())).collect(),
        resources: resources::pod(spec, None),
        class: resources::class_group(resources::qos_class(spec)).to_owned(),
        shm_size: None,
        labels: BTreeMap::new(),
    };
    let create = async {
        match ctx.engine.create_sandbox(&sandbox).await {
            Ok(_) | Err(EngineError::Exists(_)) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    };
    if host_network {
        return create.await.map(|()| ctx.node_address);
    }
    // The rules of the address come before the first packet, and while the sandbox is made.
    let (created, guarded) = tokio::join!(create, guard(ctx, desired));
    created.and(guarded)?;
    attach(ctx, desired.uid()).await
}

/// Chooses the pod's addresses and waits until they may be used.
async fn guard(ctx: &Context, desired: &Desired) -> Result<(), String> {
    let Some(guard) = &ctx.guard else { return Ok(()) };
    let (network, uid) = (ctx.network.clone(), desired.uid().to_owned());
    let reserve = move || {
        let address = network.reserve(&uid).map_err(|e| e.to_string())?;
        let second = network.partner(address).map(IpAddr::from);
        Ok::<_, String>(std::iter::once(address.into()).chain(second).collect())
    };
    let addresses = tokio::task::spawn_blocking(reserve).await.map_err(|e| e.to_string())??;
    guard(desired.pod.clone(), addresses).await
}

/// Names under which a RuntimeClass may ask for this node's one runtime: its own, and the usual one.
const HANDLERS: [&str; 2] = ["launchway", "runc"];

/// Refuses pods of a runtime class that this node cannot serve.
async fn runtime_handler(ctx: &Context, class: &str) -> Result<(), String> {
    if class.is_empty() {
        return Ok(());
    }
    let classes: kube::Api<RuntimeClass> = kube::Api::all(ctx.client.clone());
    let found = classes.get(class).await.map_err(|error| match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    })?;
    if found.handler.is_empty() || HANDLERS.contains(&found.handler.as_str()) {
        return Ok(());
    }
    Err(format!("failed to get sandbox runtime: no runtime for \"{}\" is configured", found.handler))
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
pub(crate) async fn mount(
    ctx: Arc<Context>,
    pod: Arc<Pod>,
    holds: Arc<Holds>,
    before: Volumes,
    given_up: watch::Receiver<bool>,
) -> Outcome {
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let request = volumes::Request {
        client: ctx.client.clone(),
        images: ctx.images.clone(),
        dir: ctx.pod_dir(&uid),
        pod: pod.clone(),
        holds,
        facts: ctx.facts(None),
        before,
        given_up: given_up.clone(),
    };
    let result = volumes::mount(request).await.map_err(|e| e.to_string());
    if let Err(message) = &result
        && !*given_up.borrow()
    {
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
