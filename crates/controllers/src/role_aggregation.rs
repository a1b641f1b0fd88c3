//! ClusterRoles that are the sum of others: the rules of all that an aggregation rule selects, kept current.

use std::{sync::Arc, time::Duration};

use client::{Failure, Informer, Queue, failure};
use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule};
use kube::{
    Api,
    api::{Patch, PatchParams},
    core::Selector,
};
use serde_json::json;
use tokio::task::JoinSet;

use crate::shared::{Context, feed::feed, name, owners};

/// Keeps such roles.
pub(crate) async fn run(context: Context) {
    let roles = context.informers.of::<ClusterRole>();
    roles.synced().await;
    let queue = Queue::new();
    let mut feeds = JoinSet::new();
    let all = roles.clone();
    feed(&mut feeds, &roles, &queue, move |change| {
        // A role matters to itself and to those that select it, now or before.
        let forms = [change.previous(), Some(change.object())];
        let selected = |role: &ClusterRole| {
            forms
                .iter()
                .flatten()
                .any(|form| selectors(role).iter().any(|one| owners::selects(one, &form.metadata)))
        };
        let mut keys: Vec<_> =
            all.list().iter().filter(|role| selected(role)).map(|role| name(&**role).to_owned()).collect();
        keys.push(name(&**change.object()).to_owned());
        keys
    });
    let api = Api::all(context.client.clone());
    let reconcile = move |key: String| {
        let (api, roles) = (api.clone(), roles.clone());
        async move { aggregate(&api, &roles, &key).await }
    };
    queue.run("clusterrole-aggregation-controller", 2, reconcile).await;
}

async fn aggregate(
    api: &Api<ClusterRole>,
    roles: &Informer<ClusterRole>,
    key: &str,
) -> Result<Option<Duration>, kube::Error> {
    let Some(role) = roles.get(None, key).filter(|role| role.aggregation_rule.is_some()) else {
        return Ok(None);
    };
    let wanted = sum(&role, &roles.list());
    // The order says nothing.
    let known = role.rules.as_deref().unwrap_or_default();
    if known.len() == wanted.len() && wanted.iter().all(|rule| known.contains(rule)) {
        return Ok(None);
    }
    let patch = json!({"metadata": {"resourceVersion": role.metadata.resource_version}, "rules": wanted});
    match api.patch(key, &PatchParams::default(), &Patch::Merge(patch)).await {
        Err(error) if failure(&error) != Failure::NotFound => Err(error),
        _ => Ok(None),
    }
}

fn selectors(role: &ClusterRole) -> Vec<Selector> {
    let given = role.aggregation_rule.iter().flat_map(|rule| rule.cluster_role_selectors.iter().flatten());
    given.filter_map(|selector| owners::selector(Some(selector))).collect()
}

/// The rules of all selected roles, by their names, each rule once.
fn sum(role: &ClusterRole, all: &[Arc<ClusterRole>]) -> Vec<PolicyRule> {
    let selectors = selectors(role);
    let mut rules = Vec::new();
    let selected = all.iter().filter(|other| {
        name(&***other) != name(role)
            && selectors.iter().any(|selector| owners::selects(selector, &other.metadata))
    });
    for rule in selected.flat_map(|other| other.rules.iter().flatten()) {
        if !rules.contains(rule) {
            rules.push(rule.clone());
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn role(name: &str, label: &str, resources: &[&str], aggregates: Option<&str>) -> Arc<ClusterRole> {
        let rules: Vec<Value> = resources
            .iter()
            .map(|resource| json!({"apiGroups": [""], "resources": [resource], "verbs": ["get"]}))
            .collect();
        let mut role = json!({"metadata": {"name": name, "labels": {"to": label}}, "rules": rules});
        if let Some(label) = aggregates {
            role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {"to": label}}]});
        }
        Arc::new(serde_json::from_value(role).unwrap())
    }

    #[test]
    fn the_sum_holds_each_rule_once() {
        let sum_of = role("view", "view", &["old"], Some("view"));
        let all = [
            sum_of.clone(),
            role("a", "view", &["pods", "secrets"], None),
            role("b", "view", &["pods"], None),
            role("c", "edit", &["nodes"], None),
        ];
        let resources: Vec<_> =
            sum(&sum_of, &all).into_iter().map(|rule| rule.resources.unwrap().remove(0)).collect();
        assert_eq!(resources, ["pods", "secrets"], "not its own, not those of others");
    }
}
