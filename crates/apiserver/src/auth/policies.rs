//! Roles and bindings in memory, in the shape that an access check needs: from a subject to its rules.
//!
//! Fed with the store's entries under [`PREFIX`]; pure apart from that. A role that a binding names and that does
//! not exist grants nothing and is no error, as upstream has it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use objects::selector::LabelSelector;
use serde_json::Value;

use super::rules::Rule;
use super::{Attributes, UserInfo};
use crate::strategy::fields::{items, text};

/// Where the four kinds lie in the store.
pub(super) const PREFIX: &str = "/registry/rbac.authorization.k8s.io/";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    User(String),
    Group(String),
}

/// Namespace (empty for ClusterRoles) and name.
type RoleName = (String, String);

#[derive(Debug)]
struct Role {
    rules: Arc<[Rule]>,
    labels: Value,
    aggregates: Vec<LabelSelector>,
}

#[derive(Debug)]
struct Binding {
    namespace: String,
    subjects: Vec<Subject>,
    role: RoleName,
}

/// All roles and bindings.
#[derive(Debug, Default)]
pub(super) struct Policies {
    roles: HashMap<RoleName, Role>,
    bindings: HashMap<Arc<str>, Binding>,
    by_subject: HashMap<(String, Subject), BTreeSet<Arc<str>>>,
}

// === impl Policies ===

impl Policies {
    /// Takes over the present state of one key; `None` when it is gone.
    pub(super) fn set(&mut self, key: &Arc<str>, value: Option<&[u8]>) {
        let Some(rest) = key.strip_prefix(PREFIX) else { return };
        let parts: Vec<&str> = rest.split('/').collect();
        let object = value.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
        match parts[..] {
            ["clusterroles", name] => self.set_role((String::new(), name.to_owned()), object),
            ["roles", namespace, name] => self.set_role((namespace.to_owned(), name.to_owned()), object),
            ["clusterrolebindings", _] => self.set_binding(key, "", object),
            ["rolebindings", namespace, _] => self.set_binding(key, namespace, object),
            _ => {}
        }
    }

    fn set_role(&mut self, name: RoleName, object: Option<Value>) {
        let Some(object) = object else {
            self.roles.remove(&name);
            return;
        };
        let aggregates =
            object.get("aggregationRule").map(|rule| items(rule, "clusterRoleSelectors")).unwrap_or_default();
        let role = Role {
            rules: items(&object, "rules").iter().map(Rule::parse).collect(),
            labels: object.pointer("/metadata/labels").cloned().unwrap_or_default(),
            aggregates: aggregates.iter().filter_map(|one| LabelSelector::from_object(one).ok()).collect(),
        };
        self.roles.insert(name, role);
    }

    fn set_binding(&mut self, key: &Arc<str>, namespace: &str, object: Option<Value>) {
        if let Some(old) = self.bindings.remove(key) {
            for subject in old.subjects {
                let place = (old.namespace.clone(), subject);
                if let Some(keys) = self.by_subject.get_mut(&place) {
                    keys.remove(key);
                    if keys.is_empty() {
                        self.by_subject.remove(&place);
                    }
                }
            }
        }
        let Some(object) = object else { return };
        let reference = object.get("roleRef").unwrap_or(&Value::Null);
        let of = if text(reference, "kind") == "Role" { namespace } else { "" };
        let subjects: Vec<Subject> = items(&object, "subjects").iter().filter_map(subject).collect();
        for subject in &subjects {
            let place = (namespace.to_owned(), subject.clone());
            self.by_subject.entry(place).or_default().insert(key.clone());
        }
        let role = (of.to_owned(), text(reference, "name").to_owned());
        self.bindings.insert(key.clone(), Binding { namespace: namespace.to_owned(), subjects, role });
    }

