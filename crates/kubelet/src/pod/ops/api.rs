//! What is written to the API about a pod: its status, and at its end its removal.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use serde_json::{Value, json};

use super::{Outcome, StatusError};
use crate::context::Context;
use crate::pod::model::Desired;

/// Writes what differs between two statuses, to the object of that UID.
pub(crate) async fn write_status(
    ctx: Arc<Context>,
    desired: Desired,
    uid: String,
    from: PodStatus,
    to: PodStatus,
) -> Outcome {
    let Some(patch) = status_patch(&uid, &from, &to) else {
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
                let gone = old.into_iter().flatten().filter(|c| temporary(c) && !holds_type(list, c));
                let gone = gone.map(|c| json!({"type": c["type"], "$patch": "delete"}));
                let new: Vec<Value> = new.cloned().chain(gone).collect();
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

/// Conditions that this kubelet takes away again.
fn temporary(condition: &Value) -> bool {
    matches!(condition["type"].as_str(), Some("PodResizePending" | "PodResizeInProgress"))
}

fn holds_type(list: &[Value], condition: &Value) -> bool {
    list.iter().any(|one| one["type"] == condition["type"])
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
        let resizing = status(json!({"conditions": [{"type": "PodResizePending", "status": "True"},
            {"type": "Mine", "status": "True"}]}));
        let done = status(json!({"conditions": []}));
        assert_eq!(
            status_patch("u", &resizing, &done).unwrap()["status"],
            json!({"conditions": [{"type": "PodResizePending", "$patch": "delete"}]})
        );
    }
}
