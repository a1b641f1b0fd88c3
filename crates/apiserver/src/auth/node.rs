//! The Node authorizer: a kubelet reads what the pods bound to its node refer to, and writes about itself.
//!
//! Fed with the store's pods. A node that has no pod with a secret cannot read that secret, whatever it asks for.
//! Decision only for users `system:node:<name>` of group `system:nodes`; everything else is RBAC's.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use objects::selector::FieldSelector;
use serde_json::Value;
use store::Store;

use super::{Attributes, UserInfo};
use crate::strategy::fields::{items, text};

/// Where pods lie in the store.
pub(super) const PREFIX: &str = "/registry/core/pods/";

/// What one pod makes its node need.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// Names of secrets.
    pub(crate) secrets: BTreeSet<String>,
    /// Names of config maps.
    pub(crate) config_maps: BTreeSet<String>,
    /// Names of volume claims.
    pub(crate) claims: BTreeSet<String>,
    /// Name of the service account.
    pub(crate) account: String,
}

/// Pods by node.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: HashMap<String, HashMap<Arc<str>, References>>,
    node_of: HashMap<Arc<str>, String>,
}

/// The node that a user is, if it is one.
pub(crate) fn node_name(user: &UserInfo) -> Option<&str> {
    let member = user.groups.iter().any(|group| group == "system:nodes");
    user.name.strip_prefix("system:node:").filter(|name| member && !name.is_empty())
}

/// Namespace and name in the key of a pod.
fn split(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(PREFIX)?.split_once('/')
}

/// What a pod refers to.
pub(crate) fn references(pod: &Value) -> References {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let mut found =
        References { account: text(spec, "serviceAccountName").to_owned(), ..References::default() };
    let add = |set: &mut BTreeSet<String>, value: &Value, key: &str| {
        let name = text(value, key);
        if !name.is_empty() {
            set.insert(name.to_owned());
        }
    };
    for secret in items(spec, "imagePullSecrets") {
        add(&mut found.secrets, secret, "name");
    }
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in items(spec, list) {
            for source in items(container, "envFrom") {
                add(&mut found.secrets, &source["secretRef"], "name");
                add(&mut found.config_maps, &source["configMapRef"], "name");
            }
            for variable in items(container, "env") {
                add(&mut found.secrets, &variable["valueFrom"]["secretKeyRef"], "name");
                add(&mut found.config_maps, &variable["valueFrom"]["configMapKeyRef"], "name");
            }
        }
    }
    for volume in items(spec, "volumes") {
        add(&mut found.secrets, &volume["secret"], "secretName");
        add(&mut found.config_maps, &volume["configMap"], "name");
        add(&mut found.claims, &volume["persistentVolumeClaim"], "claimName");
        if volume.get("ephemeral").is_some_and(Value::is_object) {
            let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
            found.claims.insert(format!("{pod_name}-{}", text(volume, "name")));
        }
        for source in items(&volume["projected"], "sources") {
            add(&mut found.secrets, &source["secret"], "name");
            add(&mut found.config_maps, &source["configMap"], "name");
        }
        for driver in ["csi", "flexVolume", "iscsi", "rbd", "cephfs", "scaleIO", "storageos"] {
            for key in ["secretRef", "nodePublishSecretRef"] {
                add(&mut found.secrets, &volume[driver][key], "name");
            }
        }
    }
    found
}

// === impl Graph ===

