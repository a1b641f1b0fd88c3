//! A node takes leave of its cluster: no new pods, those it has end in order, its Node goes. Removing what is on the
//! machine is [`crate::delete()`]'s.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{EvictParams, ListParams, Patch, PatchParams};
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use crate::agent::{AgentSettings, agent_client};
use crate::error::StartError;
use crate::layout::Home;

/// How long pods may take to end, and disruption budgets to let them.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two tries to evict a pod that a disruption budget protects.
const RETRY: Duration = Duration::from_secs(2);

/// Why a node could not take leave.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// The API server cannot be reached or refused.
    #[error("API server: {0}")]
    Api(#[from] kube::Error),
    /// The node's keys cannot be used.
    #[error(transparent)]
    Node(#[from] StartError),
    /// Something did not happen in time.
    #[error("{0} within five minutes")]
    Late(String),
}

/// Cordons the node in `home`, evicts its pods (those of DaemonSets and static ones apart), waits until they are gone,
/// and has the Node removed.
pub async fn leave(
    home: &Home,
    settings: &AgentSettings,
    step: &mut dyn FnMut(&str),
) -> Result<(), LeaveError> {
    let client = agent_client(home, settings)?;
    let (nodes, name) = (Api::<Node>::all(client.clone()), settings.node.as_str());
    step("ending its pods");
    let cordon = json!({"spec": {"unschedulable": true}});
    nodes.patch(name, &PatchParams::default(), &Patch::Merge(&cordon)).await?;
    let evictions = async {
        for pod in pods(&client, name).await? {
            evict(&client, &pod).await?;
        }
        Ok::<(), kube::Error>(())
    };
    let evicted = tokio::time::timeout(PATIENCE, evictions).await;
    evicted.map_err(|_| LeaveError::Late("its pods did not end".to_owned()))??;
    step("removing the node");
    let left = json!({"metadata": {"annotations": {controllers::LEFT: "true"}}});
    nodes.patch(name, &PatchParams::default(), &Patch::Merge(&left)).await?;
    let uid = nodes.get_opt(name).await?.and_then(|node| node.uid()).unwrap_or_default();
    let gone =
        tokio::time::timeout(PATIENCE, await_condition(nodes, name, conditions::is_deleted(&uid))).await;
    match gone {
        Err(_) => Err(LeaveError::Late(format!("the Node {name} was not removed"))),
        // Refused because it is no node any more: that is what was waited for.
        Ok(_) => Ok(()),
    }
}

/// What must end before the machine goes.
async fn pods(client: &Client, node: &str) -> Result<Vec<Pod>, kube::Error> {
    let here = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let mut pods = Api::<Pod>::all(client.clone()).list(&here).await?.items;
    pods.retain(|pod| {
        let of_node =
            pod.owner_references().iter().any(|owner| owner.kind == "DaemonSet" || owner.kind == "Node");
        !of_node && pod.annotations().get("kubernetes.io/config.mirror").is_none()
    });
    Ok(pods)
}

async fn evict(client: &Client, pod: &Pod) -> Result<(), kube::Error> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
    let name = pod.name_any();
    loop {
        match api.evict(&name, &EvictParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 429 => tokio::time::sleep(RETRY).await,
            Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    let uid = pod.uid().unwrap_or_default();
    let gone = conditions::is_deleted(&uid);
    match await_condition(api, &name, gone).await {
        Ok(_) => Ok(()),
        Err(kube::runtime::wait::Error::ProbeFailed(error)) => Err(kube::Error::Service(error.into())),
    }
}
