//! Follows Deployments until every wanted pod is new and available, or says what keeps them from it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::{Api, LogParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};

use crate::manifests::PROJECT_LABEL;
use crate::{Event, Progress};

/// How long a rollout may go without any progress.
const PATIENCE: Duration = Duration::from_secs(300);

/// Restarts after which a pod that keeps ending is given up.
const RESTARTS: i32 = 2;

/// What keeps a pod from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Reason as `kubectl get pods` shows it.
    pub reason: String,
    /// What the node says.
    pub message: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pod {}, container {}: {}: {}", self.pod, self.container, self.reason, self.message)
    }
}

/// Why a rollout did not end well. Pods of the version before go on running.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// A new pod cannot run.
    #[error("{trouble}{log}\n  pods of the version before go on running; mend the cause and run again")]
    Stuck {
        /// What keeps it.
        trouble: Trouble,
        /// The end of its log, if it has one.
        log: String,
    },
    /// Nothing happened for long.
    #[error("no progress for {} seconds: {waiting}; look with `kubectl get events -n {namespace}`", PATIENCE.as_secs())]
    Silent {
        /// What is being waited for.
        waiting: String,
        /// The namespace.
        namespace: String,
    },
    /// The watch broke off for good.
    #[error("cannot follow the rollout: {0}")]
    Watch(String),
}

/// How far one Deployment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing {
    available: i32,
    wanted: i32,
    complete: bool,
}

/// Waits until the Deployments `names` of `project` are rolled out.
pub(crate) async fn follow(
    client: &Client,
    project: &str,
    names: &[&str],
    progress: Progress<'_>,
) -> Result<(), RolloutError> {
    let config = || watcher::Config::default().labels(&format!("{PROJECT_LABEL}={project}"));
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), project);
    let pods: Api<Pod> = Api::namespaced(client.clone(), project);
    let mut deployment_events = watcher(deployments, config()).applied_objects().boxed();
    let mut pod_events = watcher(pods.clone(), config()).applied_objects().boxed();
    let mut standings: BTreeMap<String, Standing> = BTreeMap::new();
    let broken = |e: watcher::Error| RolloutError::Watch(e.to_string());
    let ended = || RolloutError::Watch("the watch ended".to_owned());
    while !names.iter().all(|name| standings.get(*name).is_some_and(|standing| standing.complete)) {
        tokio::select! {
            deployment = deployment_events.try_next() => {
                let deployment = deployment.map_err(broken)?.ok_or_else(ended)?;
                let name = deployment.name_any();
                let standing = standing(&deployment);
                if names.contains(&name.as_str()) && standings.insert(name.clone(), standing) != Some(standing) {
                    progress(Event::Rollout { app: &name, available: standing.available, wanted: standing.wanted });
                }
            }
            pod = pod_events.try_next() => {
                let pod = pod.map_err(broken)?.ok_or_else(ended)?;
                if let Some(trouble) = trouble(&pod) {
                    let log = last_lines(&pods, &trouble).await;
                    return Err(RolloutError::Stuck { trouble, log });
                }
            }
            () = tokio::time::sleep(PATIENCE) => {
                let waiting = names.iter().filter(|name| !standings.get(**name).is_some_and(|s| s.complete));
                let waiting = waiting.copied().collect::<Vec<_>>().join(", ");
                return Err(RolloutError::Silent { waiting, namespace: project.to_owned() });
            }
        }
    }
    Ok(())
}

/// `kubectl rollout status`' rule: the controller has seen the newest template, every pod is of it, none is left
/// of an older one, all are available.
fn standing(deployment: &Deployment) -> Standing {
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let updated = status.updated_replicas.unwrap_or(0);
    let available = status.available_replicas.unwrap_or(0);
    let seen = status.observed_generation >= deployment.metadata.generation;
    let complete =
        seen && updated >= wanted && status.replicas.unwrap_or(0) <= updated && available >= updated;
    Standing { available: if seen { available.min(updated) } else { 0 }, wanted, complete }
}

/// What keeps `pod` from running, if something does that will not pass by itself.
pub(crate) fn trouble(pod: &Pod) -> Option<Trouble> {
    if pod.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find_map(|status| {
        let (reason, message) = stuck(status)?;
        Some(Trouble { pod: pod.name_any(), container: status.name.clone(), reason, message })
    })
}

fn stuck(status: &ContainerStatus) -> Option<(String, String)> {
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.clone().unwrap_or_default();
    let message = waiting.message.clone().unwrap_or_default();
    match reason.as_str() {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "ErrImageNeverPull"
        | "InvalidImageName"
        | "CreateContainerConfigError"
        | "CreateContainerError"
        | "RunContainerError" => Some((reason, message)),
        "CrashLoopBackOff" if status.restart_count >= RESTARTS => {
            let last = status.last_state.as_ref().and_then(|state| state.terminated.as_ref());
            let ended = last.map_or(message, |last| {
                let text = last.message.clone().unwrap_or_default();
                format!("it ended with exit code {}; {}", last.exit_code, text.trim())
            });
            Some((reason, ended))
        }
        _ => None,
    }
}

async fn last_lines(pods: &Api<Pod>, trouble: &Trouble) -> String {
    let parameters = LogParams { previous: true, tail_lines: Some(10), ..LogParams::default() };
    match pods.logs(&trouble.pod, &parameters).await {
        Ok(log) if !log.trim().is_empty() => {
            format!("\n  its last lines:\n    {}", log.trim_end().replace('\n', "\n    "))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(status: serde_json::Value) -> Standing {
        let object = json!({
            "metadata": { "generation": 2 },
            "spec": { "replicas": 2, "selector": {}, "template": {} },
            "status": status,
        });
        standing(&serde_json::from_value(object).unwrap())
    }

    #[test]
    fn a_rollout_is_complete_when_only_new_pods_are_left() {
        let cases = [
            (
                json!({ "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2 }),
                false,
            ),
            (
                json!({ "observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3 }),
                false,
            ),
            (
                json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1 }),
                false,
            ),
            (
                json!({ "observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2 }),
                true,
            ),
        ];
        for (status, complete) in cases {
            assert_eq!(deployment(status.clone()).complete, complete, "{status}");
        }
    }

    fn pod(state: serde_json::Value, restarts: i32) -> Option<Trouble> {
        let status = json!({ "name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": restarts,
            "state": state, "lastState": { "terminated": { "exitCode": 3 } } });
        trouble(
            &serde_json::from_value(
                json!({ "metadata": { "name": "p" }, "status": { "containerStatuses": [status] } }),
            )
            .unwrap(),
        )
    }

    #[test]
    fn what_will_not_pass_is_trouble() {
        let waiting = |reason: &str| json!({ "waiting": { "reason": reason, "message": "m" } });
        assert!(pod(waiting("ContainerCreating"), 0).is_none());
        assert_eq!(pod(waiting("ErrImagePull"), 0).unwrap().message, "m");
        assert!(pod(waiting("CrashLoopBackOff"), 1).is_none(), "once may be bad luck");
        assert!(pod(waiting("CrashLoopBackOff"), 2).unwrap().message.contains("exit code 3"));
    }
}