impl Graph {
    /// Takes over the present state of one pod; `None` when it is gone.
    pub(super) fn set(&mut self, key: &Arc<str>, value: Option<&[u8]>) {
        if let Some(node) = self.node_of.remove(key)
            && let Some(pods) = self.nodes.get_mut(&node)
        {
            pods.remove(key);
            if pods.is_empty() {
                self.nodes.remove(&node);
            }
        }
        let Some(pod) = value.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok()) else { return };
        let node = text(&pod["spec"], "nodeName");
        if node.is_empty() {
            return;
        }
        self.node_of.insert(key.clone(), node.to_owned());
        self.nodes.entry(node.to_owned()).or_default().insert(key.clone(), references(&pod));
    }

    /// Whether any pod of the node in that namespace (or in any, when empty) fits.
    fn any(&self, node: &str, namespace: &str, mut test: impl FnMut(&str, &References) -> bool) -> bool {
        let pods = self.nodes.get(node).into_iter().flatten();
        pods.filter_map(|(key, references)| Some((split(key)?, references))).any(
            |((place, _), references)| {
                (namespace.is_empty() || place == namespace) && test(place, references)
            },
        )
    }

    fn has_pod(&self, node: &str, namespace: &str, name: &str) -> bool {
        let key = format!("{PREFIX}{namespace}/{name}");
        self.node_of.get(key.as_str()).is_some_and(|of| of == node)
    }

    /// Whether the node may do what is asked for.
    pub(super) fn allow(&self, store: &Store, node: &str, asked: &Attributes<'_>) -> bool {
        let reads = matches!(asked.verb, "get" | "list" | "watch");
        let named = reads && !asked.name.is_empty();
        match (asked.group, asked.resource, asked.subresource) {
            ("", "secrets", "") => {
                named && self.any(node, asked.namespace, |_, pod| pod.secrets.contains(asked.name))
            }
            ("", "configmaps", "") => {
                named && self.any(node, asked.namespace, |_, pod| pod.config_maps.contains(asked.name))
            }
            ("", "persistentvolumeclaims", "" | "status") => {
                let verb = if asked.subresource.is_empty() {
                    named
                } else {
                    matches!(asked.verb, "get" | "update" | "patch")
                };
                verb && self.any(node, asked.namespace, |_, pod| pod.claims.contains(asked.name))
            }
            ("", "persistentvolumes", "") => {
                asked.verb == "get"
                    && self.any(node, "", |place, pod| {
                        pod.claims.iter().any(|claim| volume_of(store, place, claim) == asked.name)
                    })
            }
            ("", "serviceaccounts", "token") => {
                asked.verb == "create" && self.any(node, asked.namespace, |_, pod| pod.account == asked.name)
            }
            ("", "serviceaccounts", "") => {
                asked.verb == "get" && self.any(node, asked.namespace, |_, pod| pod.account == asked.name)
            }
            ("", "pods", "") => match asked.verb {
                "get" => self.has_pod(node, asked.namespace, asked.name),
                "list" | "watch" => selects(asked, "spec.nodeName", node),
                // Whose pod it is and what a mirror pod may be is for admission to say.
                "create" | "delete" => true,
                _ => false,
            },
            ("", "pods", "status") => {
                matches!(asked.verb, "get" | "update" | "patch")
                    && self.has_pod(node, asked.namespace, asked.name)
            }
            ("", "pods", "eviction") => {
                asked.verb == "create" && self.has_pod(node, asked.namespace, asked.name)
            }
            ("", "nodes", "") => match asked.verb {
                "create" => true,
                "get" | "update" | "patch" => asked.name == node,
                "list" | "watch" => asked.name == node || selects(asked, "metadata.name", node),
                _ => false,
            },
            ("", "nodes", "status") => matches!(asked.verb, "get" | "update" | "patch") && asked.name == node,
            ("coordination.k8s.io", "leases", "") => {
                asked.namespace == "kube-node-lease"
                    && matches!(asked.verb, "get" | "create" | "update" | "patch" | "delete")
                    && (asked.name == node || (asked.verb == "create" && asked.name.is_empty()))
            }
            ("storage.k8s.io", "csinodes", "") => {
                matches!(asked.verb, "get" | "create" | "update" | "patch" | "delete")
                    && (asked.name == node || (asked.verb == "create" && asked.name.is_empty()))
            }
            ("", "services", "")
            | ("node.k8s.io", "runtimeclasses", "")
            | ("storage.k8s.io", "csidrivers", "")
            | ("certificates.k8s.io", "clustertrustbundles", "") => reads,
            ("" | "events.k8s.io", "events", "") => matches!(asked.verb, "create" | "update" | "patch"),
            ("authentication.k8s.io", "tokenreviews", "")
            | ("authorization.k8s.io", "subjectaccessreviews" | "localsubjectaccessreviews", "") => {
                asked.verb == "create"
            }
            ("certificates.k8s.io", "certificatesigningrequests", "") => {
                matches!(asked.verb, "create" | "get" | "list" | "watch")
            }
            _ => false,
        }
    }
}

/// Whether a list or watch is narrowed to one value of a field.
fn selects(asked: &Attributes<'_>, path: &str, value: &str) -> bool {
    FieldSelector::parse(asked.field_selector).is_ok_and(|selector| selector.required(path) == Some(value))
}