    /// Whether any rule of the user allows what is asked for.
    pub(super) fn allow(&self, user: &UserInfo, asked: &Attributes<'_>) -> bool {
        let namespace = if asked.resource.is_empty() { "" } else { asked.namespace };
        self.roles_of(user, namespace)
            .iter()
            .any(|role| self.any_rule(role, &mut HashSet::new(), &mut |rule| rule.allows(asked)))
    }

    /// All rules that apply to the user in a namespace; empty for cluster-wide ones alone.
    pub(super) fn rules_of(&self, user: &UserInfo, namespace: &str) -> Vec<Rule> {
        let mut found = Vec::new();
        for role in self.roles_of(user, namespace) {
            self.any_rule(role, &mut HashSet::new(), &mut |rule| {
                found.push(rule.clone());
                false
            });
        }
        found
    }

    /// The rules of a role, those aggregated into it included.
    pub(super) fn rules_of_role(&self, namespace: &str, name: &str) -> Option<Vec<Rule>> {
        let role = (namespace.to_owned(), name.to_owned());
        self.roles.get(&role)?;
        let mut found = Vec::new();
        self.any_rule(&role, &mut HashSet::new(), &mut |rule| {
            found.push(rule.clone());
            false
        });
        Some(found)
    }

    fn roles_of(&self, user: &UserInfo, namespace: &str) -> Vec<&RoleName> {
        let mut subjects = vec![Subject::User(user.name.clone())];
        subjects.extend(user.groups.iter().cloned().map(Subject::Group));
        let places: &[&str] = if namespace.is_empty() { &[""] } else { &["", namespace] };
        let mut found = Vec::new();
        for place in places {
            for subject in &subjects {
                let keys = self.by_subject.get(&((*place).to_owned(), subject.clone())).into_iter().flatten();
                found.extend(keys.filter_map(|key| self.bindings.get(key)).map(|binding| &binding.role));
            }
        }
        found
    }

    /// Shows each rule of a role and of what is aggregated into it to `test`, until that says true.
    fn any_rule<'a>(
        &'a self,
        name: &'a RoleName,
        seen: &mut HashSet<&'a RoleName>,
        test: &mut dyn FnMut(&Rule) -> bool,
    ) -> bool {
        let Some((name, role)) = self.roles.get_key_value(name) else { return false };
        if !seen.insert(name) {
            return false;
        }
        if role.rules.iter().any(&mut *test) {
            return true;
        }
        for selector in &role.aggregates {
            for (other, part) in self.roles.iter().filter(|((namespace, _), _)| namespace.is_empty()) {
                if selector.matches_labels(Some(&part.labels)) && self.any_rule(other, seen, test) {
                    return true;
                }
            }
        }
        false
    }
}

fn subject(value: &Value) -> Option<Subject> {
    let name = text(value, "name");
    match text(value, "kind") {
        "User" => Some(Subject::User(name.to_owned())),
        "Group" => Some(Subject::Group(name.to_owned())),
        "ServiceAccount" => {
            Some(Subject::User(format!("system:serviceaccount:{}:{name}", text(value, "namespace"))))
        }
        _ => None,
    }
}

