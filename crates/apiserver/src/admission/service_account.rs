//! ServiceAccount admission: every pod runs as an account that exists and, unless it opts out, gets a volume with a
//! token for it, the cluster's certificate and its namespace.

use objects::meta;
use objects::registry;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

use crate::status::Status;
use crate::strategy::Ctx;
use crate::strategy::fields::{default, is_empty, items, items_mut, set, text};

/// Where the token is in each container.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// What the names of token volumes begin with.
const VOLUME_PREFIX: &str = "kube-api-access-";

/// Lifetime of the token: an hour, and seven seconds by which such tokens are known.
const TOKEN_SECONDS: i64 = 3607;

/// Gives the pod its account and token volume.
pub(super) fn admit(ctx: &Ctx<'_>, pod: &mut Value) -> Result<(), Status> {
    // A mirror pod runs already, and nothing it may refer to is for its node to have.
    if meta::annotation(pod, "kubernetes.io/config.mirror").is_some() {
        return mirror(ctx, pod);
    }
    let Some(spec) = pod.get_mut("spec") else { return Ok(()) };
    if is_empty(spec, "serviceAccountName") {
        set(spec, "serviceAccountName", "default");
        set(spec, "serviceAccount", "default");
    }
    let name = text(spec, "serviceAccountName").to_owned();
    let kind = registry::by_resource("", "v1", "serviceaccounts").ok_or_else(Status::unknown_path)?;
    let namespace = ctx.namespace.unwrap_or_default();
    let missing = || {
        let detail =
            format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        Status::forbidden(ctx.kind, ctx.name, &detail)
    };
    let account = ctx.server.read(kind, ctx.namespace, &name).ok_or_else(missing)?;
    let wanted = spec
        .get("automountServiceAccountToken")
        .or_else(|| account.get("automountServiceAccountToken"))
        .and_then(Value::as_bool)
        .unwrap_or(true);
    if wanted {
        mount(spec)?;
    }
    if is_empty(spec, "imagePullSecrets") && !is_empty(&account, "imagePullSecrets") {
        let secrets = account.get("imagePullSecrets").cloned().unwrap_or_default();
        set(spec, "imagePullSecrets", secrets);
    }
    Ok(())
}

fn mirror(ctx: &Ctx<'_>, pod: &Value) -> Result<(), Status> {
    let found = crate::auth::node::references(pod);
    let refuse = |what: &str| {
        Err(Status::forbidden(ctx.kind, ctx.name, &format!("a mirror pod may not reference {what}")))
    };
    if !found.account.is_empty() {
        return refuse("service accounts");
    }
    if !found.secrets.is_empty() {
        return refuse("secrets");
    }
    Ok(())
}

/// Adds the volume once and mounts it where a container has nothing at that path.
fn mount(spec: &mut Value) -> Result<(), Status> {
    let existing = items(spec, "volumes")
        .iter()
        .map(|volume| text(volume, "name"))
        .find(|name| name.starts_with(VOLUME_PREFIX))
        .map(str::to_owned);
    let name = match &existing {
        Some(name) => name.clone(),
        None => {
            let mut bytes = [0; 8];
            let filled = SystemRandom::new().fill(&mut bytes);
            filled.map_err(|_| Status::internal("the system gives no random numbers"))?;
            meta::generated_name(VOLUME_PREFIX, u64::from_le_bytes(bytes))
        }
    };
    let mut needed = false;
    for list in ["initContainers", "containers"] {
        for container in items_mut(spec, list) {
            if items(container, "volumeMounts").iter().any(|mount| text(mount, "mountPath") == MOUNT_PATH) {
                continue;
            }
            needed = true;
            default(container, "volumeMounts", json!([]));
            if let Some(mounts) = container.get_mut("volumeMounts").and_then(Value::as_array_mut) {
                mounts.push(json!({"name": name, "readOnly": true, "mountPath": MOUNT_PATH}));
            }
        }
    }
    if !needed || existing.is_some() {
        return Ok(());
    }
    default(spec, "volumes", json!([]));
    if let Some(volumes) = spec.get_mut("volumes").and_then(Value::as_array_mut) {
        volumes.push(json!({"name": name, "projected": {"defaultMode": 0o644, "sources": [
            {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [
                {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
            ]}},
        ]}}));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_volume_mounted_where_nothing_is() {
        let mut spec = json!({
            "initContainers": [{"name": "i"}],
            "containers": [{"name": "a"}, {"name": "b", "volumeMounts": [{"name": "own", "mountPath": MOUNT_PATH}]}],
        });
        mount(&mut spec).unwrap();
        let name = spec["volumes"][0]["name"].as_str().unwrap().to_owned();
        assert!(name.starts_with(VOLUME_PREFIX) && name.len() == VOLUME_PREFIX.len() + 5);
        assert_eq!(spec["initContainers"][0]["volumeMounts"][0]["name"], name.as_str());
        assert_eq!(spec["containers"][0]["volumeMounts"][0]["readOnly"], true);
        assert_eq!(spec["containers"][1]["volumeMounts"].as_array().unwrap().len(), 1);
        let once = spec.clone();
        mount(&mut spec).unwrap();
        assert_eq!(spec, once);
    }
}