/// Name of the volume that a claim is bound to; empty if none.
fn volume_of(store: &Store, namespace: &str, claim: &str) -> String {
    let entry = store.get(&format!("/registry/core/persistentvolumeclaims/{namespace}/{claim}"));
    let object = entry.and_then(|entry| serde_json::from_slice::<Value>(&entry.value).ok());
    object.map(|claim| text(&claim["spec"], "volumeName").to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(node: &str) -> Value {
        json!({"metadata": {"name": "p"}, "spec": {
            "nodeName": node, "serviceAccountName": "sa",
            "imagePullSecrets": [{"name": "pull"}],
            "containers": [{"env": [{"valueFrom": {"secretKeyRef": {"name": "env-s"}}},
                                    {"valueFrom": {"configMapKeyRef": {"name": "env-c"}}}],
                            "envFrom": [{"secretRef": {"name": "from-s"}}]}],
            "volumes": [{"secret": {"secretName": "vol-s"}}, {"persistentVolumeClaim": {"claimName": "claim"}},
                        {"projected": {"sources": [{"configMap": {"name": "pro-c"}}, {"secret": {"name": "pro-s"}}]}}],
        }})
    }

    #[test]
    fn every_reference_counts() {
        let found = references(&pod("n"));
        let secrets: Vec<_> = found.secrets.iter().map(String::as_str).collect();
        assert_eq!(secrets, ["env-s", "from-s", "pro-s", "pull", "vol-s"]);
        let maps: Vec<_> = found.config_maps.iter().map(String::as_str).collect();
        assert_eq!(maps, ["env-c", "pro-c"]);
        assert_eq!((found.claims.len(), found.account.as_str()), (1, "sa"));
    }

    #[test]
    fn only_group_members_are_nodes() {
        let mut user = UserInfo { name: "system:node:a".into(), ..UserInfo::default() };
        assert_eq!(node_name(&user), None);
        user.groups.push("system:nodes".into());
        assert_eq!(node_name(&user), Some("a"));
    }

    #[tokio::test]
    async fn a_node_sees_its_own_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), store::Options::default()).await.unwrap();
        let mut graph = Graph::default();
        let key: Arc<str> = format!("{PREFIX}ns/p").into();
        graph.set(&key, Some(pod("a").to_string().as_bytes()));
        let asked = |verb, resource, subresource, namespace, name, field_selector| Attributes {
            verb,
            resource,
            subresource,
            namespace,
            name,
            field_selector,
            ..Attributes::default()
        };
        for (node, asked, want) in [
            ("a", asked("get", "secrets", "", "ns", "vol-s", ""), true),
            ("b", asked("get", "secrets", "", "ns", "vol-s", ""), false),
            ("a", asked("get", "secrets", "", "other", "vol-s", ""), false),
            ("a", asked("get", "secrets", "", "ns", "another", ""), false),
            ("a", asked("list", "secrets", "", "ns", "", ""), false),
            ("a", asked("update", "secrets", "", "ns", "vol-s", ""), false),
            ("a", asked("get", "configmaps", "", "ns", "pro-c", ""), true),
            ("a", asked("create", "serviceaccounts", "token", "ns", "sa", ""), true),
            ("a", asked("create", "serviceaccounts", "token", "ns", "other", ""), false),
            ("b", asked("create", "serviceaccounts", "token", "ns", "sa", ""), false),
            ("a", asked("get", "pods", "", "ns", "p", ""), true),
            ("b", asked("get", "pods", "", "ns", "p", ""), false),
            ("a", asked("list", "pods", "", "", "", "spec.nodeName=a"), true),
            ("a", asked("list", "pods", "", "", "", "spec.nodeName=b"), false),
            ("a", asked("watch", "pods", "", "", "", ""), false),
            ("b", asked("patch", "pods", "status", "ns", "p", ""), false),
            ("a", asked("patch", "pods", "status", "ns", "p", ""), true),
            ("a", asked("get", "nodes", "", "", "a", ""), true),
            ("a", asked("get", "nodes", "", "", "b", ""), false),
            ("a", asked("patch", "nodes", "status", "", "b", ""), false),
            ("a", asked("delete", "nodes", "", "", "a", ""), false),
        ] {
            assert_eq!(graph.allow(&store, node, &asked), want, "{node} {asked:?}");
        }
        graph.set(&key, None);
        assert!(!graph.allow(&store, "a", &asked("get", "secrets", "", "ns", "vol-s", "")));
        store.close().await;
    }
}