/// The key of an object of these kinds, for tests and for the server's own writes.
#[cfg(test)]
pub(super) fn key(object: &Value) -> Arc<str> {
    use objects::meta;
    let plural = format!("{}s", meta::kind(object).to_lowercase());
    let place = match meta::namespace(object) {
        "" => String::new(),
        namespace => format!("{namespace}/"),
    };
    format!("{PREFIX}{plural}/{place}{}", meta::name(object)).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policies(objects: &[Value]) -> Policies {
        let mut policies = Policies::default();
        for object in objects {
            policies.set(&key(object), Some(object.to_string().as_bytes()));
        }
        policies
    }

    fn role(kind: &str, namespace: &str, name: &str, rules: Value) -> Value {
        json!({"kind": kind, "metadata": {"namespace": namespace, "name": name}, "rules": rules})
    }

    fn binding(kind: &str, namespace: &str, name: &str, role: (&str, &str), subject: Value) -> Value {
        json!({"kind": kind, "metadata": {"namespace": namespace, "name": name},
            "roleRef": {"kind": role.0, "name": role.1}, "subjects": [subject]})
    }

    fn may(
        policies: &Policies,
        user: &str,
        groups: &[&str],
        verb: &str,
        resource: &str,
        namespace: &str,
    ) -> bool {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let user = UserInfo { name: user.into(), groups, ..UserInfo::default() };
        policies.allow(&user, &Attributes { verb, resource, namespace, ..Attributes::default() })
    }

    fn sample() -> Vec<Value> {
        let pods = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
        vec![
            role("ClusterRole", "", "reader", pods.clone()),
            role("Role", "a", "local", pods),
            binding(
                "RoleBinding",
                "a",
                "one",
                ("ClusterRole", "reader"),
                json!({"kind": "User", "name": "u"}),
            ),
            binding(
                "RoleBinding",
                "a",
                "two",
                ("Role", "local"),
                json!({"kind": "ServiceAccount", "namespace": "b", "name": "s"}),
            ),
            binding(
                "ClusterRoleBinding",
                "",
                "all",
                ("ClusterRole", "reader"),
                json!({"kind": "Group", "name": "g"}),
            ),
            binding(
                "ClusterRoleBinding",
                "",
                "gone",
                ("ClusterRole", "missing"),
                json!({"kind": "User", "name": "v"}),
            ),
        ]
    }

    #[test]
    fn bindings_reach_as_far_as_their_namespace() {
        let policies = policies(&sample());
        assert!(may(&policies, "u", &[], "get", "pods", "a"));
        assert!(!may(&policies, "u", &[], "get", "pods", "b"));
        assert!(!may(&policies, "u", &[], "get", "pods", ""));
        assert!(!may(&policies, "u", &[], "list", "pods", "a"));
        assert!(may(&policies, "system:serviceaccount:b:s", &[], "get", "pods", "a"));
        assert!(may(&policies, "x", &["g"], "get", "pods", "b"));
        assert!(may(&policies, "x", &["g"], "get", "pods", ""));
        assert!(!may(&policies, "v", &[], "get", "pods", ""));
    }

    #[test]
    fn removal_and_change_take_effect() {
        let mut policies = policies(&sample());
        let objects = sample();
        policies.set(&key(&objects[2]), None);
        assert!(!may(&policies, "u", &[], "get", "pods", "a"));
        let mut changed = objects[4].clone();
        changed["subjects"] = json!([{"kind": "Group", "name": "h"}]);
        policies.set(&key(&changed), Some(changed.to_string().as_bytes()));
        assert!(!may(&policies, "x", &["g"], "get", "pods", "a"));
        assert!(may(&policies, "x", &["h"], "get", "pods", "a"));
        policies.set(&key(&objects[0]), None);
        assert!(!may(&policies, "x", &["h"], "get", "pods", "a"));
    }

    #[test]
    fn aggregation_is_transitive_and_ends_on_cycles() {
        let aggregate = |name: &str, own: &str, of: &str| {
            json!({"kind": "ClusterRole", "metadata": {"name": name, "labels": {"to": own}},
                "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"to": of}}]}})
        };
        let mut leaf = role(
            "ClusterRole",
            "",
            "leaf",
            json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]),
        );
        leaf["metadata"]["labels"] = json!({"to": "view"});
        let policies = policies(&[
            aggregate("top", "view", "edit"),
            aggregate("middle", "edit", "view"),
            leaf,
            binding(
                "ClusterRoleBinding",
                "",
                "b",
                ("ClusterRole", "top"),
                json!({"kind": "User", "name": "u"}),
            ),
        ]);
        assert!(may(&policies, "u", &[], "get", "pods", "a"));
        assert!(!may(&policies, "u", &[], "get", "secrets", "a"));
    }
}
